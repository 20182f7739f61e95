"""`head-ct`: patient, haemorrhage, CT scan, files."""

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
from .ct_case import BONE, BRAIN, record_of, scanned, write_scan, write_sheet
from .draws import drawn, drawn_sex
from .head_ct_patient import add_haemorrhage, make_head
from .recipe_head_ct import HeadCtRecipe

_SOURCES = {"cranium-ct": "one real head CT", "procedural": ""}


def make(
    recipe: HeadCtRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    healthy, source = make_head(recipe, key, numbers, sex, **fetching)
    patient, blood, lesion = add_haemorrhage(healthy, key, numbers)
    raw, hu = scanned(recipe, key, numbers, patient)
    record = record_of(numbers, sex, source, patient, raw) | {"haemorrhage": lesion}
    series = CTSeries(description="Head CT", window=(40.0, 80.0))
    write_scan(recipe, index, folder, patient, raw, hu, record, series, "HEAD", _SOURCES[recipe.anatomy])
    _write_sheet(recipe, index, folder, patient, hu, blood, record)
    return record


def _write_sheet(
    recipe: HeadCtRecipe,
    index: int,
    folder: Path,
    patient: Phantom,
    hu: np.ndarray,
    blood: np.ndarray,
    record: Mapping[str, Any],
) -> None:
    lesion = record["haemorrhage"]
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
    write_sheet(recipe, index, folder, columns, patient.grid, lesion, bleeding, record)
