"""Evaluate a body on a grid, block by block, so that memory holds the result and little else."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import is_concrete
from ..grid import Grid
from .implicit import Place

BLOCK = 1 << 16  # voxels per block: the working set of some fifty distances stays near the cache


def on_grid(grid: Grid, body: Callable[[Place], dict]) -> dict:
    """The maps "x y z" of `body`, a function from a place (three arrays, mm) to named arrays of the same shape.

    The blocks are rematerialised in reverse mode, so a gradient costs a second evaluation and no extra memory.
    """

    @jax.checkpoint
    def block(number):
        return body(_places(_Frame.of(grid), number))

    maps = jax.lax.map(block, jnp.arange(_blocks(grid)))
    return {name: m.reshape(-1)[: grid.size].reshape(grid.shape) for name, m in maps.items()}


def drawn_on_grid(grid: Grid, evaluate: Callable[[Any, Place, Any], dict], body: Any) -> dict:
    """The maps of `evaluate(body, place, edge)`, with `edge` the mean spacing; `evaluate` is a function of a module.

    To compile a body takes half a minute: one compilation serves the grids of all shapes, unless something is traced.
    """
    if not all(map(is_concrete, jax.tree.leaves((grid, body)))):
        return on_grid(grid, lambda place: evaluate(body, place, mean_spacing(grid)))
    pieces = [_block(evaluate, body, _Frame.of(grid), np.int32(number)) for number in range(_blocks(grid))]
    return {name: _joined([piece.pop(name) for piece in pieces], grid.shape) for name in list(pieces[0])}


class _Frame(eqx.Module):
    """A grid all of whose numbers are traced, the shape too."""

    shape: Any
    spacing: Any
    origin: Any
    direction: Any

    @classmethod
    def of(cls, grid: Grid) -> _Frame:
        return cls(np.array(grid.shape, np.int32), grid.spacing, grid.origin, grid.direction)


def _blocks(grid: Grid) -> int:
    return -(-grid.size // BLOCK)


def _places(frame: _Frame, number) -> Place:
    """The voxel centres of one block; the last block repeats the last voxel."""
    planes, rows, columns = frame.shape
    index = jnp.minimum(number * BLOCK + jnp.arange(BLOCK), planes * rows * columns - 1)
    voxel = jnp.stack([index // (rows * columns), (index // columns) % rows, index % columns], axis=-1)
    world = (voxel.astype(float) * frame.spacing) @ frame.direction.T + frame.origin
    return world[:, 0], world[:, 1], world[:, 2]


@eqx.filter_jit
def _block(evaluate: Callable, body: Any, frame: _Frame, number) -> dict:
    return evaluate(body, _places(frame, number), mean_spacing(frame))


@partial(jax.jit, static_argnums=1)
def _joined(pieces: list, shape: tuple[int, int, int]):
    return jnp.concatenate(pieces)[: math.prod(shape)].reshape(shape)


def mean_spacing(grid: Grid | _Frame):
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
