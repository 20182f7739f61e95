"""Rays that diverge from a focal spot: any place of source and detector in every view, flat or cylindrical detectors."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete

from .checks import Number, number, pixels

Vectors = Float[Array | np.ndarray, "view 3"]
PerView = Float[Array | np.ndarray, " view"]


class Sweep(eqx.Module):
    """How source and detector move while one view is read out: a turn about z and an advance along z.

    - `turn`: rad. - `advance`: mm. - `centre`: world position that the axis goes through, mm.
    """

    turn: PerView
    advance: PerView
    centre: Float[Array | np.ndarray, "3"]


class ConeBeam(eqx.Module):
    """Diverging rays; made by `circular_cone`, `fan_beam`, `helical_cone`, `radiograph` or `per_view`.

    Pixel (r, c) of a view sits at `detector_centre` + (r − (R−1)/2) `row_step` + (c − (C−1)/2) `column_step`, mm, if the
    detector is flat. With `curvature` κ (1/mm, 0 is flat) the columns lie on an arc of radius 1/κ that opens towards the
    source: `column_step` is its tangent in the middle, and equal steps are equal angles.

    - `source`: focal spot, mm. - `sweep`: motion during one view. All are traced; only the number of pixels is static.
    """

    source: Vectors
    detector_centre: Vectors
    row_step: Vectors
    column_step: Vectors
    curvature: PerView
    sweep: Sweep
    detector_shape: tuple[int, int] = eqx.field(static=True)

    @property
    def sinogram_shape(self) -> tuple[int, int, int]:
        """(views, rows, columns)."""
        return (self.source.shape[0], *self.detector_shape)

    @property
    def pixel_size(self) -> tuple[Float[Array, " view"], Float[Array, " view"]]:
        """(row, column) pitch of every view, mm."""
        return (
            jnp.linalg.norm(jnp.asarray(self.row_step), axis=-1),
            jnp.linalg.norm(jnp.asarray(self.column_step), axis=-1),
        )

    @property
    def normal(self) -> Float[Array, "view 3"]:
        """Unit vector across the middle of the detector, away from the source."""
        across = jnp.cross(jnp.asarray(self.row_step), jnp.asarray(self.column_step))
        ahead = jnp.sum(across * (jnp.asarray(self.detector_centre) - jnp.asarray(self.source)), axis=-1)
        across = across * jnp.where(ahead < 0, -1, 1)[:, None]
        return across / jnp.linalg.norm(across, axis=-1, keepdims=True)


def per_view(
    source: Vectors,
    detector_centre: Vectors,
    row_step: Vectors,
    column_step: Vectors,
    detector_shape: Sequence[int],
    *,
    curvature: PerView | Number = 0.0,
    sweep: Sweep | None = None,
) -> ConeBeam:
    """Any geometry: source, middle of the detector and its two steps in every view, mm (see `ConeBeam`).

    - `curvature`: of the detector's columns, 1/mm; 0 is flat, 1 / distance from the source is equiangular.
    - `sweep`: motion during one view; none unless given.

    Raises `ValueError` for shapes that do not belong together, no view, NaN, steps of no length or along one line, a
    source in the plane of its detector, and columns that bend by half a turn or more.
    """
    shape = pixels(detector_shape)
    made = [
        _vectors(n, v)
        for n, v in (
            ("source", source),
            ("detector_centre", detector_centre),
            ("row_step", row_step),
            ("column_step", column_step),
        )
    ]
    views = made[0].shape[0]
    for name, value in zip(("detector_centre", "row_step", "column_step"), made[1:], strict=True):
        if value.shape[0] != views:
            raise InputError(
                f"{name} is for {value.shape[0]} views and source for {views}; give one row of each per view"
            )
    bend = number("curvature", curvature)
    bend = jnp.broadcast_to(bend, (views,)) if not is_concrete(bend) else np.broadcast_to(bend, (views,))
    spot, centre, row, column = made
    _refuse_flat_pyramids(spot, centre, row, column)
    _refuse_closed_arcs(bend, column, shape[1])
    still = Sweep(np.zeros(views), np.zeros(views), np.zeros(3))
    return ConeBeam(spot, centre, row, column, bend, sweep or still, shape)


def _vectors(name: str, value) -> Array | np.ndarray:
    shape = np.shape(value)
    if len(shape) != 2 or shape[1] != 3:
        raise InputError(
            f"{name} has shape {shape}; it must have shape (views, 3): one point or step in mm per view"
        )
    if shape[0] < 1:
        raise InputError(f"{name} has no view; give at least one row, like [[0.0, -600.0, 0.0]]")
    return number(name, value)


def _refuse_flat_pyramids(source, centre, row, column) -> None:
    """Each view needs a detector with an area, and a source outside its plane."""
    if not all(is_concrete(v) for v in (source, centre, row, column)):
        return
    across = np.cross(row, column)
    area = np.linalg.norm(across, axis=-1)
    for name, step in (("row_step", row), ("column_step", column)):
        if np.any(np.linalg.norm(step, axis=-1) <= 0):
            view = int(np.argmin(np.linalg.norm(step, axis=-1)))
            raise InputError(
                f"{name} of view {view} has no length; it must be the step to the next pixel, in mm"
            )
    if np.any(area <= 1e-9 * np.linalg.norm(row, axis=-1) * np.linalg.norm(column, axis=-1)):
        raise InputError(
            f"row_step and column_step of view {int(np.argmin(area))} lie along one line; turn one of them"
        )
    distance = np.abs(np.sum(across * (centre - source), axis=-1)) / area
    if np.any(distance < 1e-6):
        raise InputError(
            f"the source of view {int(np.argmin(distance))} lies in the plane of its detector; move it away, mm"
        )


def _refuse_closed_arcs(bend, column, columns: int) -> None:
    """The columns of a curved detector must not reach round to its other side."""
    if not (is_concrete(bend) and is_concrete(column)):
        return
    angle = float(np.max(np.abs(bend) * np.linalg.norm(column, axis=-1))) * columns
    if angle >= np.pi:
        raise InputError(
            f"the {columns} columns bend by {angle:.3g} rad; it must be less than π: take fewer columns, "
            f"pixels at most {np.pi / angle:.2g} times as wide, or a larger source_to_detector"
        )
