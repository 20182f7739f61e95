"""The parts of filtered back-projection: weights of rays, windows, derivatives, and what is refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct import geometry as g
from physim.ct.reconstruction import windows
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.back_projection import back_projected
from physim.ct.reconstruction.redundancy import circular_scan, fan, half_turn_shares, orbit_axis, ray_weights
from physim_phantoms import Grid, shapes
from tests.helper import assert_gradient, unchecked

GRID = Grid((56, 56, 1), (3.4, 3.4, 3.0))
ROOM = (600.0, 1000.0, (1, 160), (5.0, 2.5))


def test_conjugate_rays_share_one():
    """Every ray that a short scan sees twice has weights that sum to one: at angle θ′ = θ + π − 2γ and fan angle −γ."""
    geometry = g.circular_cone(720, 600.0, 1000.0, (1, 9), (5.0, 40.0), curved=True, arc=1.25 * math.pi)
    at = fan(geometry)
    weights = np.asarray(ray_weights(circular_scan(geometry), at.angle), np.float64)
    turned = 1.25 * math.pi * np.arange(720) / 720
    for column, angle in enumerate(np.asarray(at.angle)[0]):
        other = np.interp(turned + math.pi - 2 * angle, turned, weights[:, 8 - column], left=0, right=0)
        back = np.interp(turned - math.pi - 2 * angle, turned, weights[:, 8 - column], left=0, right=0)
        np.testing.assert_allclose(weights[:, column] + other + back, 1, atol=3e-3)


def test_view_shares_and_the_axis():
    angles = jnp.array([0.0, 0.1, 0.3, 2.0, 3.0, 3.1 + math.pi])
    assert float(jnp.sum(half_turn_shares(angles))) == pytest.approx(math.pi, rel=1e-6)
    np.testing.assert_allclose(
        half_turn_shares(jnp.arange(8) * math.pi / 4), np.full(8, math.pi / 8), rtol=1e-5
    )
    short = g.circular_cone(50, *ROOM, arc=1.2 * math.pi, centre=(12.0, -7.0, 3.0))
    np.testing.assert_allclose(orbit_axis(short), [12.0, -7.0], atol=2e-3)
    assert float(jnp.sum(circular_scan(short).share)) == pytest.approx(1.2 * math.pi, rel=1e-5)


WINDOWS = [
    windows.RamLak(),
    windows.SheppLogan(),
    windows.Cosine(),
    windows.Hamming(),
    windows.Hann(),
    windows.Soft(),
    windows.Sharp(),
]


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_pass_the_mean_and_have_their_published_values(window):
    nyquist = 0.8
    gain = np.asarray(window.gain(jnp.array([0.0, 0.4, 0.8]), nyquist))
    half = {
        windows.RamLak: 1.0,
        windows.SheppLogan: math.sin(math.pi / 4) / (math.pi / 4),
        windows.Cosine: math.sqrt(0.5),
        windows.Hamming: 0.54,
        windows.Hann: 0.5,
    }.get(type(window), gain[1])
    np.testing.assert_allclose(gain[:2], [1.0, half], atol=1e-5)
    if isinstance(window, windows.Soft | windows.Sharp):
        at = jnp.array([window.half, window.tenth], float)
        np.testing.assert_allclose(window.gain(at, nyquist), [0.5, 0.1], rtol=1e-4)
        peak = float(jnp.max(window.gain(jnp.linspace(0, 1.5, 300), nyquist)))
        assert (peak > 1.15) == isinstance(window, windows.Sharp)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("curved", [pytest.param(False, marks=pytest.mark.slow), True])
def test_gradients_in_sinogram_and_geometry(curved):
    grid = Grid((6, 7, 3), (9.0, 8.0, 6.0))
    geometry = g.circular_cone(18, 200.0, 350.0, (6, 9), (12.0, 17.0), curved=curved, offset=(1.0, 3.0))
    rng = np.random.default_rng(0)
    sino, pattern = rng.standard_normal(geometry.sinogram_shape), jnp.asarray(rng.standard_normal(grid.shape))
    solve = FilteredBackProjection().solve
    assert_gradient(lambda s: jnp.vdot(pattern, solve(s, grid, geometry) ** 2), jnp.asarray(sino), 1e-6)

    def moved(v):
        made = g.circular_cone(
            18,
            200 * v[0],
            350 * v[1],
            (6, 9),
            (12 * v[2], 17 * v[3]),
            curved=curved,
            offset=(v[4], 3 * v[5]),
            start=0.1 * v[6],
            centre=(v[7], v[8], v[9]),
        )
        return jnp.vdot(pattern, solve(sino, grid, made))

    assert_gradient(jax.jit(moved), jnp.ones(10), 1e-5, step=1e-6, directions=2)


def test_single_pixels_and_columns_do_not_break():
    geometry = g.parallel_beam(8, (1, 1), (30.0, 30.0))
    image = back_projected(jnp.ones((8, 1, 1)), Grid((3, 3, 1), 10.0), geometry)
    assert np.all(np.isfinite(image))
    assert float(image[1, 1, 0]) == pytest.approx(8)


@pytest.mark.parametrize(
    ("geometry", "grid", "message"),
    [
        (g.parallel_beam(200, (1, 60), (2.0, 2.0), arc=math.pi / 2), GRID, "leave out 90° of the half turn"),
        (g.circular_cone(200, *ROOM, arc=math.pi), GRID, "short scan with this fan needs"),
        (g.circular_cone(9, *ROOM), GRID, "leave out 40° of the turn"),
        (g.circular_cone(90, *ROOM), Grid((8, 8, 4), 2.0), "add detector rows"),
        (g.circular_cone(90, *ROOM), Grid((8, 8, 1), 2.0, (500.0, 0.0, 0.0)), "mm off the axis"),
        (g.misaligned(g.circular_cone(90, *ROOM), roll=0.02), GRID, "method=CGLS"),
        (
            g.circular_cone(90, *ROOM),
            Grid((8, 8, 1), 2.0, direction=shapes.rotation_about((1, 0, 0), 0.1)),
            "tilted",
        ),
    ],
)
def test_what_cannot_be_reconstructed_is_refused(geometry, grid, message):
    sino = np.zeros(geometry.sinogram_shape, np.float32)
    with pytest.raises(ValueError, match=message):
        unchecked(FilteredBackProjection.solve)(FilteredBackProjection(), sino, grid, geometry)


def test_nan_and_wrong_shapes_are_refused():
    geometry, solve = g.parallel_beam(240, (1, 160), (3.0, 1.5)), FilteredBackProjection().solve
    sino = np.zeros(geometry.sinogram_shape, np.float32)
    with pytest.raises(ValueError, match="sino has shape"):
        solve(sino[:5], GRID, geometry)
    sino[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        solve(sino, GRID, geometry)
