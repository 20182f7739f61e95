"""Evaluate a body on a grid, block by block, so that memory holds the result and little else."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ..grid import Grid
from .implicit import Place

BLOCK = 1 << 16  # voxels per block: the working set of some fifty distances stays near the cache


def on_grid(grid: Grid, body: Callable[[Place], dict]) -> dict:
    """The maps "x y z" of `body`, a function from a place (three arrays, mm) to named arrays of the same shape.

    The blocks are rematerialised in reverse mode, so a gradient costs a second evaluation and no extra memory.
    """
    blocks = -(-grid.size // BLOCK)
    _, rows, columns = grid.shape

    @jax.checkpoint
    def block(number):
        index = jnp.minimum(number * BLOCK + jnp.arange(BLOCK), grid.size - 1)
        i, j, k = index // (rows * columns), (index // columns) % rows, index % columns
        world = grid.index_to_world(jnp.stack([i, j, k], axis=-1).astype(float))
        return body((world[:, 0], world[:, 1], world[:, 2]))

    maps = jax.lax.map(block, jnp.arange(blocks))
    return {name: m.reshape(-1)[: grid.size].reshape(grid.shape) for name, m in maps.items()}


def mean_spacing(grid: Grid):
    """Edge of the cube with the volume of one voxel, mm."""
    return jnp.prod(jnp.asarray(grid.spacing, dtype=float)) ** (1.0 / 3.0)


def scattered(number: int, centre, half_edges) -> tuple[Place, float]:
    """Evenly scattered places in a box and the volume that each stands for, mm³."""
    from .population import low_discrepancy

    unit = 2.0 * low_discrepancy(number) - 1.0
    places = np.asarray(centre) + unit * np.asarray(half_edges)
    volume = 8.0 * float(np.prod(half_edges)) / number
    columns = tuple(jnp.asarray(places[:, axis], dtype=float) for axis in range(3))
    return (columns[0], columns[1], columns[2]), volume
