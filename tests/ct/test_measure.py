"""Noise power, modulation transfer and regions against noise and blur whose answers are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct import measure
from physim_phantoms import Grid, qa
from physim_phantoms._checks import InputError
from tests.helper import nrmse, unchecked

SPACING = (0.5, 0.8)


def white(shape, seed=0, deviation=3.0):
    return np.random.default_rng(seed).normal(0, deviation, shape)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_white_noise_has_the_same_power_everywhere(degree):
    found = measure.noise_power(white((400, 32, 32)), SPACING, measure.Polynomial(degree))
    flat = 9.0 * SPACING[0] * SPACING[1]
    assert float(found.variance()) == pytest.approx(9.0, rel=0.01)
    frequency, power = measure.radial(found, 12)
    # Rings beyond the first few frequencies, of which the trend takes its share.
    assert np.all(np.diff(np.asarray(frequency)) > 0)
    np.testing.assert_allclose(power[3:], flat, rtol=0.03)
    assert nrmse(found.power[8:24, 8:24], flat) < 3 / np.sqrt(400)


def test_filtered_noise_has_the_power_of_its_filter():
    # A circular convolution with a Gaussian: |H|² is known at every frequency of the region.
    n, sigma, regions = 48, 0.9, 300
    fx, fy = (np.fft.fftfreq(n, d) for d in SPACING)
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * (fx[:, None] ** 2 + fy[None, :] ** 2))
    made = np.fft.ifft2(np.fft.fft2(white((regions, n, n))) * gain).real
    found = measure.noise_power(made, SPACING, measure.Polynomial(0))
    truth = 9.0 * SPACING[0] * SPACING[1] * gain**2
    assert float(found.variance()) == pytest.approx(made.var(), rel=0.02)
    frequency, power = measure.radial(found, 10, highest=0.6)
    expected = measure.radial(measure.NoisePower(found.frequencies, jnp.asarray(truth)), 10, highest=0.6)[1]
    np.testing.assert_allclose(power[1:], expected[1:], rtol=0.04)
    assert np.sum(np.asarray(power - expected)[1:]) / np.sum(np.asarray(expected)[1:]) == pytest.approx(
        0, abs=0.01
    )
    assert float(frequency[-1]) < 0.6


def test_three_dimensions_too():
    found = measure.noise_power(white((60, 12, 10, 8)), (1.0, 2.0, 3.0), measure.Polynomial(0))
    assert found.power.shape == (12, 10, 8)
    assert float(found.variance()) == pytest.approx(9.0, rel=0.02)
    assert float(jnp.mean(found.power)) == pytest.approx(9.0 * 6.0, rel=0.02)


def test_trends_are_taken_out():
    x = np.linspace(-1, 1, 32)
    bowl = 50 * (x[:, None] ** 2 + x[None, :]) + 7.0
    clean = measure.noise_power(white((50, 32, 32)), SPACING, measure.Polynomial(2))
    dirty = measure.noise_power(white((50, 32, 32)) + bowl, SPACING, measure.Polynomial(2))
    assert nrmse(dirty.power, clean.power) < 1e-4
    assert nrmse(measure.noise_power(white((50, 32, 32)) + bowl, SPACING).power, clean.power) > 1


def test_patches_are_where_they_should_be():
    grid = Grid((64, 64, 2), (1.0, 1.0, 1.0))
    place = np.asarray(grid.centres())
    cut = measure.patches(place[..., 0] + 1000 * place[..., 1], grid, 8, centres=[(4.0, -10.0), (0.0, 0.0)])
    assert cut.shape == (4, 8, 8)
    assert float(cut[:2].mean()) == pytest.approx(4.0 - 10000.0)
    assert float(cut[2:].mean()) == pytest.approx(0.0, abs=1e-3)
    assert measure.patches(place[..., 0], grid, 8).shape == (16, 8, 8)
    with pytest.raises(InputError, match="leaves the grid"):
        measure.patches(place[..., 0], grid, 40)


GRID = Grid((160, 160, 1), (0.1, 0.1, 1.0), origin=(-7.93, -8.04, 0.0))
FREQUENCIES = np.linspace(0.0, 1.6, 9)


def plane(function):
    x, y, _ = GRID.axes()
    return function(x[:, None] + 0 * y, y[None, :] + 0 * x[:, None])


def test_mtf_of_a_gaussian_wire():
    sigma = 0.25
    image = plane(lambda x, y: 40.0 + 500 * np.exp(-(x**2 + y**2) / 2 / sigma**2))
    found = measure.mtf_from_wire(image, GRID, FREQUENCIES, radius=4.0)
    np.testing.assert_allclose(found.value, np.exp(-2 * (np.pi * sigma * FREQUENCIES) ** 2), atol=2e-3)
    # Half of it at √(ln 2 / 2) / π σ.
    fine = measure.mtf_from_wire(image, GRID, np.linspace(0, 1.5, 151), radius=4.0)
    assert float(fine.falls_to(0.5)) == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / sigma, rel=1e-3)
    assert float(fine.at(0.5)) == pytest.approx(np.exp(-2 * (np.pi * sigma * 0.5) ** 2), abs=2e-3)
    assert np.isnan(fine.falls_to(1e-9 - 1))


def test_mtf_of_a_sinc_along_one_direction():
    # A box blurs x by 0.8 mm, a Gaussian both directions: their transfers multiply.
    wide, sigma = 0.8, 0.2
    from scipy.special import erf

    cdf = lambda x: 0.5 * (1 + erf(x / np.sqrt(2) / sigma))
    image = plane(lambda x, y: (cdf(x + wide / 2) - cdf(x - wide / 2)) * np.exp(-(y**2) / 2 / sigma**2))
    for direction, factor in ((0.0, np.sinc(wide * FREQUENCIES)), (np.pi / 2, 1.0)):
        found = measure.mtf_from_wire(image, GRID, FREQUENCIES, radius=4.0, directions=[direction])
        truth = np.abs(factor * np.exp(-2 * (np.pi * sigma * FREQUENCIES) ** 2))
        np.testing.assert_allclose(found.value, truth, atol=3e-3)


def test_the_wire_itself_is_divided_out():
    from scipy.special import j1

    sigma, diameter = 0.2, 0.6
    fine = Grid((640, 640, 1), (0.025, 0.025, 1.0))
    x, y, _ = fine.axes()
    wire = np.hypot(x[:, None], y[None, :]) < diameter / 2
    f = np.fft.fftfreq(640, 0.025)
    blur = np.exp(-2 * (np.pi * sigma) ** 2 * (f[:, None] ** 2 + f[None, :] ** 2))
    image = np.fft.ifft2(np.fft.fft2(wire) * blur).real
    at = FREQUENCIES[:7]
    found = measure.mtf_from_wire(image, fine, at, radius=4.0, wire_diameter=diameter)
    truth = np.exp(-2 * (np.pi * sigma * at) ** 2)
    np.testing.assert_allclose(found.value, truth, rtol=0.01, atol=2e-3)
    x = np.pi * diameter * at[1:]
    plain = measure.mtf_from_wire(image, fine, at, radius=4.0)
    np.testing.assert_allclose(plain.value[1:] / found.value[1:], 2 * j1(x) / x, rtol=1e-4)


@pytest.mark.parametrize("radius", [5.0, 20.0])
def test_mtf_of_a_gaussian_edge(radius):
    from scipy.special import i0e

    sigma, grid = 0.4, Grid((300, 300, 1), (0.2, 0.2, 1.0), origin=(-29.83, -30.04, 0.0))
    # A disc blurred by a Gaussian, by quadrature over its radii: ∫ r/σ² exp(−(ρ−r)²/2σ²) I₀e(ρ r/σ²) dr.
    x, y, _ = grid.axes()
    rho = np.hypot(x[:, None], y[None, :])
    nodes, weights = np.polynomial.legendre.leggauss(400)
    r = radius * (nodes + 1) / 2
    profile = lambda p: np.sum(
        weights
        * radius
        / 2
        * r
        / sigma**2
        * np.exp(-((p[..., None] - r) ** 2) / 2 / sigma**2)
        * i0e(p[..., None] * r / sigma**2),
        axis=-1,
    )
    table = np.linspace(0, rho.max(), 4000)
    image = 100 * np.interp(rho, table, profile(table))
    f = np.linspace(0, 1.0, 9)
    found = measure.mtf_from_edge(image, grid, f, centre=(0.0, 0.0), radius=radius, reach=3.5)
    np.testing.assert_allclose(found.value, np.exp(-2 * (np.pi * sigma * f) ** 2), atol=0.015)


def test_regions_of_circles():
    grid = Grid((60, 60, 3), (1.0, 0.8, 2.0))
    mask = measure.disc(grid, (3.3, -2.1), 7.7)
    assert float(mask.sum()) == pytest.approx(3 * np.pi * 7.7**2 / 0.8, rel=5e-3)
    place = np.asarray(grid.centres())
    found = measure.region_statistics(place[..., 0], mask)
    assert float(found.mean) == pytest.approx(3.3, abs=0.01)
    # A slope over a disc has the deviation R / 2.
    assert float(found.deviation) == pytest.approx(7.7 / 2, rel=0.01)
    one = measure.disc(grid, (0.0, 0.0), 5.0, planes=(-1.0, 1.0))
    assert float(one[..., 0].sum()) == 0
    assert float(one[..., 1].sum()) == pytest.approx(np.pi * 25 / 0.8, rel=5e-3)
    slope = jax.grad(
        lambda x: (
            measure.region_statistics(jnp.asarray(place[..., 0]), measure.disc(grid, (x, 0.0), 7.0)).mean
        )
    )(1.2)
    assert float(slope) == pytest.approx(1.0, abs=0.05)


def test_contrast_and_noise():
    grid = Grid((80, 80, 2), (1.0, 1.0, 1.0))
    inside, outside = measure.disc(grid, (20.0, 0.0), 8.0), measure.disc(grid, (-20.0, 0.0), 15.0)
    image = white(grid.shape, deviation=5.0) + 30 * np.asarray(inside > 0)
    assert float(measure.region_statistics(image, outside).deviation) == pytest.approx(5.0, rel=0.05)
    assert float(measure.contrast_to_noise(image, inside, outside)) == pytest.approx(6.0, rel=0.1)


def test_uniformity_sees_a_bowl():
    grid = Grid((100, 100, 1), (2.5, 2.5, 2.5))
    place = np.asarray(grid.centres())
    image = 0.002 * (place[..., 0] ** 2 + place[..., 1] ** 2) + 0.1 * place[..., 0]
    found = measure.uniformity(image, grid, 200.0)
    # Edge regions lie at 100 − 10 − 10 = 80 mm; the mean of r² over a disc of 10 mm adds 50 mm².
    assert float(found.centre) == pytest.approx(0.1, abs=0.05)
    np.testing.assert_allclose(found.edge, 12.9 + np.array([8.0, 0, -8.0, 0]), atol=0.1)
    assert float(found.largest) == pytest.approx(20.8, abs=0.1)
    with pytest.raises(InputError, match="meet the one in the centre"):
        measure.uniformity(image, grid, 40.0, region=20.0)


def test_sensitometry_reads_every_rod():
    grid = Grid((170, 170, 1), (1.0, 1.0, 1.0))
    phantom = qa.ct_sensitometry(grid)
    attenuation = np.asarray(phantom.attenuation(66.0))[0]
    water = float(phantom.tissues[phantom.names.index("water")].attenuation(66.0))
    table = measure.sensitometry(1000 * (attenuation / water - 1), grid)
    assert set(table) == set(qa.ct.SENSITOMETRY_ANGLES)
    for name, insert in table.items():
        truth = 1000 * (float(phantom.tissues[phantom.names.index(name)].attenuation(66.0)) / water - 1)
        assert float(insert.mean) == pytest.approx(truth, abs=0.5), name
        assert insert.allowed is not None
        if name != "delrin":  # whose composition is proprietary
            assert insert.allowed[0] < truth < insert.allowed[1], name


def test_refusals_name_the_remedy():
    image = np.zeros((160, 160))
    with pytest.raises(InputError, match="NaN"):
        unchecked(measure.mtf_from_wire)(image * np.nan, GRID, FREQUENCIES, radius=3.0)
    with pytest.raises(InputError, match="give one plane"):
        measure.mtf_from_wire(np.zeros((10, 10)), GRID, FREQUENCIES, radius=3.0)
    with pytest.raises(InputError, match="the image ends"):
        measure.mtf_from_wire(
            plane(lambda x, y: np.exp(-((x - 7) ** 2) - y**2)), GRID, FREQUENCIES, radius=3.0
        )
    with pytest.raises(InputError, match="radius"):
        measure.mtf_from_wire(image, GRID, FREQUENCIES, radius=0.1)
    with pytest.raises(InputError, match="reach"):
        measure.mtf_from_edge(image, GRID, FREQUENCIES, centre=(0.0, 0.0), radius=3.0, reach=4.0)
    with pytest.raises(InputError, match="degree"):
        measure.Polynomial(-1)
    with pytest.raises(InputError, match="one for each"):
        measure.noise_power(np.zeros((3, 8, 8)), (1.0,))
    with pytest.raises(InputError, match="at least 2"):
        measure.region_statistics(
            np.zeros((10, 10, 1)), measure.disc(Grid((10, 10, 1), 1.0), (50.0, 0.0), 2.0)
        )
