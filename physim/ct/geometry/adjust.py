"""Geometries from geometries: misaligned detectors, flying focal spots, some of the views."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError

from .checks import Number, numbers
from .cone import ConeBeam, Sweep
from .parallel import ParallelBeam
from .rays import Geometry, n_views

PerView = Float[Array | np.ndarray, " view"]
Shift = Sequence[Number | PerView] | Float[Array | np.ndarray, "3 *view"]


def misaligned(
    geometry: ConeBeam,
    *,
    roll: Number | PerView = 0.0,
    tilt: Number | PerView = 0.0,
    slant: Number | PerView = 0.0,
    shift: Shift = (0.0, 0.0, 0.0),
    source_shift: Shift = (0.0, 0.0, 0.0),
) -> ConeBeam:
    """The geometry with its detector turned and detector and source moved, one number for all views or one for each.

    - `roll`, `tilt`, `slant`: right-handed turns of the detector about its normal, its columns' direction and its rows'
      direction through its middle, in this order, rad. - `shift`, `source_shift`: (row, column, normal), along the
      detector's directions before the turns, mm.

    Differentiable in all of them: what a calibration looks for.
    """
    row = _unit(jnp.asarray(geometry.row_step))
    column = _unit(jnp.asarray(geometry.column_step))
    frame = (row, column, geometry.normal)
    row_step, column_step = jnp.asarray(geometry.row_step), jnp.asarray(geometry.column_step)
    for axis, angle in ((frame[2], roll), (frame[1], tilt), (frame[0], slant)):
        row_step, column_step = (_turned(v, axis, angle) for v in (row_step, column_step))
    return replace(
        geometry,
        source=_moved(geometry.source, frame, source_shift),
        detector_centre=_moved(geometry.detector_centre, frame, shift),
        row_step=row_step,
        column_step=column_step,
    )


def flying_focal_spot(
    geometry: ConeBeam, shifts: Sequence[Sequence[float]] | Float[Array | np.ndarray, "n 3"]
) -> ConeBeam:
    """The focal spot jumps from view to view through `shifts`, again and again: (row, column, normal), mm each.

    Good values: `[(0, -0.6, 0), (0, 0.6, 0)]` doubles the in-plane sampling. Raises `ValueError` for no shift.
    """
    moves = jnp.asarray(shifts, float)
    if moves.ndim != 2 or moves.shape[0] < 1 or moves.shape[1] != 3:
        raise InputError(
            f"shifts has shape {moves.shape}; give (row, column, normal) in mm for each place, like [(0, -0.6, 0), (0, 0.6, 0)]"
        )
    each = moves[np.arange(n_views(geometry)) % moves.shape[0]]
    return misaligned(geometry, source_shift=tuple(each.T))


def some_views(geometry: Geometry, which: slice | np.ndarray) -> Geometry:
    """The geometry of a part of the views, given as a slice or as their indices."""
    if isinstance(geometry, ParallelBeam):
        return replace(geometry, angles=geometry.angles[which])
    sweep = geometry.sweep
    taken = {n: getattr(geometry, n)[which] for n in _PER_VIEW}
    return replace(geometry, **taken, sweep=Sweep(sweep.turn[which], sweep.advance[which], sweep.centre))


_PER_VIEW = ("source", "detector_centre", "row_step", "column_step", "curvature")


def during_view(geometry: Geometry, share: Number) -> Geometry:
    """Where the gantry stands `share` of a view's time after the middle of its read-out; −½ to ½.

    Parallel rays turn by the mean step between their views.
    """
    if isinstance(geometry, ParallelBeam):
        views = n_views(geometry)
        step = (geometry.angles[-1] - geometry.angles[0]) / max(views - 1, 1)
        return replace(geometry, angles=geometry.angles + share * step)
    sweep = jax.tree.map(jnp.asarray, geometry.sweep)
    c, s = jnp.cos(share * sweep.turn), jnp.sin(share * sweep.turn)
    climb = jnp.stack([0 * c, 0 * c, share * sweep.advance], -1)

    def turned(v):
        v = jnp.asarray(v)
        return jnp.stack([c * v[:, 0] - s * v[:, 1], s * v[:, 0] + c * v[:, 1], v[:, 2]], -1)

    return replace(
        geometry,
        source=turned(geometry.source - sweep.centre) + sweep.centre + climb,
        detector_centre=turned(geometry.detector_centre - sweep.centre) + sweep.centre + climb,
        row_step=turned(geometry.row_step),
        column_step=turned(geometry.column_step),
    )


def shifted_detector(geometry: Geometry, rows: Number, columns: Number) -> Geometry:
    """The detector moved by fractions of a pixel: where the sub-cells of its pixels are."""
    if isinstance(geometry, ParallelBeam):
        move = jnp.stack([jnp.asarray(rows, float), jnp.asarray(columns, float)])
        return replace(geometry, offset=geometry.offset + move * geometry.pixel_size)
    centre = jnp.asarray(geometry.detector_centre) + rows * jnp.asarray(geometry.row_step)
    # Along an arc the middle turns about the centre of curvature.
    angle = columns * jnp.asarray(geometry.curvature) * geometry.pixel_size[1]
    step, normal = jnp.asarray(geometry.column_step), geometry.normal
    unit = step / geometry.pixel_size[1][:, None]
    along = columns * jnp.sinc(angle / jnp.pi)
    back = columns * geometry.pixel_size[1] * (angle / 2) * jnp.sinc(angle / (2 * jnp.pi)) ** 2
    tangent = jnp.cos(angle)[:, None] * unit - jnp.sin(angle)[:, None] * normal
    return replace(
        geometry,
        detector_centre=centre + along[:, None] * step - back[:, None] * normal,
        column_step=tangent * geometry.pixel_size[1][:, None],
    )


def _unit(v):
    return v / jnp.linalg.norm(v, axis=-1, keepdims=True)


def _moved(points, frame, shift):
    moves = numbers("shift", shift, 3) if all(np.ndim(s) == 0 for s in shift) else shift
    return jnp.asarray(points) + sum(
        jnp.reshape(jnp.asarray(m), (-1, 1)) * a for m, a in zip(moves, frame, strict=True)
    )


def _turned(v, axis, angle):
    """Rodrigues' rotation."""
    angle = jnp.reshape(jnp.asarray(angle), (-1, 1))
    c, s = jnp.cos(angle), jnp.sin(angle)
    along = jnp.sum(axis * v, axis=-1, keepdims=True)
    return c * v + s * jnp.cross(axis, v) + (1 - c) * along * axis
