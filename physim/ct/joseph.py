"""Joseph's projector for rays in planes of constant z.

Joseph, IEEE Trans. Med. Imaging 1 (1982) 192: a ray crosses every plane of its main axis once; there the volume is
interpolated linearly along the other axis. Parallel rays stay in a plane of constant z, so one path serves a whole
column of the detector; along z the planes are interpolated linearly onto the detector's rows.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim.core import linear_pair
from physim_phantoms import Grid

from .geometry import ParallelBeam
from .ray_kernel import ray_kernel

_HIGHEST = jax.lax.Precision.HIGHEST


class Joseph(eqx.Module):
    """Rays without width through a linearly interpolated volume: fast, and smooth in the geometry.

    Good for pixels about as fine as the voxels; coarser ones are not averaged over.
    """

    def forward(
        self, volume: Float[Array, "x y z"], grid: Grid, geometry: ParallelBeam
    ) -> Float[Array, "view row column"]:
        """Line integrals; see `physim.ct.project`, which also checks what it is given."""
        rays = in_plane_rays(grid, geometry, volume.dtype)
        lines = _JOSEPH.apply((volume.shape[:2], rays[1].shape), rays, volume)
        return jnp.einsum("vcz,rz->vrc", lines, row_weights(grid, geometry, volume.dtype), precision=_HIGHEST)

    def transpose(
        self, sino: Float[Array, "view row column"], grid: Grid, geometry: ParallelBeam
    ) -> Float[Array, "x y z"]:
        """The exact transpose; see `physim.ct.backproject`, which also checks what it is given."""
        rays = in_plane_rays(grid, geometry, sino.dtype)
        lines = jnp.einsum("vrc,rz->vcz", sino, row_weights(grid, geometry, sino.dtype), precision=_HIGHEST)
        return _JOSEPH.transpose((grid.shape[:2], rays[1].shape), rays, lines)


def in_plane_rays(grid: Grid, geometry: ParallelBeam, dtype):
    """Main axis, start, slope and step of every ray: crossing = start[view, column] + slope[view] * plane, in voxels.

    The main axis is the one along which a ray passes more voxels; `step` is the length between two planes, mm.
    """
    position, direction = _rays_in_voxels(grid, geometry)
    along_y = jnp.abs(direction[:, 1]) > jnp.abs(direction[:, 0])
    ahead = jnp.where(along_y, direction[:, 1], direction[:, 0])
    slope = jnp.where(along_y, direction[:, 0], direction[:, 1]) / ahead
    main = jnp.where(along_y[:, None], position[..., 1], position[..., 0])
    across = jnp.where(along_y[:, None], position[..., 0], position[..., 1])
    start = across - slope[:, None] * main
    return tuple(jnp.asarray(a, dtype) for a in (along_y, start, slope, 1 / jnp.abs(ahead)))


def _rays_in_voxels(grid: Grid, geometry: ParallelBeam):
    """A point (view, column, 2) of each ray and the direction (view, 2) per mm, in voxel indices."""
    angles = jnp.asarray(geometry.angles)
    c, s = jnp.cos(angles), jnp.sin(angles)
    to_index = jnp.asarray(grid.direction)[:2, :2].T / jnp.asarray(grid.spacing)[:2, None]
    u = jnp.stack([c, s], axis=-1) @ to_index.T
    direction = jnp.stack([-s, c], axis=-1) @ to_index.T
    axis = to_index @ (jnp.asarray(geometry.centre) - jnp.asarray(grid.origin))[:2]
    return axis + jnp.asarray(geometry.columns)[:, None] * u[:, None, :], direction


def row_weights(grid: Grid, geometry: ParallelBeam, dtype) -> Float[Array, "row z"]:
    """Linear interpolation from the grid's planes onto the detector's rows."""
    place = (jnp.asarray(geometry.rows) - grid.origin[2]) / (grid.spacing[2] * grid.direction[2, 2])
    return jnp.asarray(hat(place[:, None] - np.arange(grid.shape[2])), dtype)


def hat(x):
    """The weight of linear interpolation, max(0, 1 − |x|)."""
    return jnp.maximum(0, 1 - jnp.abs(x))


def _reference(static, parameters, volume):
    """One view after the other: weights of all voxels of a plane, dense, then a product of matrices."""
    shape, _ = static

    def along(axis: int, view):
        _, start, slope, step = view
        weights = _crossing_weights(start, slope, shape[axis], shape[1 - axis]) * step
        return jnp.einsum("pcj,pjz->cz", weights, jnp.moveaxis(volume, axis, 0), precision=_HIGHEST)

    return jax.lax.map(
        lambda view: jax.lax.cond(view[0] > 0.5, partial(along, 1), partial(along, 0), view), parameters
    )


def _reference_transpose(static, parameters, lines):
    """The same products, transposed, summed over the views."""
    shape, _ = static

    def along(axis: int, view, values):
        _, start, slope, step = view
        weights = _crossing_weights(start, slope, shape[axis], shape[1 - axis]) * step
        return jnp.moveaxis(jnp.einsum("pcj,cz->pjz", weights, values, precision=_HIGHEST), 0, axis)

    def add(total, item):
        view, values = item
        return total + jax.lax.cond(view[0] > 0.5, partial(along, 1), partial(along, 0), view, values), None

    return jax.lax.scan(add, jnp.zeros((*shape, lines.shape[2]), lines.dtype), (parameters, lines))[0]


def _crossing_weights(start, slope, planes: int, across: int) -> Float[Array, "plane column across"]:
    """How much each voxel of each plane counts for each column's ray."""
    index = jnp.arange(planes, dtype=start.dtype), jnp.arange(across, dtype=start.dtype)
    crossing = start[None, :] + slope * index[0][:, None]
    return hat(crossing[..., None] - index[1])


# static: the grid's shape in x and y, and (views, columns).
_JOSEPH = linear_pair(
    "parallel_joseph",
    _reference,
    _reference_transpose,
    forward_kernel=ray_kernel("parallel_project", _reference, lambda s: s[1], lambda s: min(s[0])),
    transpose_kernel=ray_kernel(
        "parallel_project_transpose", _reference_transpose, lambda s: s[0], lambda s: min(s[0])
    ),
)
