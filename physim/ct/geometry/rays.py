"""What projectors and physics need of a geometry: where its rays start, where they end, and under which angles."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .cone import ConeBeam
from .parallel import ParallelBeam

Geometry = ParallelBeam | ConeBeam


class Rays(eqx.Module):
    """Pixel (r, c) of view v sits at columns[v, c] + (r − (R−1)/2) row_step[v], mm.

    - `source`: the focal spot of each view, mm; for parallel rays their direction instead. - `edges`: like `columns`, of
      the borders between columns. - `rows`: number of detector rows.
    """

    source: Float[Array, "view 3"]
    columns: Float[Array, "view column 3"]
    edges: Float[Array, "view border 3"]
    row_step: Float[Array, "view 3"]
    rows: int = eqx.field(static=True)
    parallel: bool = eqx.field(static=True)

    def pixels(self) -> Float[Array, "view row column 3"]:
        """Middle of every pixel, mm."""
        steps = _centred(self.rows)[:, None, None] * self.row_step[:, None, None, :]
        return self.columns[:, None] + steps

    def directions(self) -> Float[Array, "view row column 3"]:
        """From source to pixel, mm; of length 1 for parallel rays."""
        pixels = self.pixels()
        if self.parallel:
            return jnp.broadcast_to(self.source[:, None, None, :], pixels.shape)
        return pixels - self.source[:, None, None, :]


@jax.jit
def rays(geometry: Geometry) -> Rays:
    """Rays of any geometry, differentiable in all of its numbers."""
    return _parallel(geometry) if isinstance(geometry, ParallelBeam) else _cone(geometry)


def n_views(geometry: Geometry) -> int:
    """Number of views."""
    return geometry.sinogram_shape[0]


def view_angles(geometry: Geometry) -> Float[Array, " view"]:
    """θ of every view, rad: where the middle of the detector's columns points, atan2(u_y, u_x)."""
    if isinstance(geometry, ParallelBeam):
        return jnp.asarray(geometry.angles)
    u = jnp.asarray(geometry.column_step)
    return jnp.arctan2(u[:, 1], u[:, 0])


@jax.jit
def solid_angles(geometry: Geometry) -> Float[Array, "view row column"]:
    """Solid angle of every pixel seen from the focal spot, sr: area × cos(incidence) / distance².

    For parallel rays all pixels are the same: area / source_to_detector².
    """
    if isinstance(geometry, ParallelBeam):
        one = geometry.pixel_size[0] * geometry.pixel_size[1] / geometry.source_to_detector**2
        return jnp.broadcast_to(jnp.asarray(one), geometry.sinogram_shape)
    r = rays(geometry)
    along = r.edges[:, 1:] - r.edges[:, :-1]
    area = jnp.cross(r.row_step[:, None, :], along)
    direction = r.directions()
    distance = jnp.linalg.norm(direction, axis=-1)
    facing = jnp.abs(jnp.sum(area[:, None] * direction, axis=-1))
    return facing / distance**3


@jax.jit
def beam_angles(
    geometry: Geometry,
) -> tuple[Float[Array, "view row column"], Float[Array, "view row column"]]:
    """Fan and cone angle of every ray against the detector's normal through the source, rad.

    Fan: positive towards higher columns; cone: positive towards higher rows. Parallel rays have none.
    """
    if isinstance(geometry, ParallelBeam):
        nothing = jnp.zeros(geometry.sinogram_shape)
        return nothing, nothing
    direction = rays(geometry).directions()
    part = lambda axis: jnp.sum(direction * axis[:, None, None, :], axis=-1)
    row = jnp.asarray(geometry.row_step) / geometry.pixel_size[0][:, None]
    column = jnp.asarray(geometry.column_step) / geometry.pixel_size[1][:, None]
    ahead, across, up = part(geometry.normal), part(column), part(row)
    return jnp.arctan2(across, ahead), jnp.arctan2(up, jnp.hypot(across, ahead))


def _centred(count: int) -> np.ndarray:
    """Positions of `count` pixels around 0."""
    return np.arange(count) - (count - 1) / 2


def _parallel(g: ParallelBeam) -> Rays:
    angles = jnp.asarray(g.angles)
    c, s, zero = jnp.cos(angles), jnp.sin(angles), jnp.zeros_like(angles)
    u = jnp.stack([c, s, zero], -1)
    z = jnp.stack([zero, zero, zero + 1], -1)
    middle = jnp.asarray(g.centre) + g.offset[0] * z
    rows, columns = g.detector_shape
    at = lambda k: middle[:, None, :] + (g.offset[1] + k * g.pixel_size[1])[None, :, None] * u[:, None, :]
    return Rays(
        jnp.stack([-s, c, zero], -1),
        at(_centred(columns)),
        at(_centred(columns + 1)),
        g.pixel_size[0] * z,
        rows,
        True,
    )


def _cone(g: ConeBeam) -> Rays:
    step, centre = jnp.asarray(g.column_step), jnp.asarray(g.detector_centre)
    pitch, normal, bend = g.pixel_size[1], g.normal, jnp.asarray(g.curvature)

    def at(k):
        # On the arc: s sinc along the tangent and (1 − cos) / κ towards the source; both are smooth where κ = 0.
        angle = bend[:, None] * pitch[:, None] * k
        along = k * jnp.sinc(angle / jnp.pi)
        back = k * pitch[:, None] * (angle / 2) * jnp.sinc(angle / (2 * jnp.pi)) ** 2
        return centre[:, None, :] + along[..., None] * step[:, None, :] - back[..., None] * normal[:, None, :]

    rows, columns = g.detector_shape
    return Rays(
        jnp.asarray(g.source),
        at(_centred(columns)),
        at(_centred(columns + 1)),
        jnp.asarray(g.row_step),
        rows,
        False,
    )
