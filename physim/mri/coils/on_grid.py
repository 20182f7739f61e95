"""Values of a map at points in the world."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim.core.interpolate import sample
from physim_phantoms import Grid


def at_points(
    values: Float[Array, "x y z"], grid: Grid, position: Float[Array, "spin 3"]
) -> Float[Array, " spin"]:
    """Trilinear values at positions in mm; beyond the outermost voxel centres the nearest of them goes on."""
    dtype = position.dtype
    index = (position - jnp.asarray(grid.origin, dtype)) @ jnp.asarray(grid.direction, dtype)
    index = index / jnp.asarray(grid.spacing, dtype)
    return sample(values.astype(dtype), jnp.clip(index, 0, np.array(grid.shape, dtype) - 1))


def complex_at_points(
    maps: Complex[Array, "coil x y z"], grid: Grid, position: Float[Array, "spin 3"]
) -> Complex[Array, "coil spin"]:
    """As `at_points`, for several complex maps; real and imaginary parts are interpolated each."""
    return jnp.stack(
        [jax.lax.complex(at_points(m.real, grid, position), at_points(m.imag, grid, position)) for m in maps]
    )
