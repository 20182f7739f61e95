"""Patients from probability maps: an atlas, or what a segmentation network says."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer

from .._checks import InputError, is_concrete
from ..grid import Grid
from ..phantom import Phantom
from ..tissue import Tissue

FractionMap = (
    Float[Array | np.ndarray, "x y z"]
    | Integer[Array | np.ndarray, "x y z"]
    | Bool[Array | np.ndarray, "x y z"]
)


def from_probability_maps(
    grid: Grid,
    maps: Mapping[str, FractionMap] | Mapping[str | Tissue, FractionMap],
    *,
    background: str | Tissue = "air",
    components: int = 3,
) -> Phantom:
    """A phantom whose tissue probabilities are taken as volume fractions, 0 to 1; differentiable in the maps.

    The `background` fills what the maps leave of each voxel. Keeps the `components` largest fractions of a voxel
    and shares what lies beyond out in proportion. Maps from files come with their grid, already turned to RAS+:

        grey, grid = physim.io.read_image("grey_matter.nii.gz")
        patient = anatomy.from_probability_maps(grid, {"grey_matter": grey, ...}, background="csf")

    An atlas of the brain alone becomes a whole head with `embed_in_head`.

    Good values: `components=3`; 4 where four tissues meet inside one voxel of 2 mm and more.
    Raises `ValueError` for no map, a wrong shape, NaN, values outside 0 to 1, a voxel whose maps sum above 1 (with its
    place), or an unknown tissue (with the nearest name).
    """
    return Phantom.from_fractions(
        grid, {tissue: _fraction(tissue, values) for tissue, values in maps.items()}, components, background
    )


def _fraction(tissue: str | Tissue, values):
    """The map in floating point; bytes and percentages are refused with the factor that mends them."""
    name = tissue if isinstance(tissue, str) else tissue.name
    if np.ndim(values) == 0 or np.size(values) == 0:
        raise InputError(f"the map of {name} is empty; give an array [x, y, z] of fractions from 0 to 1")
    array = values if jnp.issubdtype(values.dtype, jnp.floating) else jnp.asarray(values, jnp.float32)
    if is_concrete(array):
        peak = float(jnp.max(jnp.asarray(array)))
        if np.isfinite(peak) and peak > 1 + 1e-3:
            scale = 255 if 100 < peak <= 255 else 100
            raise InputError(
                f"the map of {name} reaches {peak:g}; fractions lie between 0 and 1, so write for example map / {scale}"
            )
    return array
