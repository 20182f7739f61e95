"""Sub-samples, motion and coverage, against scans in which the same rays or volumes are written out."""

import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.coverage import TruncationWarning, detector_coordinates
from physim.ct.detection import EnergyIntegrating, Noiseless
from physim.ct.geometry import rays, solid_angles
from physim.ct.motion import Deformation, RigidMotion, breathing
from physim.ct.scan import scan
from physim.ct.source import Protocol, Tube
from physim.ct.subsampling import SubSampling
from physim.ct.timing import durations, middles
from physim_phantoms import Grid, Phantom, Tissue
from tests.helper import assert_gradient, assert_order

GRID = Grid((20, 20, 6), (6.0, 6.0, 6.0))
CONE = ct.circular_cone(4, 500.0, 1000.0, (4, 30), (9.0, 10.0), start=0.2)
KEY = jax.random.key(0)
NOTHING = Tissue("nothing", 1e-6, {"N": 1.0})
QUIET = EnergyIntegrating(electronic_noise=0.0)


def blob(shift=(0, 0, 0), turns=0, grid=GRID):
    """Something without symmetry: an off-centre ellipsoid with smooth edges, moved by whole voxels or quarter turns."""
    x, y, z = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    s = shift
    r = ((x - 11 - s[0]) / 5) ** 2 + ((y - 8 - s[1]) / 3) ** 2 + ((z - 2.5 - s[2]) / 1.5) ** 2
    volume = np.clip(1.5 - r, 0, 1).astype(np.float32)
    return np.rot90(volume, turns, axes=(0, 1)) if turns else volume


def patient(volume=None, grid=GRID):
    """In next to nothing, so that moving the box around it changes nothing."""
    return Phantom.from_fractions(grid, {"water": blob() if volume is None else volume}, background=NOTHING)


def read(person, geometry, protocol=None, **how):
    raw = scan(person, geometry, protocol or Protocol(detector=QUIET), KEY, noise=Noiseless(), **how)
    return np.asarray(raw.signal, np.float64)


def test_parts_of_a_pixel_are_the_pixels_of_a_finer_detector():
    fine = replace(CONE, row_step=CONE.row_step / 2, column_step=CONE.column_step / 3, detector_shape=(8, 90))
    one = read(patient(), CONE, subsampling=SubSampling(cell=(2, 3)))
    # Each weighted with the pixel's solid angle, as sub-samples are.
    each = read(patient(), fine) / np.asarray(solid_angles(fine), np.float64)
    mean = each.reshape(4, 4, 2, 30, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(one / np.asarray(solid_angles(CONE), np.float64), mean, rtol=2e-5)


def test_parts_of_a_view_are_the_views_of_a_finer_scan():
    step = 2 * np.pi / 4
    fine = ct.circular_cone(8, 500.0, 1000.0, (4, 30), (9.0, 10.0), start=0.2 - step / 4)
    one = read(patient(), CONE, subsampling=SubSampling(rotation=2))
    np.testing.assert_allclose(one, read(patient(), fine).reshape(4, 2, 4, 30).sum(axis=1), rtol=2e-5)


def test_parts_of_the_focal_spot_are_other_sources():
    width, length = 10.0, 8.0
    protocol = Protocol(detector=QUIET, tube=Tube(focal_spot=(width, length)))
    column, row = (
        np.asarray(v) / np.linalg.norm(v, axis=1, keepdims=True) for v in (CONE.column_step, CONE.row_step)
    )
    parts = [
        read(patient(), replace(CONE, source=CONE.source + a * width / 4 * column + b * length / 4 * row))
        / np.asarray(
            solid_angles(replace(CONE, source=CONE.source + a * width / 4 * column + b * length / 4 * row))
        )
        for a in (-1, 1)
        for b in (-1, 1)
    ]
    one = read(patient(), CONE, protocol, subsampling=SubSampling((2, 2)))
    np.testing.assert_allclose(one / np.asarray(solid_angles(CONE)), np.mean(parts, axis=0), rtol=2e-5)
    assert not np.allclose(one, read(patient(), CONE, protocol), rtol=1e-3)


def test_the_midpoint_rule_converges_to_second_order():
    truth = read(patient(), CONE, subsampling=SubSampling(rotation=48))
    error = lambda n: np.abs(read(patient(), CONE, subsampling=SubSampling(rotation=n)) - truth).mean()
    assert_order(error, (2, 4, 8), 2.0, slack=0.3)


def test_views_share_the_time_of_a_turn():
    np.testing.assert_allclose(durations(CONE, 0.5), 0.125, rtol=1e-6)
    np.testing.assert_allclose(middles(durations(CONE, 0.5)), [0.0625, 0.1875, 0.3125, 0.4375], rtol=1e-6)
    helix = ct.helical_cone(8, 2.0, 20.0, 500.0, 1000.0, (4, 30), (9.0, 10.0))
    np.testing.assert_allclose(np.sum(durations(helix, 0.5)), 1.0, rtol=1e-6)
    flat = ct.parallel_beam(10, (1, 4), (1.0, 1.0))
    np.testing.assert_allclose(np.sum(durations(flat, 0.5)), 0.25, rtol=1e-6)
    still = ct.radiograph(1500.0, 1800.0, (4, 4), (1.0, 1.0))
    np.testing.assert_allclose(durations(still, 0.5), 0.5, rtol=1e-6)


@pytest.mark.parametrize(("quarters", "angle"), [(1, np.pi / 2), (2, np.pi)])
def test_a_turned_patient_is_the_turned_volume(quarters, angle):
    # rot90 of the first two axes turns the volume's content by −90° seen with x to the right and y up, or by +90°: by +90°.
    motion = RigidMotion((0.0,), [(0.0, 0.0, angle)], [(0.0, 0.0, 0.0)])
    np.testing.assert_allclose(
        read(patient(), CONE, motion=motion), read(patient(blob(turns=quarters)), CONE), rtol=2e-4
    )


def test_a_patient_that_slides_is_elsewhere_in_every_view():
    """One voxel along x per view; with a shift of the centre that must not matter."""
    times = np.asarray(middles(durations(CONE, 0.5)))
    motion = RigidMotion(
        times, np.zeros((4, 3)), np.arange(4)[:, None] * [6.0, 0.0, 0.0], centre=(3.0, 4.0, 5.0)
    )
    moved = read(patient(), CONE, motion=motion)
    for view in range(4):
        truth = read(patient(blob(shift=(view, 0, 0))), CONE)[view]
        np.testing.assert_allclose(moved[view], truth, rtol=2e-4)


def test_turning_about_a_centre_leaves_it_in_place():
    motion = RigidMotion((0.0,), [(0.1, -0.2, 0.3)], [(0.0, 0.0, 0.0)], centre=(10.0, 20.0, -5.0))
    seen = motion.seen(CONE, jnp.zeros(4))
    distance = lambda g: np.linalg.norm(np.asarray(g.source) - (10.0, 20.0, -5.0), axis=1)
    np.testing.assert_allclose(distance(seen), distance(CONE), rtol=1e-5)
    np.testing.assert_allclose(np.sum(np.asarray(seen.row_step) * seen.column_step, 1), 0, atol=1e-4)
    assert np.abs(np.asarray(seen.source) - CONE.source).max() > 10


def test_a_uniform_deformation_is_a_shift():
    """Displacements pull: what shows at p rested at p + u."""
    field = np.broadcast_to(np.array([-6.0, 0.0, 0.0], np.float32), (1, *GRID.shape, 3))
    motion = Deformation((0.0, 0.5), np.ones((2, 1)), field, groups=3)
    np.testing.assert_allclose(
        read(patient(), CONE, motion=motion), read(patient(blob(shift=(1, 0, 0))), CONE), rtol=1e-4
    )


def test_soft_motion_follows_the_time_of_the_views():
    field = np.broadcast_to(np.array([-6.0, 0.0, 0.0], np.float32), (1, *GRID.shape, 3))
    times = np.asarray(middles(durations(CONE, 0.5)))
    moved = read(patient(), CONE, motion=Deformation(times, np.arange(4.0)[:, None], field, groups=4))
    for view in range(4):
        np.testing.assert_allclose(
            moved[view], read(patient(blob(shift=(view, 0, 0))), CONE)[view], rtol=2e-4
        )


def test_breathing_sinks_and_returns():
    motion = breathing(GRID, amplitude=6.0, period=4.0, reach=1e4)
    rest = jnp.asarray(blob())
    np.testing.assert_allclose(motion.moved(rest, GRID, 0.0), rest, atol=1e-5)
    np.testing.assert_allclose(motion.moved(rest, GRID, 2.0), blob(shift=(0, 0, -1)), atol=2e-2)
    np.testing.assert_allclose(motion.moved(rest, GRID, 4.0), rest, atol=1e-3)
    near = breathing(GRID, amplitude=6.0, diaphragm=-15.0, reach=5.0)
    top, bottom = (float(near.fields[0, 0, 0, k, 2]) for k in (5, 0))
    assert bottom == pytest.approx(6.0, rel=1e-5)
    assert top < 0.01


SMALL = Grid((10, 10, 3), (12.0, 12.0, 12.0))


def small(motion):
    """A scan of a few rays through a smooth patient that moves."""
    x, y, z = (jnp.asarray(SMALL.centres()[..., k]) for k in range(3))
    volume = jnp.exp(-(((x - 6) / 30) ** 2) - ((y + 10) / 20) ** 2 - (z / 20) ** 2)
    person = Phantom.from_fractions(SMALL, {"water": 0.9 * volume}, background=NOTHING)
    geometry = ct.circular_cone(2, 500.0, 1000.0, (2, 10), (12.0, 20.0), start=0.2)
    return jnp.mean(
        scan(person, geometry, Protocol(), KEY, noise=Noiseless(), materials=1, motion=motion).log() ** 2
    )


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_soft_motion_is_differentiable():
    soft = lambda p: small(breathing(SMALL, amplitude=5 * p[0], period=0.9 * p[1], reach=40.0, groups=2))
    assert_gradient(jax.jit(soft), jnp.asarray([1.01, 1.02]), tolerance=1e-5, step=1e-6, directions=1)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_rigid_motion_is_differentiable():
    rigid = lambda p: small(
        RigidMotion((0.0, 0.5), jnp.stack([p[:3], -p[:3]]), jnp.stack([p[3:], p[3:]]) * 20)
    )
    assert_gradient(jax.jit(rigid), 0.1 + 0.01 * jnp.arange(6.0), tolerance=1e-5, step=1e-6, directions=1)


@pytest.mark.parametrize("curved", [False, True])
def test_detector_coordinates_undo_the_rays(curved):
    geometry = ct.circular_cone(
        3, 500.0, 1000.0, (5, 7), (9.0, 30.0), curved=curved, offset=(2.0, 5.0), start=0.3
    )
    for g in (geometry, ct.parallel_beam(3, (5, 7), (9.0, 30.0), offset=(2.0, 5.0), centre=(4.0, 3.0, 2.0))):
        for view in range(3):
            pixels = np.asarray(rays(g).pixels(), np.float64)[view]
            middle = pixels - 0.4 * np.asarray(rays(g).directions(), np.float64)[view]
            row, column = detector_coordinates(g, np.array([view]), middle.reshape(-1, 3))
            np.testing.assert_allclose(row.reshape(5, 7), np.arange(5)[:, None] + np.zeros(7), atol=1e-3)
            np.testing.assert_allclose(column.reshape(5, 7), np.arange(7) + np.zeros((5, 1)), atol=1e-3)


def test_a_patient_that_no_ray_meets_is_refused():
    far = Grid(GRID.shape, GRID.spacing, origin=(500.0, 0.0, 400.0))
    with pytest.raises(ValueError, match="no ray meets the patient"):
        read(patient(grid=far), CONE)
    with pytest.raises(ValueError, match="no ray meets the patient"):
        read(patient(grid=far), ct.parallel_beam(4, (4, 30), (9.0, 10.0)))


@pytest.mark.parametrize(("distance", "name"), [((3.0, 1000.0), "source"), ((500.0, 503.0), "detector")])
def test_a_source_or_detector_inside_the_patient_is_refused(distance, name):
    volume = np.ones(GRID.shape, np.float32)
    with pytest.raises(ValueError, match=f"the {name} of view 0, at .* lies inside the patient"):
        read(patient(volume), ct.circular_cone(4, distance[0], distance[1], (4, 30), (9.0, 10.0)))


def test_a_detector_that_is_too_narrow_warns_of_what_it_loses():
    narrow = ct.circular_cone(4, 500.0, 1000.0, (4, 4), (9.0, 10.0))
    with pytest.warns(TruncationWarning, match="of the patient's mass lies beyond its columns"):
        read(patient(np.ones(GRID.shape, np.float32)), narrow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(patient(), CONE)


def test_bad_motions_are_refused():
    with pytest.raises(ValueError, match="each later than the one before"):
        RigidMotion((0.5, 0.5), np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="rotation has shape"):
        RigidMotion((0.0, 0.5), np.zeros((1, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="groups is 0"):
        Deformation((0.0,), np.zeros((1, 1)), np.zeros((1, *GRID.shape, 3)), groups=0)
    with pytest.raises(ValueError, match="period is 0"):
        breathing(GRID, period=0.0)
    motion = RigidMotion((0.0,), np.zeros((1, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="parallel rays cannot follow a rigid motion"):
        read(patient(), ct.parallel_beam(4, (4, 30), (9.0, 10.0)), motion=motion)
