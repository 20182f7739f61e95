"""Rays in the frame of a grid: mm along its axes, from the centre of voxel (0, 0, 0)."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid

from ..geometry import ConeBeam, Geometry, rays


class RayFrame(NamedTuple):
    """The arrays that a projector works from; all mm, in the frame of the grid.

    - `spacing`: of the voxels. - `source`: focal spots, or directions of parallel rays. - `columns`, `edges`: places of
      the columns' middles and borders on the middle row. - `row`: step to the next row. - `centre`, `tangent`,
      `curvature`: the middle of the detector, the step to the next column there, and the bend of its columns. - `sound`:
      1, or NaN where the reference of the projection, and of its transpose, would miss neighbours.
    """

    spacing: Float[Array | np.ndarray, "3"]
    source: Float[Array | np.ndarray, "view 3"]
    columns: Float[Array | np.ndarray, "view column 3"]
    edges: Float[Array | np.ndarray, "view border 3"]
    row: Float[Array | np.ndarray, "view 3"]
    centre: Float[Array | np.ndarray, "view 3"]
    tangent: Float[Array | np.ndarray, "view 3"]
    curvature: Float[Array | np.ndarray, " view"]
    sound: Float[Array | np.ndarray, "2"]


def ray_frame(grid: Grid, geometry: Geometry, dtype) -> RayFrame:
    """The rays of `geometry` as seen from `grid`; differentiable in both."""
    given = rays(geometry)
    turn = jnp.asarray(grid.direction)
    point = lambda p: (jnp.asarray(p) - jnp.asarray(grid.origin)) @ turn
    vector = lambda v: jnp.asarray(v) @ turn
    if isinstance(geometry, ConeBeam):
        source, centre, tangent = (
            point(given.source),
            point(geometry.detector_centre),
            vector(geometry.column_step),
        )
        curvature = jnp.asarray(geometry.curvature)
    else:
        source, curvature = vector(given.source), jnp.zeros(given.source.shape[0])
        centre = point((given.edges[:, 0] + given.edges[:, -1]) / 2)
        tangent = vector((given.edges[:, -1] - given.edges[:, 0]) / geometry.detector_shape[1])
    made = RayFrame(
        jnp.asarray(grid.spacing),
        source,
        point(given.columns),
        point(given.edges),
        vector(given.row_step),
        centre,
        tangent,
        curvature,
        jnp.ones(2),
    )
    return RayFrame(*(a.astype(dtype) for a in made))
