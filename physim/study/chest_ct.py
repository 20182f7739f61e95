"""`chest-ct`: patient, nodule, CT scan, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim.io import CTSeries
from physim_phantoms import Phantom

from .case_files import COLOURS, tissue_colours
from .contact_sheet import Column, Contour
from .ct_case import LUNG, SOFT_TISSUE, record_of, scanned, write_scan, write_sheet
from .draws import drawn, drawn_sex
from .recipe_body_ct import ChestCtRecipe
from .trunk_patient import add_nodule, make_trunk

TISSUES_SHOWN = {
    "lung": "lung",
    "blood": "blood",
    "heart": "myocardium",
    "liver": "liver",
    "muscle": "muscle",
    "bone": "cortical_bone",
}


def make(
    recipe: ChestCtRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    healthy, source = make_trunk(recipe, key, numbers, sex)
    patient, nodule, lesion = add_nodule(healthy, key, numbers)
    raw, hu = scanned(recipe, key, numbers, patient)
    record = record_of(numbers, sex, source, patient, raw) | {"nodule": lesion}
    series = CTSeries(description="Chest CT", window=(-600.0, 1500.0))
    write_scan(recipe, index, folder, patient, raw, hu, record, series, "CHEST")
    _write_sheet(recipe, index, folder, patient, hu, nodule, record)
    return record


def _write_sheet(
    recipe: ChestCtRecipe,
    index: int,
    folder: Path,
    patient: Phantom,
    hu: np.ndarray,
    nodule: np.ndarray,
    record: Mapping[str, Any],
) -> None:
    lesion = record["nodule"]
    outline = (Contour(nodule, 0.5, COLOURS["enhancing_tumour"]),)
    legend = {word: COLOURS[name] for word, name in TISSUES_SHOWN.items() if name in patient.names}
    columns = [
        Column("SOFT TISSUE WINDOW", hu, "level 40 HU  width 400 HU", SOFT_TISSUE),
        Column("LUNG WINDOW", hu, "level -600 HU  width 1500 HU", LUNG),
        Column("TISSUES", tissue_colours(patient), "mixture of every voxel", contours=outline, legend=legend),
    ]
    found = f"nodule {lesion['volume_ml']:.1f} ml" if lesion["volume_ml"] else "no nodule"
    write_sheet(recipe, index, folder, columns, patient.grid, lesion, found, record)
