"""`brain-mri-protocol`: patient, examination, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim.io import write_dicom_series, write_hdf5, write_nifti
from physim_phantoms import Grid, Phantom

from .brain_protocol_scan import Acquired, apparent_diffusivity, examine, record_of
from .case_files import case_of, labelled, tissue_colours, write_labels
from .contact_sheet import Column, contact_sheet, window_over
from .draws import drawn, drawn_sex
from .glioma_patient import make_patient
from .recipe_brain_protocol import BrainProtocolRecipe

_SOURCES = {"mni152": "the MNI152 average brain", "procedural": ""}
_ADC_WINDOW = (0.0, 3e-3)  # mm²/s
_BESIDE = 8.0  # mm


def make(
    recipe: BrainProtocolRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    patient, source = make_patient(recipe, key, numbers, sex, **fetching)
    acquired = examine(recipe, patient, key, numbers)
    labels, names = labelled(patient)
    record = {
        "quantities": numbers,
        "sex": sex,
        "anatomy": source,
        "sequences": {name: record_of(one) for name, one in acquired.items()},
        "label_names": names,
        "grid": {"shape": list(patient.grid.shape), "affine": patient.grid.affine.tolist()},
    }
    write_labels(folder, labels, names, patient)
    for name, one in acquired.items():
        write_nifti(folder / f"{name}.nii.gz", one.image, one.grid)
    diffusivity = None
    if "dwi" in acquired:
        diffusivity = apparent_diffusivity(acquired, recipe.sequences.dwi.b_value)
        write_nifti(folder / "adc.nii.gz", diffusivity, acquired["dwi"].grid, description="mm2/s, synthetic")
    _write_case(recipe, folder, acquired, labels, record, patient.grid)
    if recipe.output.dicom:
        case = case_of(recipe, index, sex, numbers["patient.age"], _SOURCES[recipe.anatomy], "BRAIN")
        for name, one in acquired.items():
            write_dicom_series(folder / "dicom" / name, one.image, one.grid, one.plan.series, case)
    _write_sheet(recipe, index, folder, patient, acquired, diffusivity, record)
    return record


def _write_case(
    recipe: BrainProtocolRecipe,
    folder: Path,
    acquired: Mapping[str, Acquired],
    labels: np.ndarray,
    record: Mapping[str, Any],
    grid: Grid,
) -> None:
    """Labels, images and, if asked for, k-space in one HDF5 file."""
    arrays: dict[str, Any] = {"labels": labels, "images": {name: one.image for name, one in acquired.items()}}
    units = {f"images/{name}": {"units": "signal of fully relaxed water"} for name in acquired}
    if recipe.output.kspace:
        arrays["kspace"] = {name: np.asarray(one.raw.samples) for name, one in acquired.items()}
        units |= {
            f"kspace/{name}": {"units": "signal of fully relaxed water times mm^3"} for name in acquired
        }
    write_hdf5(folder / "case.h5", arrays, grid, attributes={"parameters": record}, array_attributes=units)


def _write_sheet(
    recipe: BrainProtocolRecipe,
    index: int,
    folder: Path,
    patient: Phantom,
    acquired: Mapping[str, Acquired],
    diffusivity: np.ndarray | None,
    record: Mapping[str, Any],
) -> None:
    numbers, depth = record["quantities"], patient.grid.shape[2]
    brain = np.asarray(patient.mix(patient.values("tumour_diffusivity") > 0)) > 0.5
    columns = []
    for name in recipe.sequences.played:
        one = acquired[name]
        volume = _in_planes(one.image, depth)
        columns.append(Column(one.plan.title, volume, one.plan.note, window_over(volume, brain)))
    if diffusivity is not None:
        note = f"b {recipe.sequences.dwi.b_value:.0f} s/mm²"
        columns.append(Column("ADC", _in_planes(diffusivity, depth), note, _ADC_WINDOW))
    columns.append(Column("TISSUES", tissue_colours(patient), "mixture of every voxel"))
    details = (
        f"{'woman' if record['sex'] == 'F' else 'man'}, {int(numbers['patient.age'])} years   ·   "
        f"{numbers['scanner.field']:g} T   ·   2-D slices {recipe.sequences.thickness:g} mm"
    )
    # Beside the falx, where a sagittal plane shows the hemisphere.
    middle = np.argwhere(brain).mean(axis=0) + (
        np.array([_BESIDE, 0.0, 0.0]) / np.asarray(patient.grid.spacing)
    )
    contact_sheet(
        folder / "contact_sheet.png",
        columns,
        patient.grid,
        np.asarray(patient.grid.index_to_world(middle)),
        heading=f"{recipe.name}   case {index + 1:04d}",
        details=details,
    )


def _in_planes(image: np.ndarray, planes: int) -> np.ndarray:
    """Slices repeated over the planes of the patient that they are thick."""
    return np.repeat(image, planes // image.shape[2], axis=2)
