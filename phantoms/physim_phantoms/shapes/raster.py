"""Bodies on a grid, slab by slab: mean values of voxels cut into cells, in bounded memory, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import InputError, is_concrete
from ..grid import Grid

if TYPE_CHECKING:
    from .shape import Body

_STEP = 8  # voxels: to compile once more takes longer than to visit these


def voxel_means(body: Body, grid: Grid, oversampling: int) -> Float[Array, "x y z"]:
    """The body's mean density in every voxel; only the voxels around a body of known place are visited."""
    if not isinstance(oversampling, int) or not 1 <= oversampling <= 64:
        raise InputError(f"oversampling is {oversampling!r}; it must be a whole number from 1 to 64")
    start, window = _window(body, grid)
    return _placed(body, grid, start, window, oversampling)


def _extent(body: Body, grid: Grid):
    """The body's centre and half widths in voxel indices."""
    index = grid.world_to_index(body.centre)
    axes = [body.rotation.T @ grid.direction[:, axis] for axis in range(3)]
    halves = [body.half_width(axis) for axis in axes]
    return index, [half / grid.spacing[axis] for axis, half in enumerate(halves)]


def _window(body: Body, grid: Grid) -> tuple[np.ndarray, tuple[int, int, int]]:
    """First voxel and size of a box of voxels around the body; the whole grid for traced or endless bodies.

    The size does not depend on where the body is and steps by `_STEP`, so that bodies like one another share one
    compiled program.
    """
    everything = np.zeros(3, np.int32), grid.shape
    if not all(is_concrete(leaf) for leaf in jax.tree.leaves((body, grid))):
        return everything
    index, halves = _extent(body, grid)
    reach = np.array([float(half) for half in halves])
    if not np.all(np.isfinite(reach)):
        return everything
    size = np.minimum(_STEP * np.ceil((np.ceil(2 * reach) + 3) / _STEP).astype(int), grid.shape)
    start = np.clip(np.floor(np.asarray(index) - reach - 0.5).astype(int), 0, np.array(grid.shape) - size)
    window = (int(size[0]), int(size[1]), int(size[2]))
    return start.astype(np.int32), window


@eqx.filter_jit
def _placed(
    body: Body, grid: Grid, start, window: tuple[int, int, int], oversampling: int
) -> Float[Array, "x y z"]:
    """The grid with the window in its place; one program wherever that is."""
    block = _block(body, grid, start, window, oversampling)
    if window == grid.shape:
        return block
    return jax.lax.dynamic_update_slice(jnp.zeros(grid.shape, block.dtype), block, tuple(start))


def _block(
    body: Body, grid: Grid, start, window: tuple[int, int, int], oversampling: int
) -> Float[Array, "x y z"]:
    """Voxels start ... start + window − 1."""
    place_of, edges = _own_frame(body, grid)
    index, halves = _extent(body, grid)
    offsets = (jnp.arange(oversampling) + 0.5) / oversampling - 0.5
    rows = start[1] + jnp.arange(window[1])[:, None, None, None] + offsets[:, None]
    columns = start[2] + jnp.arange(window[2])[None, :, None, None] + offsets

    def sheet(total, i):
        """Adds the cells whose first index is i, averaged over the cells of each voxel."""
        near = True
        for number, at, half in zip((i, rows, columns), index, halves, strict=True):
            near = near & (jnp.abs(number - at) < half + 0.5 / oversampling)
        means = jnp.where(near, body.cell_mean(place_of(i, rows, columns), edges / oversampling), 0)
        return total + jnp.mean(means, axis=(-2, -1)), None

    @jax.checkpoint
    def slab(number):
        total, _ = jax.lax.scan(sheet, jnp.zeros(window[1:], edges.dtype), number + offsets)
        return total / oversampling

    return jnp.asarray(body.value) * jax.lax.map(slab, start[0] + jnp.arange(window[0]))


def _own_frame(body: Body, grid: Grid):
    """A function from voxel indices to places in the body's axes, and a voxel's edges there (columns)."""
    turn = jnp.asarray(body.rotation).T
    edges = turn @ (jnp.asarray(grid.direction) * jnp.asarray(grid.spacing))
    first = turn @ (jnp.asarray(grid.origin) - jnp.asarray(body.centre))

    def place_of(i, j, k):
        x, y, z = (
            first[axis] + edges[axis, 0] * i + edges[axis, 1] * j + edges[axis, 2] * k for axis in range(3)
        )
        return x, y, z

    return place_of, edges
