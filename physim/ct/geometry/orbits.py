"""The usual scanners: a circle, a fan in one plane, a helix, a single radiograph."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from physim_phantoms._checks import InputError, is_concrete

from .checks import Number, Numbers, arc_of, number, numbers, pixels, positive, whole
from .cone import ConeBeam, Sweep, per_view


def circular_cone(
    n_views: int,
    source_to_axis: Number,
    source_to_detector: Number,
    detector_shape: Sequence[int],
    pixel_size: Numbers,
    *,
    curved: bool = False,
    arc: Number = 2 * np.pi,
    start: Number = 0.0,
    offset: Numbers = (0.0, 0.0),
    centre: Numbers = (0.0, 0.0, 0.0),
) -> ConeBeam:
    """A cone beam on a circle about z: `n_views` equally spaced over `arc`, the last one a step before its end.

    At angle θ the columns run along u = (cos θ, sin θ, 0), the rows along +z, and the middle ray along
    n = (−sin θ, cos θ, 0), from the source at `centre` − `source_to_axis` n; see `docs/conventions.md`.

    - `source_to_axis`, `source_to_detector`: mm. - `detector_shape`, `pixel_size`, `offset`: (row, column), mm; the offset
      shifts the detector along its rows' and columns' directions (a quarter of a pixel is usual in CT).
    - `curved`: a cylinder around the source (equiangular columns) instead of a plane. - `arc`, `start`: rad.

    Good values: a clinical scanner, `circular_cone(984, 595.0, 1085.0, (64, 896), (1.09, 1.03), curved=True)`.
    Raises `ValueError` for no view or pixel, distances that are not positive, an axis behind the detector, and NaN.
    """
    n_views = whole("n_views", n_views, "720")
    step = arc_of(arc, n_views) / n_views
    angles = number("start", start) + np.arange(n_views) * step
    return _orbit(
        angles,
        step,
        0.0,
        0.0,
        source_to_axis,
        source_to_detector,
        detector_shape,
        pixel_size,
        curved,
        offset,
        centre,
    )


def fan_beam(
    n_views: int,
    source_to_axis: Number,
    source_to_detector: Number,
    n_columns: int,
    pixel_size: Number,
    *,
    curved: bool = False,
    slice_thickness: Number = 1.0,
    arc: Number = 2 * np.pi,
    start: Number = 0.0,
    offset: Number = 0.0,
    centre: Numbers = (0.0, 0.0, 0.0),
) -> ConeBeam:
    """A fan in the plane z = `centre`[2]: `circular_cone` with one row, whose height at the axis is `slice_thickness`.

    - `pixel_size`, `offset`: along the columns, at the detector, mm. - `curved`: equiangular instead of flat.
    Errors as `circular_cone`. Good values: `fan_beam(984, 595.0, 1085.0, 896, 1.03, curved=True)`.
    """
    thickness = positive("slice_thickness", slice_thickness, like="slice_thickness=1.0")
    height = thickness * number("source_to_detector", source_to_detector)
    height = height / positive("source_to_axis", source_to_axis, like="source_to_axis=595.0")
    return circular_cone(
        n_views,
        source_to_axis,
        source_to_detector,
        (1, n_columns),
        (height, pixel_size),
        curved=curved,
        arc=arc,
        start=start,
        offset=(0.0, offset),
        centre=centre,
    )


def helical_cone(
    views_per_turn: int,
    turns: Number,
    table_feed: Number,
    source_to_axis: Number,
    source_to_detector: Number,
    detector_shape: Sequence[int],
    pixel_size: Numbers,
    *,
    curved: bool = True,
    start: Number = 0.0,
    offset: Numbers = (0.0, 0.0),
    centre: Numbers = (0.0, 0.0, 0.0),
) -> ConeBeam:
    """A cone beam on a helix about z: the source climbs `table_feed` mm per turn and passes `centre` half way.

    - `turns`: may be a fraction; `views_per_turn * turns` views, rounded. - the rest as `circular_cone`.

    The pitch is table_feed / (rows × row pitch at the axis). Good values: a pitch of 0.5 to 1.2;
    `helical_cone(984, 3.0, 32.0, 595.0, 1085.0, (64, 896), (1.09, 1.03))`.
    Raises `ValueError` as `circular_cone`, and for less than one view.
    """
    per_turn = whole("views_per_turn", views_per_turn, "984")
    if not is_concrete(turns):
        raise InputError(
            "turns sets the number of views, so it cannot be traced; give a plain number, like 3.0"
        )
    n_views = whole("views_per_turn * turns", round(per_turn * float(turns)), "2952")
    place = np.arange(n_views) / per_turn
    feed = number("table_feed", table_feed)
    climb = feed * (place - (n_views - 1) / (2 * per_turn))
    angles = number("start", start) + 2 * np.pi * place
    return _orbit(
        angles,
        2 * np.pi / per_turn,
        climb,
        feed / per_turn,
        source_to_axis,
        source_to_detector,
        detector_shape,
        pixel_size,
        curved,
        offset,
        centre,
    )


def radiograph(
    source_to_axis: Number,
    source_to_detector: Number,
    detector_shape: Sequence[int],
    pixel_size: Numbers,
    *,
    angle: Number = 0.0,
    offset: Numbers = (0.0, 0.0),
    centre: Numbers = (0.0, 0.0, 0.0),
) -> ConeBeam:
    """One view on a flat detector: `circular_cone` at `angle`, rad, with `centre` on the middle ray; nothing moves.

    Angle 0 looks along +y: the beam enters a patient in RAS+ from behind (postero-anterior). π/2 looks along −x, from the
    right side to the left (left lateral). Errors as `circular_cone`.

    Good values: a chest at 1.8 m, `radiograph(1500.0, 1800.0, (430, 430), (1.0, 1.0))`.
    """
    angles = jnp.reshape(angle, (1,)) if not is_concrete(angle) else np.reshape(number("angle", angle), (1,))
    return _orbit(
        angles,
        0.0,
        0.0,
        0.0,
        source_to_axis,
        source_to_detector,
        detector_shape,
        pixel_size,
        False,
        offset,
        centre,
    )


def _orbit(
    angles, turn, climb, advance, to_axis, to_detector, shape, pixel, curved, offset, centre
) -> ConeBeam:
    to_axis = positive("source_to_axis", to_axis, like="source_to_axis=595.0")
    to_detector = positive("source_to_detector", to_detector, like="source_to_detector=1085.0")
    if is_concrete(to_axis) and is_concrete(to_detector) and to_axis >= to_detector:
        raise InputError(
            f"source_to_detector is {to_detector:g} mm and source_to_axis {to_axis:g} mm; the axis must lie between "
            f"source and detector: write source_to_detector={2 * to_axis:g}"
        )
    row, column = positive("pixel_size", numbers("pixel_size", pixel, 2), like="pixel_size=(1.09, 1.03)")
    shift, middle = numbers("offset", offset, 2), numbers("centre", centre, 3)
    lib = (
        np if all(is_concrete(v) for v in (angles, climb, to_axis, to_detector, row, shift, middle)) else jnp
    )
    # On a cylinder the detector is shifted along its arc.
    bend = 1 / to_detector if curved else 0.0 * to_detector
    at = angles + bend * shift[1]
    u, n, z = _axes(lib, angles)
    axis = middle + z * lib.reshape(climb, (-1, 1))
    source = axis - to_axis * n
    if curved:
        tangent, ray, _ = _axes(lib, at)
        place = source + to_detector * ray + shift[0] * z
    else:
        tangent, place = u, source + to_detector * n + shift[0] * z + shift[1] * u
    views = len(angles)
    sweep = Sweep(lib.broadcast_to(turn, (views,)), lib.broadcast_to(advance, (views,)), middle)
    return per_view(source, place, row * z, column * tangent, pixels(shape), curvature=bend, sweep=sweep)


def _axes(lib, angles):
    """u, n and z of every view."""
    c, s, zero = lib.cos(angles), lib.sin(angles), lib.zeros_like(angles)
    return lib.stack([c, s, zero], -1), lib.stack([-s, c, zero], -1), lib.stack([zero, zero, zero + 1], -1)
