"""The scanner of the CT studies: a fan per plane gives the HU that a direct scan of the plane gives, everywhere alike."""

import jax
import numpy as np
import pytest

from physim.ct.reconstruction.reconstruct import reconstruct
from physim.ct.reconstruction.windows import Hann
from physim.ct.scan import scan
from physim.ct.source import Protocol
from physim.study.axial_scan import (
    SOURCE_TO_AXIS,
    SOURCE_TO_DETECTOR,
    axial_fan,
    one_plane,
    reconstruct_planes,
    scan_planes,
)
from physim_phantoms import Grid, InputError, Phantom

VIEWS, PIXEL = 180, 3.0
GRID = Grid((48, 40, 3), (5.0, 5.0, 8.0))


@pytest.fixture(scope="module")
def cylinder():
    x, y, _ = np.moveaxis(np.asarray(GRID.centres()), -1, 0)
    water = np.clip((85.0 - np.hypot(x, y)) / 5.0 + 0.5, 0, 1).astype(np.float32)
    return Phantom.from_fractions(GRID, {"water": water})


@pytest.fixture(scope="module")
def turns(cylinder):
    return scan_planes(cylinder, VIEWS, PIXEL, Protocol(kvp=120.0, mas=200.0), jax.random.key(3))


def test_the_geometry_is_that_of_a_clinical_scanner():
    geometry = axial_fan(GRID, VIEWS, PIXEL)
    assert np.linalg.norm(np.asarray(geometry.source)[0, :2]) == pytest.approx(SOURCE_TO_AXIS, rel=1e-5)
    assert 1 / np.asarray(geometry.curvature)[0] == pytest.approx(SOURCE_TO_DETECTOR, rel=1e-5)
    assert np.asarray(geometry.pixel_size[1])[0] == pytest.approx(
        PIXEL * SOURCE_TO_DETECTOR / SOURCE_TO_AXIS, rel=1e-5
    )
    # All of the grid is seen: the outermost rays pass beyond its corners.
    half_fan = (geometry.detector_shape[1] / 2 - 1) * PIXEL / SOURCE_TO_AXIS
    assert SOURCE_TO_AXIS * np.sin(half_fan) > np.hypot(*GRID.extent[:2]) / 2


def test_water_is_water_in_every_plane(cylinder, turns):
    hu = reconstruct_planes(turns, GRID, Hann())
    assert hu.shape == GRID.shape
    x, y, _ = np.moveaxis(np.asarray(GRID.centres()), -1, 0)
    radius = np.hypot(x, y)
    for plane in range(3):
        for inner, outer in ((0.0, 30.0), (50.0, 75.0)):
            ring = (radius >= inner) & (radius < outer)
            assert np.mean(hu[..., plane][ring[..., plane]]) == pytest.approx(0.0, abs=4.0)


def test_a_plane_is_scanned_as_if_alone(cylinder, turns):
    plane = one_plane(GRID)
    alone = Phantom(plane, cylinder.tissues, cylinder.ids[..., 1:2], cylinder.fractions[..., 1:2])
    raw = scan(alone, turns.geometry, turns.protocol, jax.random.fold_in(jax.random.key(3), 1))
    np.testing.assert_allclose(turns.signal[1], np.asarray(raw.signal)[:, 0], rtol=1e-4)
    np.testing.assert_allclose(turns.log()[1], np.asarray(raw.log())[:, 0], atol=1e-4)
    image = reconstruct(raw, plane, window=Hann())
    np.testing.assert_allclose(
        reconstruct_planes(turns, GRID, Hann())[..., 1], np.asarray(image)[..., 0], atol=1.0
    )


def test_planes_have_noise_of_their_own_and_the_same_key_the_same_bits(cylinder, turns):
    assert np.corrcoef((turns.signal[0] - turns.signal[1]).ravel(), (turns.signal[2]).ravel())[0, 1] < 0.05
    again = scan_planes(cylinder, VIEWS, PIXEL, turns.protocol, jax.random.key(3))
    np.testing.assert_array_equal(again.signal, turns.signal)


def test_brain_near_bone_is_as_bright_as_in_the_middle():
    """Inside a skull of 9 mm, with petrous bones: beam hardening in bone brightens or darkens what lies beside it."""
    grid = Grid((64, 64, 1), (3.0, 3.0, 8.0))
    x, y, _ = np.moveaxis(np.asarray(grid.centres()), -1, 0)
    inner, disc = np.hypot(x, y) - 75.0, lambda r: np.clip(r / 3.0 + 0.5, 0, 1).astype(np.float32)
    rods = disc(14.0 - np.hypot(np.abs(x) - 45.0, y))
    bone = disc(9.0 - inner) - disc(-inner) + rods
    head = Phantom.from_fractions(grid, {"white_matter": disc(-inner) - rods, "cortical_bone": bone})
    turns = scan_planes(head, VIEWS, PIXEL, Protocol(kvp=120.0, mas=5000.0), jax.random.key(4))
    places = {
        "middle": np.hypot(x, y) < 20.0,
        "between the rods": (np.abs(x) < 20.0) & (np.abs(y) < 9.0),
        "beside the skull": (inner > -20.0) & (inner < -10.0) & (np.abs(x) < 30.0),
    }
    images = {
        asked: reconstruct_planes(turns, grid, Hann(), bone_correction=asked) for asked in (False, True)
    }
    plain, corrected = ([float(hu[m].mean()) for m in places.values()] for hu in images.values())
    assert np.ptp(plain) > 20, plain  # 28, 18 and 48 HU
    assert np.ptp(corrected) < 3, corrected  # 34.5, 33.7 and 35.2 HU


def test_a_grid_as_wide_as_the_gantry_is_refused():
    with pytest.raises(InputError, match=r"grid.field_of_view reaches 707 mm"):
        axial_fan(Grid((100, 100, 2), 10.0), VIEWS, PIXEL)
