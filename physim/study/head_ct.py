"""`head-ct`: patient, haemorrhage, CT scan, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from physim.io import CTSeries

from .ct_case import BONE, BRAIN
from .head_ct_patient import add_haemorrhage, make_head
from .recipe_head_ct import HeadCtRecipe
from .single_scan import Look, make_single_scan

_SOURCES = {"cranium-ct": "one real head CT", "procedural": ""}
_LOOK = Look(
    lesion="haemorrhage",
    digits=0,
    outline="blood",
    series=CTSeries(description="Head CT", window=(40.0, 80.0)),
    body_part="HEAD",
    windows=(BRAIN, BONE),
    shown={
        "blood": "blood",
        "white matter": "white_matter",
        "soft tissue": "soft_tissue",
        "bone": "cortical_bone",
    },
)


def make(
    recipe: HeadCtRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""

    def patient(numbers: Mapping[str, float], sex: str):
        healthy, source = make_head(recipe, key, numbers, sex, **fetching)
        return *add_haemorrhage(healthy, key, numbers), source

    look = replace(_LOOK, source=_SOURCES[recipe.anatomy])
    return make_single_scan(recipe, key, index, folder, look, patient)
