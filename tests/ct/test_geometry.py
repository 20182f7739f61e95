"""Geometries against closed forms: where sources and pixels are, angles, solid angles, motion, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim import ct
from physim.ct.geometry import beam_angles, during_view, rays, shifted_detector, solid_angles, view_angles
from tests.helper import unchecked

ROOM = (500.0, 900.0, (5, 8), (1.5, 2.0))


@settings(max_examples=20, deadline=None)
@given(start=st.floats(-7, 7), curved=st.booleans(), shift=st.floats(-30, 30))
def test_source_and_detector_keep_their_distances(start, curved, shift):
    geometry = ct.circular_cone(
        5, *ROOM, start=start, curved=curved, offset=(1.0, shift), centre=(3.0, -2.0, 7.0)
    )
    source = np.asarray(geometry.source)
    np.testing.assert_allclose(np.hypot(source[:, 0] - 3, source[:, 1] + 2), 500.0)
    seen = rays(geometry)
    middle = np.asarray(seen.columns, np.float64) - source[:, None, :]
    middle[..., 2] -= 1.0
    if curved:
        np.testing.assert_allclose(np.linalg.norm(middle, axis=-1), 900.0, rtol=1e-6)
    else:
        ahead = np.asarray(geometry.normal)[:, None, :]
        np.testing.assert_allclose(np.sum(middle * ahead, axis=-1), 900.0, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(geometry.normal)[:, 2], 0.0, atol=1e-6)


def test_equal_steps_on_an_arc_are_equal_angles():
    geometry = ct.fan_beam(3, 500.0, 900.0, 9, 4.0, curved=True)
    fan, cone = (np.asarray(a) for a in beam_angles(geometry))
    np.testing.assert_allclose(np.diff(fan[0, 0]), 4.0 / 900.0, rtol=1e-4)
    np.testing.assert_allclose(cone, 0.0, atol=1e-6)


def test_a_flat_fan_has_the_angles_of_its_tangents():
    fan, _ = beam_angles(ct.fan_beam(2, 500.0, 900.0, 9, 40.0))
    np.testing.assert_allclose(np.tan(np.asarray(fan)[1, 0]), 40.0 * (np.arange(9) - 4) / 900.0, atol=1e-6)


def test_solid_angles_add_up_to_that_of_the_rectangle():
    # A rectangle a × b at distance d covers 4 atan(ab / 2d √(4d² + a² + b²)).
    geometry = ct.circular_cone(1, 50.0, 100.0, (60, 80), (2.0, 2.0))
    a, b, d = 120.0, 160.0, 100.0
    whole = 4 * np.arctan(a * b / (2 * d * np.sqrt(4 * d**2 + a**2 + b**2)))
    assert float(solid_angles(geometry).sum()) == pytest.approx(whole, rel=1e-4)


def test_a_helix_climbs_and_passes_its_centre_half_way():
    geometry = ct.helical_cone(12, 2.5, 30.0, *ROOM, centre=(0.0, 0.0, 100.0))
    z = np.asarray(geometry.source)[:, 2]
    assert len(z) == 30
    np.testing.assert_allclose(np.diff(z), 30.0 / 12)
    assert np.mean(z) == pytest.approx(100.0)


def test_the_gantry_moves_on_during_a_view():
    geometry = ct.helical_cone(12, 1.0, 30.0, *ROOM, centre=(3.0, -2.0, 0.0))
    later, before_next = during_view(geometry, 0.5), during_view(geometry, -0.5)
    for name in ("source", "detector_centre", "row_step", "column_step"):
        np.testing.assert_allclose(
            np.asarray(getattr(later, name))[:-1], np.asarray(getattr(before_next, name))[1:], atol=1e-3
        )
    beam = ct.parallel_beam(8, (2, 4), (1.0, 1.0))
    np.testing.assert_allclose(view_angles(during_view(beam, 1.0))[:-1], view_angles(beam)[1:], rtol=1e-6)


@pytest.mark.parametrize("curved", [False, True])
def test_a_detector_shifted_by_one_pixel_has_the_pixels_of_its_neighbours(curved):
    geometry = ct.circular_cone(3, *ROOM, curved=curved)
    moved = np.asarray(rays(shifted_detector(geometry, 1.0, 1.0)).pixels())
    np.testing.assert_allclose(moved[:, :-1, :-1], np.asarray(rays(geometry).pixels())[:, 1:, 1:], atol=2e-4)


def test_turns_are_right_handed():
    geometry = ct.circular_cone(1, *ROOM)
    # Rows z, columns x, normal y: a roll turns columns towards −z, as a right hand about y does.
    np.testing.assert_allclose(
        ct.misaligned(geometry, roll=0.1).column_step[0, 2], -2.0 * np.sin(0.1), rtol=1e-5
    )
    np.testing.assert_allclose(
        ct.misaligned(geometry, tilt=0.1).row_step[0, 1], -1.5 * np.sin(0.1), rtol=1e-5
    )
    np.testing.assert_allclose(
        ct.misaligned(geometry, slant=0.1).column_step[0, 1], 2.0 * np.sin(0.1), rtol=1e-5
    )
    spot = ct.flying_focal_spot(ct.circular_cone(4, *ROOM), [(0.5, -0.6, 0.0), (0.0, 0.6, 0.0)])
    np.testing.assert_allclose(spot.source[0], [-0.6, -500.0, 0.5], atol=1e-4)
    np.testing.assert_allclose(spot.source[2], [0.6 - 2 * 0.0, 500.0, 0.5], atol=1e-3)


def test_per_view_takes_what_the_factories_make():
    made = ct.circular_cone(3, *ROOM)
    again = ct.per_view(made.source, made.detector_centre, made.row_step, made.column_step, (5, 8))
    np.testing.assert_array_equal(rays(again).pixels(), rays(made).pixels())


POINT, STEP = np.array([[0.0, -500.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
FAR, ACROSS = np.array([[0.0, 400.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ct.circular_cone(0, *ROOM), "n_views is 0"),
        (lambda: ct.circular_cone(4, -5.0, *ROOM[1:]), "source_to_axis is -5 mm; it must be above 0"),
        (lambda: ct.circular_cone(4, 500.0, 400.0, (5, 8), (1.0, 1.0)), "write source_to_detector=1000"),
        (lambda: ct.circular_cone(4, 500.0, 900.0, (0, 8), (1.0, 1.0)), r"detector_shape is \(0, 8\)"),
        (lambda: ct.circular_cone(4, 500.0, 900.0, (5, 8), (0.0, 1.0)), "pixel_size is 0 mm"),
        (lambda: ct.circular_cone(4, np.nan, 900.0, (5, 8), (1.0, 1.0)), "source_to_axis has 1 NaN"),
        (lambda: ct.helical_cone(10, 0.01, 30.0, *ROOM), "turns is 0"),
        (lambda: unchecked(ct.per_view)(POINT[0], FAR, STEP, ACROSS, (5, 8)), r"source has shape \(3,\)"),
        (lambda: unchecked(ct.per_view)(POINT[:0], FAR, STEP, ACROSS, (5, 8)), "source has no view"),
        (
            lambda: unchecked(ct.per_view)(np.repeat(POINT, 2, 0), FAR, STEP, ACROSS, (5, 8)),
            "detector_centre is for 1 views",
        ),
        (lambda: ct.per_view(POINT, FAR, 0 * STEP, ACROSS, (5, 8)), "row_step of view 0 has no length"),
        (lambda: ct.per_view(POINT, FAR, STEP, 2 * STEP, (5, 8)), "lie along one line"),
        (lambda: ct.per_view(FAR, FAR, STEP, ACROSS, (5, 8)), "in the plane of its detector"),
        (lambda: ct.flying_focal_spot(ct.circular_cone(4, *ROOM), np.zeros((0, 3))), "shifts has shape"),
        (lambda: ct.parallel_beam(2, (2, 9), (0.0, 1.0)), "pixel_size"),
        (lambda: ct.parallel_beam(2, (2, 9), (1.0, 1.0), arc=np.inf), "arc has 1 NaN"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(make, message):
    with pytest.raises(ValueError, match=message):
        make()
