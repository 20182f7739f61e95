"""The projectors as one pair of primitives: reference and kernel, and how many neighbours the reference must look at."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from physim.core import compiled_call, linear_pair
from physim_phantoms import Grid
from physim_phantoms._checks import is_concrete

from ..concrete import worked_out
from ..geometry import Geometry, ParallelBeam
from .frame import RayFrame, ray_frame
from .models import Model
from .reference import Scene, forward, transpose

_WHEN_TRACED = (4, 6, 6)  # taps and reach for geometries that cannot be looked at


def prepare(grid: Grid, geometry: Geometry, model: Model, dtype) -> tuple[Scene, RayFrame]:
    """What the pair below works from."""
    parallel = isinstance(geometry, ParallelBeam)
    # Numbers that can be looked at stay so under an outer jit too.
    frame = worked_out(_frame, grid, geometry, jnp.dtype(dtype))
    needed = worked_out(_needed, frame, grid.shape, parallel, model.footprint)
    if is_concrete(needed):
        taps, *reach = (int(n) for n in np.asarray(needed))
    else:
        taps, *reach = _WHEN_TRACED
        # The kernels look at as many neighbours as there are; the reference at so many, and says so where they do not do.
        within = needed <= jnp.asarray(_WHEN_TRACED)
        enough = jnp.stack([within[0] | (not model.footprint), within[1] & within[2]])
        frame = frame._replace(sound=jnp.where(enough, 1.0, jnp.nan).astype(dtype))
    views, rows, columns = geometry.sinogram_shape
    taps = taps if model.footprint else 2
    reach = (min(reach[0], rows), min(reach[1], columns))
    return Scene(grid.shape, views, rows, columns, parallel, model.footprint, taps, reach), frame


# One program for each kind of geometry: dispatching its operations one by one takes longer than a small projection.
_frame = jax.jit(ray_frame, static_argnums=2)


def _needed(frame: RayFrame, shape: tuple[int, int, int], parallel: bool, footprint: bool):
    """Bounds on taps and reach from the narrowest and widest shadow of a pixel on the corners of the grid."""
    known = all(is_concrete(a) for a in frame)
    lib = np if known else jnp
    f = RayFrame(*(np.asarray(a) if known else jax.lax.stop_gradient(jnp.asarray(a)) for a in frame))
    if parallel:
        low = high = 1.0
    else:
        corners = (
            lib.asarray(np.stack(np.meshgrid(*((-0.5, n - 0.5) for n in shape)), -1).reshape(-1, 3))
            * f.spacing
        )
        normal = lib.cross(f.row, f.tangent)
        far = lib.sum(normal * (f.centre - f.source), -1)
        depth = lib.sum(normal[:, None] * (corners - f.source[:, None]), -1) / far[:, None]
        low, high = lib.clip(lib.min(depth), 0.05, 2.0), lib.clip(lib.max(depth), 0.05, 2.0)
    upright = lib.all((f.row[:, 0] == 0) & (f.row[:, 1] == 0))
    slack = lib.where(upright, 1.0, math.sqrt(2))
    counts = [lib.ceil(high * math.sqrt(2) * slack * _pitch(lib, f) / lib.min(f.spacing)) + 1]
    for step in (f.row, f.tangent):
        narrowest = low * lib.min(lib.linalg.norm(step, axis=-1)) / lib.max(f.spacing)
        counts.append(lib.ceil(slack * (1 + 1 / narrowest if footprint else 2 / narrowest)) + 1)
    return lib.stack(counts)


def _pitch(lib, frame: RayFrame):
    return lib.max(lib.stack([lib.max(lib.linalg.norm(s, axis=-1)) for s in (frame.row, frame.tangent)]))


def _arguments(scene: Scene, parameters: tuple) -> tuple:
    """What the kernels take of the rays, and two flags."""
    rays = RayFrame(*parameters)
    flags = jnp.asarray([scene.footprint, scene.parallel], jnp.int32)
    return rays.spacing, rays.source, rays.columns, rays.edges, rays.row, flags


PROJECTOR = linear_pair(
    "rays",
    forward,
    transpose,
    forward_kernel=compiled_call("ray_project", lambda s: (s.views, s.rows, s.columns), _arguments),
    transpose_kernel=compiled_call("ray_project_transpose", lambda s: s.grid, _arguments),
)
