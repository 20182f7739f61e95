"""Helical weighted filtered back-projection against shapes, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct import geometry as g
from physim.ct.reconstruction import windows
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.helical import WeightedFilteredBackProjection
from physim_phantoms import Grid, shapes
from tests.ct.exact_scans import line_integrals
from tests.helper import assert_gradient

GRID = Grid((40, 40, 5), (4.6, 4.6, 4.0))
ELLIPSOID = shapes.Ellipsoid((20.0, -15.0, 0.0), (70.0, 50.0, 60.0), value=0.02)
ROOM = (600.0, 1000.0, (16, 130), (5.0, 3.0))
ROWS = 16 * 5.0 * 0.6  # height of the detector at the axis, mm
SCANS = {
    "pitch 1": g.helical_cone(240, 4.0, ROWS, *ROOM),
    "pitch 0.5": g.helical_cone(240, 6.0, 0.5 * ROWS, *ROOM),
    "pitch 1.4": g.helical_cone(240, 4.0, 1.4 * ROWS, *ROOM),
    "flat": g.helical_cone(240, 4.0, ROWS, *ROOM, curved=False),
    "down, shifted": g.helical_cone(241, 4.0, -ROWS, *ROOM, offset=(3.0, 0.75)),
    "four rows": g.helical_cone(240, 16.0, 12.0, 600.0, 1000.0, (4, 130), (5.0, 3.0)),
}


_QUICK = "four rows"


@pytest.mark.parametrize(
    "name", [name if name == _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SCANS]
)
def test_a_uniform_ellipsoid_is_uniform_and_right(name):
    image = FilteredBackProjection(windows.Hann()).solve(
        line_integrals(ELLIPSOID, SCANS[name]), GRID, SCANS[name]
    )
    at = (np.asarray(GRID.centres()) - [20.0, -15.0, 0.0]) / [70.0, 50.0, 60.0]
    values = np.asarray(image)[np.sum(at**2, axis=-1) < 0.7] / 0.02
    assert abs(values.mean() - 1) < 5e-4, values.mean() - 1
    assert np.abs(values - 1).max() < 2e-3


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_gradients_in_sinogram_and_plateau():
    grid = Grid((5, 6, 2), (9.0, 8.0, 6.0))
    geometry = g.helical_cone(16, 4.0, 40.0, 200.0, 350.0, (5, 9), (14.0, 17.0))
    rng = np.random.default_rng(0)
    sino, pattern = rng.standard_normal(geometry.sinogram_shape), jnp.asarray(rng.standard_normal(grid.shape))
    solve = lambda s, plateau=0.6: WeightedFilteredBackProjection(plateau=plateau).solve(s, grid, geometry)
    assert_gradient(lambda s: jnp.vdot(pattern, solve(s) ** 2), jnp.asarray(sino), 1e-6, directions=1)
    assert_gradient(
        lambda p: jnp.vdot(pattern, solve(sino, p)), jnp.asarray(0.55), 1e-6, step=1e-6, directions=1
    )


def test_what_cannot_be_reconstructed_is_refused():
    geometry = SCANS["pitch 1"]
    sino = np.zeros(geometry.sinogram_shape, np.float32)
    with pytest.raises(ValueError, match="from all sides; add turns"):
        FilteredBackProjection().solve(sino, Grid((8, 8, 60), 4.0), geometry)
    jumping = g.some_views(geometry, np.r_[0:300, 500:960])
    with pytest.raises(ValueError, match="off the regular helix"):
        FilteredBackProjection().solve(sino[:760], GRID, jumping)
    with pytest.raises(ValueError, match="plateau is 1"):
        WeightedFilteredBackProjection(plateau=1.0)
    solve = WeightedFilteredBackProjection().solve
    with pytest.raises(ValueError, match="can be looked at"):
        jax.eval_shape(lambda geometry: solve(sino, GRID, geometry), geometry)
