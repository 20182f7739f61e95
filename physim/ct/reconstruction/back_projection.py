"""Voxel-driven back-projection of filtered views: how voxels meet the detector, and the pair of primitives.

For upright detectors (rows step along z) and grids whose third axis is z, a column of voxels (i, j, ·) falls onto one
detector column in every view, at a row that is affine in z. In the detector's frame, x = d·û and y = d·n̂ of the voxel
against the source are affine in i and j:

    flat      place = c₀ + q x / y,                                        weight 1 / y²,
    parallel  the same with y = 1,
    arc       place = c₀ + q ∠(where the ray meets the arc of radius 1/κ), weight 1 / (κx)² + (κy)²,

    out[i, j, k] = Σ_view weight Σ_column Σ_row hat(place − column) hat(row₀ + (m₀ + m₁ k) far − row) values[view, column, row],

where `far` is 1/y, or for the arc the multiple of (x, y) that reaches it. Half a row beyond the first and last one the
values there are repeated; further out there is nothing.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from physim.core import compiled_call, linear_pair
from physim_phantoms import Grid
from physim_phantoms._checks import is_concrete

from ..geometry import ConeBeam, Geometry, ParallelBeam
from .back_projection_reference import Lie, Place, collect, needed_taps, spread

_WHEN_TRACED = (8, 8)  # taps for geometries that cannot be looked at


def back_projected(
    values: Float[Array, "view column row"], grid: Grid, geometry: Geometry
) -> Float[Array, "x y z"]:
    """The weighted sum above; differentiable in everything, linear in `values`."""
    place = places(grid, geometry, values.dtype)
    return _run(_lie(grid, geometry, place), place, values)


@partial(jax.jit, static_argnums=0)
def _run(lie: Lie, place, values):
    return SMEAR.apply(lie, (place,), values)


@partial(jax.jit, static_argnums=2)
def places(grid: Grid, geometry: Geometry, dtype) -> Float[Array, "view 14"]:
    """The numbers of `Place` for every view."""
    turn, spacing = jnp.asarray(grid.direction), jnp.asarray(grid.spacing)
    step, corner = turn * spacing, jnp.asarray(grid.origin)
    columns, rows = geometry.detector_shape[1], geometry.detector_shape[0]
    middle = (columns - 1) / 2, (rows - 1) / 2
    made = (
        _parallel(geometry, step, corner, middle)
        if isinstance(geometry, ParallelBeam)
        else _diverging(geometry, step, corner, middle)
    )
    views = geometry.sinogram_shape[0]
    return jnp.stack([jnp.broadcast_to(jnp.asarray(m, dtype), (views,)) for m in made], axis=-1)


def _parallel(g: ParallelBeam, step, corner, middle) -> Place:
    angles = jnp.asarray(g.angles)
    u = jnp.stack([jnp.cos(angles), jnp.sin(angles)], -1)
    x = [u @ step[:2, 0], u @ step[:2, 1]]
    from_axis = corner - jnp.asarray(g.centre)
    row, column = g.pixel_size[0], g.pixel_size[1]
    lift = (from_axis[2] - g.offset[0]) / row
    centre = middle[0] - g.offset[1] / column
    rows = middle[1], lift, step[2, 2] / row
    return Place._make((u @ from_axis[:2], *x, 1.0, 0.0, 0.0, centre, 1 / column, *rows, 0.0, 0.0, 0.0))


def _diverging(g: ConeBeam, step, corner, middle) -> Place:
    row, column = g.pixel_size
    up = jnp.sign(jnp.asarray(g.row_step)[:, 2])
    u, n = jnp.asarray(g.column_step)[:, :2] / column[:, None], g.normal[:, :2]
    source, centre = jnp.asarray(g.source), jnp.asarray(g.detector_centre)
    start, back = corner[:2] - source[:, :2], source - centre
    part = lambda a: (jnp.sum(a * start, -1), a @ step[:2, 0], a @ step[:2, 1])
    bx, by = jnp.sum(u * back[:, :2], -1), jnp.sum(n * back[:, :2], -1)
    x, y = part(u), part(n)
    row0 = middle[1] + up * back[:, 2] / row
    m0, m1 = up * (corner[2] - source[:, 2]) / row, up * step[2, 2] / row
    flat = Place._make(
        (*x, *y, middle[0] + bx / column, -by / column, row0, -by * m0, -by * m1, 0.0, 0.0, 0.0)
    )
    bent = jnp.asarray(g.curvature) != 0
    bend = jnp.where(bent, jnp.asarray(g.curvature), 1)
    x, y = (tuple(bend * p for p in axis) for axis in (x, y))
    arc = Place._make((*x, *y, middle[0], 1 / (bend * column), row0, m0, m1, bend * bx, bend * by, 1.0))
    return Place(*(jnp.where(bent, a, f) for a, f in zip(arc, flat, strict=True)))


def _lie(grid: Grid, geometry: Geometry, place) -> Lie:
    """Shapes, and how many voxels the reference's transpose must look at around each ray."""
    views, rows, columns = geometry.sinogram_shape
    needed = needed_taps(place, grid.shape)
    taps = tuple(int(n) for n in needed) if is_concrete(needed) else _WHEN_TRACED
    return Lie(grid.shape, views, columns, rows, (taps[0], taps[1]))


def column_kernel(name: str, reference: Callable, lie_of: Callable, shape_of: Callable) -> Callable:
    """The kernel `name`, which needs two columns to interpolate between; the reference does the rest."""
    made_for = compiled_call(name, lambda static: shape_of(lie_of(static)), lambda _, parameters: parameters)

    def for_precision(dtype):
        kernel = made_for(dtype)
        if kernel is None:
            return None
        return lambda static, parameters, x: (kernel if lie_of(static).columns > 1 else reference)(
            static, parameters, x
        )

    return for_precision


SMEAR = linear_pair(
    "back_projection",
    collect,
    spread,
    forward_kernel=column_kernel("back_projection", collect, lambda lie: lie, lambda lie: lie.grid),
    transpose_kernel=column_kernel(
        "back_projection_transpose", spread, lambda lie: lie, lambda lie: (lie.views, lie.columns, lie.rows)
    ),
)
