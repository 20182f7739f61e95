"""Line integrals of a volume along a geometry's rays, and their exact transpose, under one of several models."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_shape

from .geometry import ParallelBeam
from .joseph import Joseph


def project(
    volume: Float[Array | np.ndarray, "x y z"], grid: Grid, geometry: ParallelBeam, model: Joseph = Joseph()
) -> Float[Array, "view row column"]:
    """Integrals of `volume` along the rays of `geometry`: p = ∫ f dl, in the volume's unit times mm.

    The volume is zero outside the grid. Linear in the volume with `backproject` as its exact transpose; differentiable in
    volume, geometry and grid, to any order. Detector rows between two planes of voxels are interpolated linearly.
    Raises `ValueError` for NaN, a volume that does not fit the grid, or a grid tilted against z.
    """
    require_shape("volume", volume, grid.shape)
    require_finite("volume", volume)
    refuse_tilt(grid)
    return _project(_floating(volume), grid, geometry, model)


def backproject(
    sino: Float[Array | np.ndarray, "view row column"],
    grid: Grid,
    geometry: ParallelBeam,
    model: Joseph = Joseph(),
) -> Float[Array, "x y z"]:
    """The exact transpose of `project`: every voxel collects the rays that see it, with the same weights.

    Raises `ValueError` for NaN, a sinogram that does not fit the geometry, or a grid tilted against z.
    """
    require_shape("sino", sino, geometry.sinogram_shape)
    require_finite("sino", sino)
    refuse_tilt(grid)
    return _backproject(_floating(sino), grid, geometry, model)


@jax.jit
def _project(volume, grid: Grid, geometry: ParallelBeam, model: Joseph):
    return model.forward(volume, grid, geometry)


@jax.jit
def _backproject(sino, grid: Grid, geometry: ParallelBeam, model: Joseph):
    return model.transpose(sino, grid, geometry)


def _floating(values):
    values = jnp.asarray(values)
    return values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(jnp.float32)


def refuse_tilt(grid: Grid) -> None:
    """Rays in planes of constant z need voxel planes of constant z."""
    direction = grid.direction
    if is_concrete(direction) and np.max(np.abs(np.asarray(direction)[2, :2])) > 1e-6:
        raise InputError(
            "the grid is tilted against the z axis, and parallel rays lie in planes of constant z; "
            "resample first: physim.core.resample(volume, grid, Grid(shape, spacing))"
        )
