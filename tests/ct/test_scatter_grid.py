"""Antiscatter grids against brute-force averages, closed forms and measured grids' order of magnitude."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct import scatter
from tests.helper import assert_gradient


def brute_force(grid, across, along, energy):
    """Mean over entry points of exp(−path in metal − path between), by sampling the strips along the ray."""
    d, gap, height = (float(v) for v in (grid.septum, grid.interspace, grid.height))
    entry = (np.arange(1500) + 0.5) / 1500 * (d + gap)
    depth = (np.arange(3000) + 0.5) / 3000
    metal = ((entry[:, None] + depth * height * across) % (d + gap) < d).mean(axis=1)
    path = height * np.sqrt(1 + across**2 + along**2)
    mu, between = float(grid.septum_attenuation[energy]), float(grid.interspace_attenuation[energy])
    return np.exp(-path * (mu * metal + between * (1 - metal))).mean()


@pytest.mark.parametrize(("across", "along"), [(0.0, 0.0), (0.01, 0.3), (0.04, 0.0), (0.2, 0.0), (0.7, 1.0)])
@pytest.mark.parametrize(
    "grid", [scatter.bucky(12.0, 40.0), scatter.scanner_grid()], ids=["bucky", "scanner"]
)
def test_transmission_is_the_average_over_entry_points(grid, across, along, x64):
    found = np.asarray(grid.transmission(across, along))
    for energy in (20, 50, 100):
        assert found[energy] == pytest.approx(brute_force(grid, across, along, energy), abs=2e-4, rel=1e-3)


def test_primary_of_black_strips_is_the_gap_over_the_period():
    grid = scatter.strip_grid(0.1, 0.9, 20.0)
    assert grid.primary()[20] == pytest.approx(0.9, abs=1e-4)  # 30 keV
    assert grid.ratio == pytest.approx(20 / 0.9)
    assert grid.lines_per_mm == pytest.approx(1.0)


def test_scatter_transmission_is_the_average_over_the_hemisphere(x64):
    grid = scatter.bucky(12.0, 40.0).at(60.0)
    middles = (np.arange(2000) + 0.5) / 2000
    azimuth, square = middles[:, None] * np.pi / 2, middles[None, :]
    tangent = np.sqrt(square / (1 - square))
    expected = jnp.mean(grid.transmission(tangent * np.sin(azimuth), tangent * np.cos(azimuth)))
    assert grid.scatter()[0] == pytest.approx(float(expected), rel=0.01)


def test_grids_do_what_grids_do():
    """Primary 60 to 75 %, scatter a tenth: a higher ratio passes less scatter, fibre passes more primary than aluminium."""
    at = 50  # 60.5 keV
    low, high = scatter.bucky(8.0, 40.0), scatter.bucky(12.0, 40.0)
    light = scatter.bucky(12.0, 40.0, interspace_material=scatter.fibre())
    assert 0.6 < high.primary()[at] < 0.75 < light.primary()[at]
    assert high.scatter()[at] < low.scatter()[at] < 0.12
    assert high.primary()[at] / high.scatter()[at] > 8  # selectivity


def test_a_point_of_the_table_is_the_grid_at_that_energy():
    grid = scatter.bucky()
    assert grid.at(60.5).transmission(0.05)[0] == pytest.approx(float(grid.transmission(0.05)[50]), rel=1e-5)


def test_gradient_in_sizes(x64):
    @jax.jit
    def passed(x):
        return jnp.sum(scatter.strip_grid(x[0], x[1], x[2]).transmission(x[3], 0.1)[40:100])

    assert_gradient(passed, jnp.array([0.1, 0.9, 5.0, 0.07]), tolerance=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: scatter.strip_grid(0.0, 1.0, 20.0), "septum"),
        (lambda: scatter.strip_grid(0.1, 1.0, float("nan")), "height"),
        (lambda: scatter.bucky(0.5), "ratio"),
        (lambda: scatter.bucky(12.0, 100.0, septum=0.2), "no interspace"),
    ],
)
def test_bad_grids_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
