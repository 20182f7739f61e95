"""Filtered back-projection of exact line integrals against the shapes that they are of."""

import math

import numpy as np
import pytest

from physim.ct import geometry as g
from physim.ct.reconstruction import windows
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim_phantoms import Grid, shapes
from tests.ct.exact_scans import line_integrals
from tests.helper import nrmse

GRID = Grid((56, 56, 1), (3.4, 3.4, 3.0))
ELLIPSOID = shapes.Ellipsoid((20.0, -15.0, 0.0), (70.0, 50.0, 40.0), value=0.02)
ROOM = (600.0, 1000.0, (1, 160), (5.0, 2.5))
SHORT = math.pi + 0.42  # a fan of 2 × 0.2 rad, and a little more
SCANS = {
    "parallel": g.parallel_beam(360, (1, 160), (3.0, 1.5), offset=(0.0, 0.4)),
    "parallel, uneven": g.parallel_beam(360, (1, 160), (3.0, 1.5), arc=1.4 * math.pi),
    "flat": g.circular_cone(360, *ROOM),
    "arc, quarter offset": g.circular_cone(360, *ROOM, curved=True, offset=(0.0, 0.625)),
    "flat, short": g.circular_cone(360, *ROOM, arc=SHORT, start=0.3),
    "arc, short": g.circular_cone(360, *ROOM, arc=SHORT, start=2.3, curved=True),
    "arc, short, backwards": g.circular_cone(
        360, *ROOM, arc=-SHORT, start=0.3, curved=True, offset=(0.0, 2.0)
    ),
    "flat, overscan": g.circular_cone(360, *ROOM, arc=1.5 * math.pi),
    "flying focal spot": g.flying_focal_spot(
        g.circular_cone(360, *ROOM, curved=True), [(0.0, -0.6, 0.0), (0.0, 0.6, 0.0)]
    ),
    "detector to one side": g.circular_cone(360, 600.0, 1000.0, (1, 110), (5.0, 2.5), offset=(0.0, 60.0)),
    "cone": g.circular_cone(360, 600.0, 1000.0, (4, 160), (5.0, 2.5), centre=(3.0, 2.0, 0.0)),
}


def inside(shape, grid, part=0.75):
    at = (np.asarray(grid.centres()) - np.asarray(shape.centre)) / np.asarray(shape.semi_axes)
    return np.sum(at**2, axis=-1) < part


@pytest.mark.parametrize("name", SCANS)
def test_a_uniform_ellipsoid_is_uniform_and_right(name):
    image = FilteredBackProjection(windows.Hann()).solve(
        line_integrals(ELLIPSOID, SCANS[name]), GRID, SCANS[name]
    )
    values = np.asarray(image)[inside(ELLIPSOID, GRID)] / 0.02
    assert abs(values.mean() - 1) < 2e-4, values.mean() - 1
    assert np.abs(values - 1).max() < 1.5e-3


FINER = {
    "parallel": lambda n, p: g.parallel_beam(360, (1, n), (3.0, 0.6 * p)),
    "flat": lambda n, p: g.circular_cone(360, 600.0, 1000.0, (1, n), (5.0, p)),
    "arc, short": lambda n, p: g.circular_cone(360, 600.0, 1000.0, (1, n), (5.0, p), curved=True, arc=SHORT),
}


@pytest.mark.parametrize(
    "name", [n if n == "flat" else pytest.param(n, marks=pytest.mark.slow) for n in FINER]
)
def test_a_gaussian_comes_back_and_finer_pixels_bring_it_closer(name):
    blob = shapes.Gaussian((10.0, -15.0, 0.0), (9.0, 7.0, 500.0), value=1.0)
    truth, errors = blob.density(GRID.centres()), []
    for pitch in (4.0, 2.0):
        made = FINER[name](round(400 / pitch), pitch)
        image = FilteredBackProjection(windows.RamLak()).solve(line_integrals(blob, made), GRID, made)
        errors.append(nrmse(image, truth))
    assert errors[1] < 0.01
    assert errors[0] / errors[1] > 3, errors  # order 2 would be 4


def test_the_standard_head_phantom_at_its_plateaus():
    """Shepp and Logan's values between ellipses: brain 1.02 of 2.0 in the skull, ventricles 1.0."""
    size = 100.0
    head = shapes.shepp_logan_3d(size, contrast=shapes.STANDARD_CONTRAST)
    geometry = g.circular_cone(480, *ROOM[:2], (1, 240), (5.0, 1.6), curved=True, offset=(0.0, 0.4))
    grid = Grid((4, 4, 1), (3.0, 3.0, 1.0))
    image = np.asarray(
        FilteredBackProjection(windows.Hann()).solve(line_integrals(head, geometry), grid, geometry)
    )
    truth = np.asarray(head.density(grid.centres()))
    np.testing.assert_allclose(image, truth, atol=4e-3)


def test_cone_planes_off_the_middle_are_feldkamps():
    """A cylinder along z is reconstructed exactly in every plane: Feldkamp, Davis and Kress (1984), section 3."""
    geometry = g.circular_cone(300, 600.0, 1000.0, (24, 130), (6.0, 3.0))
    cylinder = shapes.Cylinder((5.0, 8.0, 0.0), 60.0, 600.0, value=0.02)
    grid = Grid((32, 32, 5), (5.0, 5.0, 8.0))
    image = (
        np.asarray(FilteredBackProjection().solve(line_integrals(cylinder, geometry), grid, geometry)) / 0.02
    )
    axes = grid.axes()
    near = np.hypot(axes[0][:, None] - 5, axes[1][None, :] - 8) < 45
    assert np.abs(image[near] - 1).max() < 2e-3
