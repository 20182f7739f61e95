"""Normalised back-projection of rebinned helical views and its transpose in plain JAX, both as gathers."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .back_projection_reference import Fall, Lie, collect_view, spread_view


class Winding(NamedTuple):
    """What is static: `Lie`, and that its views are `members` half turns of `groups` views."""

    lie: Lie
    members: int
    groups: int


class Turn(NamedTuple):
    """Numbers of one view of parallel rays: detector column of voxel (0, 0), way along the rays from the axis, mm, and how
    both grow with i and j; height over the source, mm, and row = `row` + … (see `helical`); first and last column with rays.
    """

    x: Any
    x_i: Any
    x_j: Any
    y: Any
    y_i: Any
    y_j: Any
    lift: Any
    climb: Any
    row: Any
    first: Any
    last: Any


def collect(winding: Winding, parameters: tuple, values):
    """Every voxel takes one weighted mean over the half turns of each direction, and sums the directions."""
    numbers, tables, plateau = parameters
    lie, window = winding.lie, row_window(winding.lie.rows, plateau)
    i, j = jnp.arange(lie.grid[0])[:, None], jnp.arange(lie.grid[1])[None, :]
    parts = values.reshape(winding.members, winding.groups, *values.shape[1:])

    @jax.checkpoint
    def add(total, item):
        group, lines = item

        def member(sums, view):
            at = fall(Turn(*view[0]), tables, i, j)
            seen = collect_view(lie, at, view[1], window)
            return (sums[0] + seen, sums[1] + presence(lie, at, window)), None

        nothing = jnp.zeros(lie.grid, values.dtype)
        above, below = jax.lax.scan(jax.checkpoint(member), (nothing, nothing), (group, lines))[0]
        return total + above / jnp.where(below > 0, below, 1), None

    items = jnp.swapaxes(numbers, 0, 1), jnp.swapaxes(parts, 0, 1)
    return jax.lax.scan(add, jnp.zeros(lie.grid, values.dtype), items)[0]


def spread(winding: Winding, parameters: tuple, volume):
    """The exact transpose of `collect`."""
    numbers, tables, plateau = parameters
    lie, window = winding.lie, row_window(winding.lie.rows, plateau)
    i, j = jnp.arange(lie.grid[0])[:, None], jnp.arange(lie.grid[1])[None, :]
    needed = needed_taps(numbers, tables, lie.grid)

    @jax.checkpoint
    def group(views):
        def member(total, view):
            return total + presence(lie, fall(Turn(*view), tables, i, j), window), None

        below = jax.lax.scan(jax.checkpoint(member), jnp.zeros(lie.grid, volume.dtype), views)[0]
        shared = volume / jnp.where(below > 0, below, 1)

        @jax.checkpoint
        def one(view):
            turn = Turn(*view)
            ray = lambda c: (turn.x - c, turn.x_i, turn.x_j)
            return spread_view(lie, lambda i, j: fall(turn, tables, i, j), ray, shared, needed, window)

        return jax.lax.map(one, views)

    made = jax.lax.map(group, jnp.swapaxes(numbers, 0, 1))
    return jnp.swapaxes(made, 0, 1).reshape(-1, *made.shape[2:])


def fall(turn: Turn, tables, i, j) -> Fall:
    """Where columns of voxels fall; those whose rays were not measured weigh nothing."""
    column = turn.x + turn.x_i * i + turn.x_j * j
    seen = (column >= turn.first) & (column <= turn.last)
    column = jnp.where(seen, column, jnp.maximum(turn.first, 0))
    low = jnp.clip(jnp.floor(jax.lax.stop_gradient(column)), 0, tables.shape[1] - 2)
    index, part = low.astype(jnp.int32), column - low
    rise, gain, depth = ((1 - part) * t[index] + part * t[index + 1] for t in tables)
    away = depth + turn.y + turn.y_i * i + turn.y_j * j
    seen = seen & (away > 0)
    scale = gain / jnp.where(seen, away, 1)
    return Fall(column, turn.row + (turn.lift - rise) * scale, turn.climb * scale, jnp.where(seen, 1.0, 0.0))


def presence(lie: Lie, at: Fall, window):
    """The weight with which voxels are seen."""
    row = at.start[..., None] + at.step[..., None] * jnp.arange(lie.grid[2])
    inside = (row >= -0.5) & (row <= lie.rows - 0.5)
    return jnp.where(inside, window(jnp.clip(row, 0, lie.rows - 1)), 0) * at.weight[..., None]


def row_window(rows: int, plateau):
    """1 up to `plateau` of the way to the first and last row's outer edge, falling smoothly to 0 there."""

    def window(row):
        away = jnp.abs(row - (rows - 1) / 2) * (2 / rows)
        fall = jnp.clip((1 - away) / (1 - plateau[0]), 0, 1)
        return fall * fall * (3 - 2 * fall)

    return window


@partial(jax.jit, static_argnums=2)
def needed_taps(numbers, tables, shape: tuple[int, int, int]):
    """Bounds as `back_projection_reference.needed_taps`."""
    t = Turn(*jnp.moveaxis(numbers[..., None], -2, 0))
    i, j = jnp.array([0, 0, 1, 1]) * (shape[0] - 1), jnp.array([0, 1, 0, 1]) * (shape[1] - 1)
    away = jnp.max(t.y + t.y_i * i + t.y_j * j) + jnp.max(tables[2])
    across = 2 * 2**0.5 / jnp.min(jnp.sqrt(t.x_i**2 + t.x_j**2))
    along = 2 * away / jnp.min(jnp.abs(tables[1]) * jnp.min(jnp.abs(t.climb)))
    return jnp.stack([jnp.ceil(across) + 1, jnp.minimum(jnp.ceil(along) + 1, shape[2])])
