"""The patients of the brain MRI studies: one bent and scaled atlas brain, or brains drawn from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim.core import resample, warp
from physim.io import SOURCES, fetch, load_mni152
from physim.io.loaders import Announce, Progress
from physim_phantoms import Grid, Phantom, anatomy
from physim_phantoms.anatomy.waves import Waves

from .case_files import plain
from .draws import named_key, value_of
from .recipe_accelerated import AcceleratedMriRecipe
from .recipe_brain_protocol import BrainProtocolRecipe
from .recipe_glioma import GliomaRecipe

BrainRecipe = GliomaRecipe | AcceleratedMriRecipe | BrainProtocolRecipe

ATLAS_CENTRE = (0.0, -18.0, 4.0)  # mm in MNI space: the middle of the head that grows round the atlas
_WAVELENGTH = 90.0  # mm: the bend moves lobes, not gyri
_WAVES = 24


def make_patient(
    recipe: BrainRecipe,
    key: PRNGKeyArray,
    numbers: Mapping[str, float],
    sex: str,
    *,
    offline: bool = False,
    announce: Announce = None,
    progress: Progress = None,
) -> tuple[Phantom, dict[str, Any]]:
    """The healthy patient of one case, and what is to be recorded about where it comes from."""
    if recipe.anatomy == "procedural":
        return _procedural(recipe, named_key(key, "anatomy"), numbers["patient.age"], sex)
    fetch("mni152", offline=offline, announce=announce, progress=progress)
    return _bent_atlas(recipe, key, numbers["patient.bend"])


def _procedural(
    recipe: BrainRecipe, key: PRNGKeyArray, age: float, sex: str
) -> tuple[Phantom, dict[str, Any]]:
    grid = Grid(recipe.grid.shape, recipe.grid.spacing)
    patient = anatomy.brain(grid, key, age=age, sex=sex)
    drawn = anatomy.brain_parameters(key, age=age, sex=sex)
    return patient, {
        "source": "procedural",
        "parameters": {name: plain(value) for name, value in drawn.items()},
    }


def _bent_atlas(recipe: BrainRecipe, key: PRNGKeyArray, bend: float) -> tuple[Phantom, dict[str, Any]]:
    grid = _atlas_grid(recipe.grid.shape, recipe.grid.spacing)
    scales = [value_of(recipe.patient.scale, named_key(key, f"patient.scale.{axis}")) for axis in "xyz"]
    waves = Waves.sample(named_key(key, "patient.bend.waves"), _WAVES, _WAVELENGTH, components=3)
    moved = _displacement(grid, jnp.asarray(scales), jnp.asarray(bend), waves)
    maps = _pulled(_head(grid.shape, recipe.grid.spacing), grid, moved)
    digests = {piece.name: piece.sha256 for piece in SOURCES["mni152"].pieces}
    source = {"source": "mni152", "sha256": digests, "scale": scales, "bend_mm": bend}
    return anatomy.from_probability_maps(grid, maps, components=4), source


def _atlas_grid(shape: tuple[int, int, int], spacing: float) -> Grid:
    grid = Grid(shape, spacing)
    return Grid(shape, spacing, grid.origin + np.array(ATLAS_CENTRE))


@lru_cache(maxsize=1)
def _head(shape: tuple[int, int, int], spacing: float) -> dict[str, np.ndarray]:
    """The atlas with a head round it, on the grid of the study: the same for every case, so made once a process."""
    maps, atlas_grid = load_mni152(offline=True)
    grid = _atlas_grid(shape, spacing)
    brain = {
        name: np.asarray(resample(maps[name], atlas_grid, grid)) for name in ("grey_matter", "white_matter")
    }
    return {name: np.asarray(values) for name, values in anatomy.embed_in_head(brain, grid).items()}


@jax.jit
def _pulled(maps: dict[str, Array], grid: Grid, displacement) -> dict[str, Array]:
    return {name: warp(values, grid, displacement) for name, values in maps.items()}


@jax.jit
def _displacement(grid: Grid, scales, bend, waves: Waves) -> Float[Array, "x y z 3"]:
    """Pull-back displacement, mm: scaling about the middle of the head, and a smooth random field."""
    offset = grid.centres() - jnp.asarray(ATLAS_CENTRE)
    smooth = jnp.stack(waves((offset[..., 0], offset[..., 1], offset[..., 2])), axis=-1)
    return offset * (1 / scales - 1) + smooth * (bend / np.sqrt(3))
