"""Where a tumour starts."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_finite, require_range

Number = int | float | np.floating | Float[Array | np.ndarray, ""]


def seed_tumour(
    grid: Grid,
    centre: Sequence[float] | Float[Array | np.ndarray, "3"],
    radius: Number = 3.0,
    peak: Number = 0.8,
) -> Float[Array, "x y z"]:
    """A smooth seed: a Gaussian blob of tumour cells whose density is half the peak at `radius`.

        u(r) = peak · 2^−(|r − centre| / radius)²

    - `centre`: world position, RAS+ mm. - `radius`: mm, above 0. - `peak`: relative cell density in (0, 1].

    Differentiable in all three. Good values: radius 3 mm, not below the voxel size; peak 0.8.
    Raises `ValueError` for a centre outside the grid.
    """
    require_finite("centre", centre)
    require_range("radius", radius, 1e-3, 1e3, "mm")
    require_range("peak", peak, 1e-9, 1.0)
    position = jnp.asarray(centre, float)
    if position.shape != (3,):
        raise InputError(
            f"centre has shape {position.shape}; it must be three numbers in mm, like (20.0, -10.0, 30.0)"
        )
    _check_inside(grid, centre)
    offset = grid.centres() - position
    return jnp.asarray(peak * jnp.exp2(-jnp.sum(offset**2, axis=-1) / jnp.asarray(radius) ** 2))


def _check_inside(grid: Grid, centre) -> None:
    try:
        index = np.asarray(grid.world_to_index(np.asarray(centre, float)))
    except Exception:  # traced: nothing can be looked at
        return
    if np.any(index < -0.5) or np.any(index > np.array(grid.shape) - 0.5):
        raise InputError(
            f"centre {tuple(map(float, centre))} mm lies outside the grid, whose middle is {tuple(np.round(grid.centre, 1))} mm"
        )
