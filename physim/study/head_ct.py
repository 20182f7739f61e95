"""`head-ct`: patient, haemorrhage, CT scan, files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim import ct
from physim.io import CTSeries, write_dicom_series, write_hdf5, write_nifti
from physim_phantoms import Grid, Phantom

from .case_files import COLOURS, case_of, digitised, labelled, tissue_colours, write_labels
from .contact_sheet import Column, Contour, contact_sheet
from .draws import drawn, drawn_sex, named_key
from .head_ct_patient import add_haemorrhage, make_head
from .recipe_head_ct import HeadCtRecipe

_SOURCES = {"cranium-ct": "one real head CT", "procedural": ""}
_HU_RANGE = (-1024, 3071)
BRAIN, BONE = (0.0, 80.0), (-500.0, 1300.0)  # HU


def make(
    recipe: HeadCtRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    healthy, source = make_head(recipe, key, numbers, sex, **fetching)
    patient, blood, lesion = add_haemorrhage(healthy, key, numbers)
    geometry = beam(recipe, patient.grid)
    protocol = ct.Protocol(kvp=numbers["protocol.kvp"], mas=numbers["protocol.mas"])
    raw = ct.scan(patient, geometry, protocol, named_key(key, "noise"))
    hu = np.clip(np.rint(np.asarray(ct.reconstruct(raw, patient.grid))), *_HU_RANGE).astype(np.int16)
    labels, names = labelled(patient)
    record = {
        "quantities": numbers,
        "sex": sex,
        "anatomy": source,
        "haemorrhage": lesion,
        "geometry": {
            "views": recipe.protocol.views,
            "detector_shape": list(geometry.detector_shape),
            "arc_rad": math.pi,
        },
        "label_names": names,
        "grid": {"shape": list(patient.grid.shape), "affine": patient.grid.affine.tolist()},
    }
    write_labels(folder, labels, names, patient)
    _write_volumes(recipe, folder, patient.grid, hu, labels, raw, record)
    if recipe.output.dicom:
        series = CTSeries(
            description="Head CT",
            kvp=numbers["protocol.kvp"],
            mas=numbers["protocol.mas"],
            kernel="HANN",
            window=(40.0, 80.0),
        )
        case = case_of(recipe, index, sex, numbers["patient.age"], _SOURCES[recipe.anatomy], "HEAD")
        write_dicom_series(folder / "dicom" / "ct", hu, patient.grid, series, case)
    _write_sheet(recipe, index, folder, patient, hu, blood, record)
    return record


def beam(recipe: HeadCtRecipe, grid: Grid) -> ct.ParallelBeam:
    """Views over half a turn round the middle of the grid; rows at its planes, columns that see all of it."""
    pixel, spacing = recipe.protocol.pixel_size, recipe.grid.spacing
    columns = math.ceil(math.hypot(*grid.extent[:2]) / pixel) + 2
    return ct.parallel_beam(
        recipe.protocol.views,
        (grid.shape[2], columns),
        (spacing, pixel),
        centre=tuple(map(float, grid.centre)),
    )


def _write_volumes(
    recipe: HeadCtRecipe,
    folder: Path,
    grid: Grid,
    hu: np.ndarray,
    labels: np.ndarray,
    raw: ct.Readings,
    record: Mapping[str, Any],
) -> None:
    write_nifti(folder / "ct.nii.gz", hu, grid)
    arrays: dict[str, Any] = {"images": {"ct": hu}, "labels": labels}
    units: dict[str, dict[str, Any]] = {"images/ct": {"units": "HU"}}
    if recipe.output.sinogram:
        arrays["sinogram"] = digitised(np.asarray(raw.log()))
        arrays["angles"] = np.asarray(raw.geometry.angles)
        units["sinogram"] = {
            "units": "1",
            "axes": "view, row, column",
            "pixel_size_mm": list(raw.geometry.pixel_size),
        }
        units["angles"] = {"units": "rad"}
    write_hdf5(folder / "case.h5", arrays, grid, attributes={"parameters": record}, array_attributes=units)


def _write_sheet(
    recipe: HeadCtRecipe,
    index: int,
    folder: Path,
    patient: Phantom,
    hu: np.ndarray,
    blood: np.ndarray,
    record: Mapping[str, Any],
) -> None:
    numbers, lesion = record["quantities"], record["haemorrhage"]
    outline = (Contour(blood, 0.5, COLOURS["blood"]),)
    shown = {
        "blood": "blood",
        "white matter": "white_matter",
        "soft tissue": "soft_tissue",
        "bone": "cortical_bone",
    }
    legend = {word: COLOURS[name] for word, name in shown.items() if name in patient.names}
    columns = [
        Column("BRAIN WINDOW", hu, "level 40 HU  width 80 HU", BRAIN),
        Column("BONE WINDOW", hu, "level 400 HU  width 1800 HU", BONE),
        Column("TISSUES", tissue_colours(patient), "mixture of every voxel", contours=outline, legend=legend),
    ]
    bleeding = f"haemorrhage {lesion['volume_ml']:.0f} ml" if lesion["volume_ml"] else "no haemorrhage"
    details = (
        f"{'woman' if record['sex'] == 'F' else 'man'}, {int(numbers['patient.age'])} years   ·   {bleeding}   ·   "
        f"{numbers['protocol.kvp']:.0f} kV, {numbers['protocol.mas']:.0f} mAs"
    )
    contact_sheet(
        folder / "contact_sheet.png",
        columns,
        patient.grid,
        lesion["centre_mm"],
        heading=f"{recipe.name}   case {index + 1:04d}",
        details=details,
    )
