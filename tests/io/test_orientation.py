"""RAS and LPS, and turning axes without moving a voxel."""

import numpy as np
import pytest

from physim.io.orientation import closest_canonical, ras_from_lps
from tests.io.worlds import GRIDS, place


def test_lps_negates_right_and_anterior_only():
    np.testing.assert_array_equal(ras_from_lps(np.array([1.0, 2.0, 3.0])), [-1.0, -2.0, 3.0])
    points = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(ras_from_lps(ras_from_lps(points)), points)


@pytest.mark.parametrize("name", GRIDS)
def test_turning_keeps_every_voxel_in_its_place(name):
    grid = GRIDS[name]
    turned, new = closest_canonical(place(grid), grid)
    np.testing.assert_allclose(turned, place(new), atol=1e-9)
    assert np.all(np.diag(new.direction) > 0.9)


@pytest.mark.parametrize("name", GRIDS)
def test_axes_are_those_that_nibabel_calls_canonical(name):
    import nibabel

    grid = GRIDS[name]
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(place(grid), grid.affine))
    turned, new = closest_canonical(place(grid), grid)
    np.testing.assert_array_equal(turned, image.get_fdata())
    np.testing.assert_allclose(new.affine, image.affine, atol=1e-9)
