"""The patients of the head CT study: heads drawn from scratch, or one real head; with a haemorrhage if asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim.core import resample
from physim.io import SOURCES, fetch, load_cranium_ct
from physim.io.loaders import Announce, Progress
from physim_phantoms import Grid, Phantom, anatomy

from .case_files import plain
from .ct_lesion import add_ellipsoid
from .draws import named_key
from .recipe_head_ct import HeadCtRecipe


def make_head(
    recipe: HeadCtRecipe,
    key: PRNGKeyArray,
    numbers: Mapping[str, float],
    sex: str,
    *,
    offline: bool = False,
    announce: Announce = None,
    progress: Progress = None,
) -> tuple[Phantom, dict[str, Any]]:
    """The healthy head of one case, and what is to be recorded about where it comes from."""
    grid = Grid(recipe.grid.shape, recipe.grid.spacing)
    if recipe.anatomy == "procedural":
        stream, age = named_key(key, "anatomy"), numbers["patient.age"]
        drawn = anatomy.head_parameters(stream, age=age, sex=sex)
        record = {"source": "procedural", "parameters": {name: plain(value) for name, value in drawn.items()}}
        return anatomy.head(grid, stream, age=age, sex=sex), record
    fetch("cranium-ct", offline=offline, announce=announce, progress=progress)
    digests = {piece.name: piece.sha256 for piece in SOURCES["cranium-ct"].pieces}
    return anatomy.from_ct(grid, _real_head(grid.shape, recipe.grid.spacing)), {
        "source": "cranium-ct",
        "sha256": digests,
    }


@lru_cache(maxsize=1)
def _real_head(shape: tuple[int, int, int], spacing: float) -> np.ndarray:
    """HU of the fetched head on the grid of the study, air where the scan ends; made once a process."""
    hu, grid = load_cranium_ct(offline=True)
    air = np.float32(1000)  # resampling puts zero outside, so HU are counted from air meanwhile
    return np.asarray(resample(np.maximum(hu + air, 0), grid, Grid(shape, spacing))) - air


def add_haemorrhage(
    patient: Phantom, key: PRNGKeyArray, numbers: Mapping[str, float]
) -> tuple[Phantom, np.ndarray, dict[str, Any]]:
    """The patient with an ellipsoid of blood in the brain, the share of blood of every voxel, and the record of it."""
    brain = _brain(patient)
    host = patient.fraction("white_matter") if "white_matter" in patient.names else brain
    return add_ellipsoid(
        patient, "blood", "haemorrhage", np.asarray(host), np.asarray(brain), key, numbers, depth=18.0
    )


def _brain(patient: Phantom) -> Float[Array, "x y z"]:
    """Fraction of brain; in a head made from HU alone, of soft tissue."""
    if "white_matter" not in patient.names:
        return patient.fraction("soft_tissue")
    return patient.mix((patient.values("tumour_diffusivity") > 0).astype(patient.fractions.dtype))
