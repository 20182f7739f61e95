"""Moving volumes: onto another grid, or along a displacement; pull-back by trilinear sampling."""

import itertools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_shape

from .interpolate import sample


def resample(volume: Float[Array | np.ndarray, "x y z"], source: Grid, target: Grid) -> Float[Array, "a b c"]:
    """The volume on another grid, at the same world positions; zero outside the source.

    Where the target is coarser, each of its voxels is the mean of a regular set of sub-positions no farther apart than
    the source's voxels, so that means survive; where it is finer the value is trilinear. Works for rotated grids.
    """
    require_shape("volume", volume, source.shape)
    volume = jnp.asarray(volume)
    per_axis = [
        max(1, int(np.ceil(float(t) / float(s) - 1e-6)))
        for t, s in zip(target.spacing, _along(source, target), strict=True)
    ]
    index = jnp.stack(
        jnp.meshgrid(*(jnp.arange(n, dtype=volume.dtype) for n in target.shape), indexing="ij"), axis=-1
    )
    matrix = np.linalg.inv(source.affine) @ target.affine
    total = jnp.zeros(target.shape, volume.dtype)
    for offset in itertools.product(*(_sub_positions(n) for n in per_axis)):
        shift = matrix[:3, :3] @ np.array(offset) + matrix[:3, 3]
        points = index @ jnp.asarray(matrix[:3, :3].T, volume.dtype) + jnp.asarray(shift, volume.dtype)
        total = total + sample(volume, points)
    return total / int(np.prod(per_axis))


def warp(
    volume: Float[Array | np.ndarray, "x y z"], grid: Grid, displacement: Float[Array | np.ndarray, "x y z 3"]
) -> Float[Array, "x y z"]:
    """Pulls the volume back: the value at position p comes from p + displacement(p); displacement in mm, world axes.

    Differentiable in the volume and in the displacement.
    """
    require_shape("volume", volume, grid.shape)
    volume = jnp.asarray(volume)
    if tuple(displacement.shape) != (*grid.shape, 3):
        raise InputError(
            f"displacement has shape {tuple(displacement.shape)}; it must be {(*grid.shape, 3)}, in mm"
        )
    index = jnp.stack(
        jnp.meshgrid(*(jnp.arange(n, dtype=volume.dtype) for n in grid.shape), indexing="ij"), axis=-1
    )
    direction, spacing = jnp.asarray(grid.direction, volume.dtype), jnp.asarray(grid.spacing, volume.dtype)
    return sample(volume, index + (displacement @ direction) / spacing)


def _along(source: Grid, target: Grid) -> np.ndarray:
    """Source spacing as seen along the target's axes, mm."""
    turned = np.abs(np.asarray(target.direction).T @ np.asarray(source.direction))
    return (turned @ np.asarray(source.spacing)) / turned.sum(axis=1)


def _sub_positions(count: int) -> np.ndarray:
    """Centres of `count` equal parts of a voxel, in voxel units from its centre."""
    return (np.arange(count) + 0.5) / count - 0.5
