"""Interpolation from a grid to points and its exact transpose, the spreading of points onto a grid.

    v_p = Σ_g g[start_p + (i, j, l)] φ_x(i) φ_y(j) φ_z(l)

A grid is [x, y, z, lane]; all lanes of a point share its weights. Along an axis with one grid point there is no window.
Points that leave the grid come back on its other side: its period along an axis is what is left of it without one window.

No scatter: the reference sorts points by their first grid point, then takes one point of every cell at a time and adds
shifted grids. That costs as many passes as the fullest cell has points. The kernels sort points into tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import physim_kernels
from physim.core.linear_pair import linear_pair

from ..sequence.program import Pair
from .places import place

BLOCK = 1024  # points that the reference interpolates at a time


class Layout(NamedTuple):
    """What shapes need: grid points along each axis, window width, and the grid point at coordinate zero."""

    shape: tuple[int, int, int]
    width: int
    origin: tuple[int, int, int]

    @property
    def widths(self) -> tuple[int, int, int]:
        """The window along each axis; 1 where there is one grid point only."""
        return tuple(1 if n == 1 else self.width for n in self.shape)  # type: ignore[return-value]


def interpolate(layout: Layout, table: np.ndarray, scale: Pair, points: Pair, grid):
    """Values [point, lane] of a grid [x, y, z, lane] at points [3, point], which `scale` [3] takes into grid steps."""
    return _PAIR.apply(layout, _parameters(table, scale, points, grid.dtype), grid)


def spread(layout: Layout, table: np.ndarray, scale: Pair, points: Pair, values):
    """The transpose: a grid [x, y, z, lane] from values [point, lane]."""
    return _PAIR.transpose(layout, _parameters(table, scale, points, values.dtype), values)


def _parameters(table, scale: Pair, points: Pair, dtype):
    return tuple(
        jax.lax.stop_gradient(jnp.asarray(a, dtype))
        for a in (table, scale.high, scale.low, points.high, points.low)
    )


def _starts_and_weights(layout: Layout, parameters):
    """First grid point [3, point] of each window and the weights [axis][weight, point]."""
    table, scale_high, scale_low, high, low = parameters
    whole, part = place(Pair(scale_high[:, None], scale_low[:, None]), Pair(high, low))
    starts, weights = [], []
    for axis, (size, width) in enumerate(zip(layout.shape, layout.widths, strict=True)):
        if width == 1:
            starts.append(jnp.zeros(high.shape[1], jnp.int32))
            weights.append(jnp.ones((1, high.shape[1]), high.dtype))
            continue
        first = jnp.ceil(part[axis] - layout.width / 2)
        z = 2 * (first - (part[axis] - layout.width / 2)) - 1
        period = size - width + 1
        starts.append(jnp.mod((whole[axis] + first).astype(jnp.int32) + layout.origin[axis], period))
        weight = jnp.zeros((width, high.shape[1]), high.dtype)
        for row in table[::-1]:
            weight = weight * z + row[:, None]
        weights.append(weight)
    return jnp.stack(starts), weights


def _forward(layout: Layout, parameters, grid):
    """Values of all points, a block of points at a time."""
    points = parameters[3].shape[1]
    if not points:
        return jnp.zeros((0, grid.shape[-1]), grid.dtype)
    starts, weights = _starts_and_weights(layout, parameters)
    count = min(BLOCK, points)
    begins = jnp.minimum(jnp.arange(0, points, count), points - count)
    offsets = [jnp.arange(w) for w in layout.widths]

    def some(begin):
        cut = lambda a: jax.lax.dynamic_slice_in_dim(a, begin, count, 1)
        x, y, z = (cut(starts)[axis][:, None] + offsets[axis] for axis in range(3))
        near = grid[x[:, :, None, None], y[:, None, :, None], z[:, None, None, :]]
        return jnp.einsum("pijlc,ip,jp,lp->pc", near, *map(cut, weights), precision="highest")

    made = jax.lax.map(some, begins)
    head = made[:-1].reshape(-1, grid.shape[-1])
    return jnp.concatenate([head, made[-1][head.shape[0] - points :]])


def _transpose(layout: Layout, parameters, values):
    """The grid from all points: one point of every cell in each pass, until the fullest cell is empty."""
    points, lanes = values.shape
    if not points:
        return jnp.zeros((*layout.shape, lanes), values.dtype)
    starts, weights = _starts_and_weights(layout, parameters)
    periods = tuple(n - w + 1 for n, w in zip(layout.shape, layout.widths, strict=True))
    cell = (starts[0] * periods[1] + starts[1]) * periods[2] + starts[2]
    order = jnp.argsort(cell)
    bounds = jnp.searchsorted(cell[order], jnp.arange(int(np.prod(periods)) + 1))
    many = jnp.diff(bounds)
    taps = np.stack(np.meshgrid(*map(np.arange, layout.widths), indexing="ij"), -1).reshape(-1, 3)

    def one_of_each(rank, grid):
        chosen = order[jnp.minimum(bounds[:-1] + rank, points - 1)]
        there = jnp.where((rank < many)[:, None], values[chosen], 0)
        own = [w[:, chosen] for w in weights]

        def add(grid, tap):
            weight = own[0][tap[0]] * own[1][tap[1]] * own[2][tap[2]]
            part = (weight[:, None] * there).reshape(*periods, lanes)
            at = (tap[0], tap[1], tap[2], jnp.int32(0))
            old = jax.lax.dynamic_slice(grid, at, part.shape)
            return jax.lax.dynamic_update_slice(grid, old + part, at), None

        return jax.lax.scan(add, grid, jnp.asarray(taps, jnp.int32))[0]

    return jax.lax.fori_loop(0, many.max(), one_of_each, jnp.zeros((*layout.shape, lanes), values.dtype))


def _kernel(name: str):
    """The compiled kernel for a precision, or None where there is none."""

    def for_precision(dtype):
        target = physim_kernels.ensure(name, dtype)
        if target is None:
            return None

        def call(layout: Layout, parameters, x):
            points, lanes = parameters[3].shape[1], x.shape[-1]
            shape = (points, lanes) if name == "interpolate" else (*layout.shape, lanes)
            made = jax.ShapeDtypeStruct(shape, x.dtype)
            return jax.ffi.ffi_call(target, made)(x, *parameters, jnp.asarray(layout.origin, jnp.int32))

        return call

    return for_precision


_PAIR = linear_pair(
    "nonuniform_interpolate",
    _forward,
    _transpose,
    forward_kernel=_kernel("interpolate"),
    transpose_kernel=_kernel("spread"),
)
