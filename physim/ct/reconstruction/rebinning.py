"""Helical views of diverging rays sorted into views of rays that are parallel in projection along the axis."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim.core import linear_pair

from ..geometry import ConeBeam, rays
from .redundancy import fan, orbit_axis

_HIGHEST = jax.lax.Precision.HIGHEST


class Sorting(NamedTuple):
    """What is static: parallel views in half a turn, number of half turns, views before the first focal spot's angle."""

    groups: int
    members: int
    before: int


class Helix(NamedTuple):
    """A helix and its parallel rays; per column of these: fan angle, place t on the detector of the axis, in columns of
    the given rays, and way from source to detector in the plane.

    - `axis`, `radius`, `angle`, `step`: of the orbit, mm and rad. - `height`, `slope`: z of the first focal spot and climb
      per rad. - `first`, `pitch`: t of the first column and between columns, mm. - `row`, `row_step`: row of the plane of
      the focal spot, and z between rows at the detector.
    """

    axis: Float[Array, "2"]
    radius: Float[Array, ""]
    angle: Float[Array, ""]
    step: Float[Array, ""]
    height: Float[Array, ""]
    slope: Float[Array, ""]
    first: Float[Array, ""]
    pitch: Float[Array, ""]
    fan: Float[Array, " column"]
    place: Float[Array, " column"]
    reach: Float[Array, " column"]
    row: Float[Array, ""]
    row_step: Float[Array, ""]


@jax.jit
def helix(g: ConeBeam) -> Helix:
    """The regular helix that the focal spots are on; rays of all views are taken to be alike."""
    source, r, axis = jnp.asarray(g.source), rays(g), orbit_axis(g)
    inwards = axis - source[:, :2]
    angles = jnp.unwrap(jnp.arctan2(-inwards[:, 0], inwards[:, 1]))
    views, columns = g.source.shape[0], g.detector_shape[1]
    turned = angles[-1] - angles[0]
    radius = jnp.mean(jnp.linalg.norm(inwards, axis=-1))
    given = jnp.mean(fan(g).angle, axis=0)
    ends = radius * jnp.sin(given[0]), radius * jnp.sin(given[-1])
    pitch = (ends[1] - ends[0]) / (columns - 1)
    parallel = jnp.arcsin((ends[0] + pitch * jnp.arange(columns)) / radius)
    place = jnp.interp(parallel, given, jnp.arange(columns, dtype=given.dtype))
    way = jnp.mean(jnp.linalg.norm((r.columns - r.source[:, None])[..., :2], axis=-1), axis=0)
    reach = jnp.interp(parallel, given, way)
    row_step = jnp.mean(jnp.asarray(g.row_step)[:, 2])
    below = jnp.mean((jnp.asarray(g.detector_centre) - source)[:, 2])
    row = (g.detector_shape[0] - 1) / 2 - below / row_step
    slope = (source[-1, 2] - source[0, 2]) / turned
    return Helix(
        axis,
        radius,
        angles[0],
        turned / (views - 1),
        source[0, 2],
        slope,
        ends[0],
        pitch,
        parallel,
        place,
        reach,
        row,
        row_step,
    )


def sorting(h: Helix, views: int) -> Sorting:
    """How many views of parallel rays there are."""
    step, widest = abs(float(h.step)), float(jnp.max(jnp.abs(h.fan)))
    groups = max(1, round(np.pi / step))
    before = int(np.ceil(widest / step))
    members = int(np.ceil((views + 2 * before) / groups))
    return Sorting(groups, members, before)


def parallel_angles(h: Helix, sort: Sorting) -> Float[Array, " view"]:
    """θ of the parallel views, half a turn after half a turn."""
    number = jnp.arange(sort.groups * sort.members) - sort.before
    return h.angle + jnp.sign(h.step) * (jnp.pi / sort.groups) * number


def rebinned(
    sino: Float[Array, "view row column"], h: Helix, sort: Sorting
) -> Float[Array, "parallel row column"]:
    """Rays of angle θ and distance t from the axis: view θ + γ, column of fan angle γ, sin γ = t / R; both interpolated
    linearly. Views that were not measured are as the nearest one."""
    columns = jnp.arange(sino.shape[2])
    across = _hat(h.place[None, :] - columns[:, None]).astype(sino.dtype)
    made = jnp.einsum("vrc,ck->vrk", sino, across, precision=_HIGHEST)
    ratio = (jnp.pi / sort.groups) / jnp.abs(h.step)
    shift = h.fan / h.step - sort.before * ratio
    return _SORT.apply(
        (sino.shape[0], sort), (shift.astype(sino.dtype), ratio.astype(sino.dtype)[None]), made
    )


def _hat(x):
    return jnp.maximum(0, 1 - jnp.abs(x))


def _sort(static, parameters, sino):
    """out[m, row, c] = sino at view shift[c] + ratio m, linearly interpolated, nothing outside."""
    sort, (shift, ratio) = static[1], parameters
    at = shift[None, :] + ratio[0] * jnp.arange(sort.groups * sort.members)[:, None]
    low = jnp.floor(jax.lax.stop_gradient(at))
    return sum(_taken(sino, low + k, _hat(at - low - k)) for k in (0, 1))


def _sort_transpose(static, parameters, made):
    shift, ratio = parameters
    view = jnp.arange(static[0])[:, None]
    low = jnp.floor((view - 1 - jax.lax.stop_gradient(shift)) / jax.lax.stop_gradient(ratio[0])) + 1
    # 2 / ratio views lie within reach, and the ratio is at least 2/3.
    return sum(_taken(made, low + k, _hat(shift + ratio[0] * (low + k) - view)) for k in range(4))


def _taken(values, index, weight):
    """weight × values[index] along the first axis, index and weight by column."""
    inside = (index >= 0) & (index < values.shape[0])
    whole = jnp.where(inside, index, 0).astype(jnp.int32)
    return jnp.where(inside, weight, 0)[:, None, :] * jnp.take_along_axis(values, whole[:, None, :], axis=0)


_SORT = linear_pair("parallel_rays", _sort, _sort_transpose)
