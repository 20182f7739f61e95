"""`chest-ct`: patient, nodule, CT scan, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from physim.io import CTSeries

from .ct_case import LUNG, SOFT_TISSUE
from .recipe_body_ct import ChestCtRecipe
from .single_scan import Look, make_single_scan
from .trunk_patient import add_nodule, make_trunk

_LOOK = Look(
    lesion="nodule",
    digits=1,
    outline="enhancing_tumour",
    series=CTSeries(description="Chest CT", window=(-600.0, 1500.0)),
    body_part="CHEST",
    windows=(SOFT_TISSUE, LUNG),
    shown={
        "lung": "lung",
        "blood": "blood",
        "heart": "myocardium",
        "liver": "liver",
        "muscle": "muscle",
        "bone": "cortical_bone",
    },
)


def make(
    recipe: ChestCtRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""

    def patient(numbers: Mapping[str, float], sex: str):
        healthy, source = make_trunk(recipe, key, numbers, sex)
        return *add_nodule(healthy, key, numbers), source

    return make_single_scan(recipe, key, index, folder, _LOOK, patient)
