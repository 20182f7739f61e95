"""`brain-glioma-mri`: patient, tumour, MR examination, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim.io import write_dicom_series, write_hdf5, write_nifti

from .case_files import COLOURS, case_of, labelled, tissue_colours, write_labels
from .contact_sheet import Column, Contour, contact_sheet, window_over
from .draws import drawn, drawn_sex, named_key
from .glioma_patient import make_patient
from .glioma_scan import Contrast, examine
from .glioma_tumour import COMPARTMENTS, Lesion, make_tumour
from .recipe_glioma import GliomaRecipe

_SOURCES = {"mni152": "the MNI152 average brain", "procedural": ""}


def make(
    recipe: GliomaRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    healthy, source = make_patient(recipe, key, numbers, sex, **fetching)
    lesion = make_tumour(recipe, healthy, named_key(key, "tumour.site"), numbers)
    contrasts = examine(recipe, lesion.patient, key, numbers)
    labels, names = labelled(lesion.patient)
    record = {
        "quantities": numbers,
        "sex": sex,
        "anatomy": source,
        "tumour": lesion.record,
        "sequences": {name: contrast.record for name, contrast in contrasts.items()},
        "label_names": names,
        "grid": {"shape": list(healthy.grid.shape), "affine": healthy.grid.affine.tolist()},
    }
    write_labels(folder, labels, names, lesion.patient)
    _write_volumes(recipe, folder, lesion, contrasts, labels, record)
    if recipe.output.dicom:
        case = case_of(recipe, index, sex, numbers["patient.age"], _SOURCES[recipe.anatomy], "BRAIN")
        for name, contrast in contrasts.items():
            write_dicom_series(folder / "dicom" / name, contrast.image, healthy.grid, contrast.series, case)
    _write_sheet(recipe, index, folder, lesion, contrasts, record)
    return record


def _write_volumes(
    recipe: GliomaRecipe,
    folder: Path,
    lesion: Lesion,
    contrasts: Mapping[str, Contrast],
    labels: np.ndarray,
    record: Mapping[str, Any],
) -> None:
    """NIfTI for every volume, and all of them in one HDF5 file."""
    grid = lesion.patient.grid
    for name, contrast in contrasts.items():
        write_nifti(folder / f"{name}.nii.gz", contrast.image, grid)
    write_nifti(
        folder / "tumour.nii.gz", lesion.density, grid, description="relative tumour cell density, synthetic"
    )
    images = {name: contrast.image for name, contrast in contrasts.items()}
    arrays: dict[str, Any] = {"images": images, "labels": labels, "tumour_density": lesion.density}
    units = {
        f"images/{name}": {"units": "signal of fully relaxed water", **c.record}
        for name, c in contrasts.items()
    }
    if recipe.output.kspace:
        arrays["kspace"] = {name: np.asarray(contrast.raw.samples) for name, contrast in contrasts.items()}
        units |= {
            f"kspace/{name}": {"units": "signal of fully relaxed water times mm^3"} for name in contrasts
        }
    write_hdf5(folder / "case.h5", arrays, grid, attributes={"parameters": record}, array_attributes=units)


def _write_sheet(
    recipe: GliomaRecipe,
    index: int,
    folder: Path,
    lesion: Lesion,
    contrasts: Mapping[str, Contrast],
    record: Mapping[str, Any],
) -> None:
    patient, numbers = lesion.patient, record["quantities"]
    brain = np.asarray(patient.mix(patient.values("tumour_diffusivity") > 0)) > 0.5
    columns = [Column(c.title, c.image, c.note, window_over(c.image, brain)) for c in contrasts.values()]
    outlines = tuple(
        Contour(lesion.density, numbers[f"tumour.{name}_from"], COLOURS[tissue])
        for name, tissue in (("oedema", "oedema"), ("enhancing", "enhancing_tumour"))
    )
    legend = {name.replace("_", " "): COLOURS[name] for name in COMPARTMENTS}
    note = "mixture of every voxel"
    columns.append(Column("TISSUES", tissue_colours(patient), note, contours=outlines, legend=legend))
    tumour = record["tumour"]
    details = (
        f"{'woman' if record['sex'] == 'F' else 'man'}, {int(numbers['patient.age'])} years   ·   "
        f"{numbers['tumour.days']:.0f} days of growth   ·   tumour and oedema {tumour['volume_ml']:.0f} ml, "
        f"enhancing {tumour['enhancing_tumour_ml']:.0f} ml, necrosis {tumour['necrotic_core_ml']:.0f} ml   ·   "
        f"{numbers['scanner.field']:g} T"
    )
    heading = f"{recipe.name}   case {index + 1:04d}"
    contact_sheet(
        folder / "contact_sheet.png",
        columns,
        patient.grid,
        tumour["seed_mm"],
        heading=heading,
        details=details,
    )
