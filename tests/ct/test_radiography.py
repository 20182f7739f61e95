"""Radiographs: grid and panel in the scan, and the display's curves, against closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct import radiography, scatter
from physim.ct.detection import LightSpread, Noiseless
from physim_phantoms import Grid, Phantom
from tests.helper import assert_adjoint, assert_gradient, nrmse, unchecked

GEOMETRY = ct.radiograph(1500.0, 1800.0, (48, 40), (8.0, 8.0))
KEY = jax.random.key(0)


def slab(thickness=200.0):
    """Water, 240 mm square, around the axis."""
    grid = Grid((24, int(thickness / 10), 24), 10.0)
    return Phantom.from_fractions(grid, {"water": np.ones(grid.shape, np.float32)})


def protocol(**more):
    return ct.Protocol(120.0, 3.0, filtration=3.0, detector=radiography.flat_panel(GEOMETRY, **more))


def exposed(grid, factor):
    """The readings of the slab without noise."""
    return radiography.expose(slab(), GEOMETRY, protocol(), KEY, grid=grid, scatter=factor, noise=Noiseless())


def test_a_grid_takes_scatter_and_its_share_of_the_primary():
    """Scatter over primary behind 20 cm of water: 1.1 open and 0.26 behind a grid, by `benchmarks/scatter_radiograph.py`."""
    grid = scatter.bucky(12.0, 40.0)
    straight, behind = exposed(None, 0.0), exposed(grid, 0.0)
    share = float(radiography.primary_transmission(grid, protocol()))
    assert 0.6 < share < 0.75
    np.testing.assert_allclose(behind.signal, share * np.asarray(straight.signal), rtol=3e-5)
    np.testing.assert_allclose(behind.log(), straight.log(), atol=3e-5)
    middle = np.s_[0, 20:28, 16:24]
    ratio = lambda a, b: float(np.mean(np.asarray(a.signal)[middle] / np.asarray(b.signal)[middle]) - 1)
    assert ratio(exposed(None, 1.0), straight) == pytest.approx(1.1, rel=0.3)
    assert ratio(exposed(grid, 1.0), behind) == pytest.approx(0.26, rel=0.3)


def test_the_panel_blurs_a_wave_by_its_modulation(x64):
    """Mirrored cosines are eigenvectors of the blur; the eigenvalue is the modulation transfer at their frequency."""
    panel = LightSpread(1.3, pixel_size=(0.2, 0.15))
    rows, columns = 60, 80
    for a, b in ((0, 0), (7, 0), (0, 20), (12, 33)):
        wave = np.cos(np.pi * a * (np.arange(rows)[:, None] + 0.5) / rows)
        wave = wave * np.cos(np.pi * b * (np.arange(columns) + 0.5) / columns)
        frequency = np.hypot(a / (2 * rows * 0.2), b / (2 * columns * 0.15))
        expected = wave / (1 + (frequency / 1.3) ** 2)
        np.testing.assert_allclose(panel.apply(jnp.asarray(wave)), expected, atol=1e-12)


def test_the_panels_blur_is_its_own_transpose(x64, key):
    panel = LightSpread(0.8, pixel_size=(0.5, 0.4))
    x, y = jax.random.normal(key, (2, 3, 17, 22), jnp.float64)
    assert_adjoint(panel.apply, panel.apply, x, y, 1e-13)


def test_quantum_noise_is_blurred_and_electronic_noise_is_not():
    """Lag-one correlation of noise in air: that of the panel's blur for photons, none for the electronics."""
    geometry = ct.radiograph(1500.0, 1800.0, (128, 128), (0.2, 0.2))
    air = Phantom.from_fractions(Grid((4, 4, 4), 10.0), {"air": np.ones((4, 4, 4), np.float32)})

    def correlation(mas, electronic):
        panel = radiography.flat_panel(geometry, half_frequency=1.3, electronic_noise=electronic)
        made = ct.Protocol(120.0, mas, filtration=3.0, detector=panel)
        noise = np.asarray(radiography.expose(air, geometry, made, KEY, scatter=0.0).signal[0], np.float64)
        noise = noise - noise.mean()
        return np.mean(noise[:, 1:] * noise[:, :-1]) / np.mean(noise**2)

    r, c = np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)
    power = (1 + (np.hypot(r, c) / 0.2 / 1.3) ** 2) ** -2.0
    expected = np.sum(power * np.cos(2 * np.pi * c)) / np.sum(power)
    assert correlation(3.0, 0.0) == pytest.approx(expected, abs=0.03)
    assert abs(correlation(1e-3, 3e4)) < 0.03


def test_neutral_detail_is_the_image(key, x64):
    image = jax.random.normal(key, (1, 32, 40), jnp.float64)
    same = radiography.Detail((1.0, 1.0, 1.0), power=1.0, base=1.0).apply(image)
    np.testing.assert_allclose(same, image, atol=1e-12)


def test_detail_amplifies_faint_bands_and_keeps_the_mean(x64):
    """A faint wave of a band's own frequency grows by its share of the bands' gains; a strong one grows less."""
    wave = np.cos(2 * np.pi * 8 * (np.arange(64) + 0.5) / 64)[None, None, :] * np.ones((1, 64, 1))
    detail = radiography.Detail((2.0, 2.0, 2.0, 2.0), power=0.6, knee=0.1, base=1.0)
    grown = lambda height: np.ptp(detail.apply(5 + height * wave)) / np.ptp(height * wave)
    assert grown(1e-4) == pytest.approx(2.0, rel=0.02)
    assert grown(2.0) < 1.3
    assert np.mean(detail.apply(5 + 0.3 * wave)) == pytest.approx(5.0, abs=1e-9)


def test_the_curve_is_dicoms_sigmoid(x64):
    curve, x = radiography.SigmoidCurve(0.8), np.linspace(0, 1, 11)
    plain = 1 / (1 + np.exp(-4 * (x - 0.5) / 0.8))
    expected = (plain - plain[0]) / (plain[-1] - plain[0])
    np.testing.assert_allclose(curve.apply(x[None, None]), expected[None, None], atol=1e-12)
    assert np.all(np.asarray(curve.apply(np.array([[[-1.0, 2.0]]]))) == [[[0.0, 1.0]]])


def test_the_window_is_the_quantiles_of_the_patient(x64):
    image = np.concatenate([np.zeros(500), np.linspace(1, 3, 501)]).reshape(1, 1, -1)
    window = radiography.HistogramWindow(0.1, 0.9, margin=0.0)
    low, high = window.ends(image, image)
    assert (low, high) == (pytest.approx(1.2), pytest.approx(2.8))
    empty = window.ends(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)))
    assert np.all(np.isfinite(empty))


def test_presentation_shows_what_absorbs_more_brighter():
    image = jnp.asarray(np.random.default_rng(0).normal(0, 0.01, (1, 64, 64)), jnp.float32)
    image = image.at[:, :, 16:48].add(1.0).at[:, 24:40, 24:40].add(2.0)
    made = np.asarray(radiography.presentation(image))
    assert made.min() >= 0
    assert made.max() <= 1
    dark, soft, bone = made[0, :, :8].mean(), made[0, :8, 20:44].mean(), made[0, 28:36, 28:36].mean()
    assert dark < soft < bone
    np.testing.assert_allclose(radiography.inverted(made), 1 - made)


def test_presentation_does_not_depend_on_the_dose():
    def shown(mas):
        made = ct.Protocol(120.0, mas, detector=protocol().detector)
        return radiography.presentation(
            radiography.expose(slab(), GEOMETRY, made, KEY, noise=Noiseless()).log()
        )

    assert nrmse(shown(1.0), shown(8.0)) < 1e-3


def test_upright_puts_the_head_up_and_the_right_on_the_left():
    mark = np.zeros((1, 48, 40))
    mark[0, 40, 35] = 1.0  # towards the head and the patient's right in a postero-anterior view
    assert radiography.upright(mark, GEOMETRY)[0, 7, 4] == 1
    assert (
        radiography.upright(mark, ct.radiograph(1500.0, 1800.0, (48, 40), (8.0, 8.0), angle=np.pi))[0, 7, 35]
        == 1
    )


@pytest.mark.slow
def test_gradient_from_picture_to_patient(x64):
    """The window is held, so only detail and curve are differentiated; the numbers differ if it is not."""
    geometry = ct.radiograph(1500.0, 1800.0, (12, 10), (30.0, 30.0))
    panel = ct.Protocol(90.0, 3.0, filtration=3.0, detector=radiography.flat_panel(geometry))
    display = eqx.tree_at(lambda d: d.window, radiography.Display(), _Fixed())
    patient, grid = slab(), scatter.bucky(10.0, 40.0)
    weights = np.random.default_rng(1).normal(size=(1, 12, 10))

    @jax.jit
    def total(x):
        thicker = eqx.tree_at(
            lambda p: p.fractions, patient, jax.tree.map(lambda f: f * x[0], patient.fractions)
        )
        made = eqx.tree_at(lambda p: p.kvp, panel, x[1])
        read = radiography.expose(
            thicker, geometry, made, KEY, grid=grid, noise=Noiseless(), model=ct.Joseph()
        )
        return jnp.sum(weights * radiography.presentation(read.log(), display))

    assert_gradient(total, jnp.array([0.9, 90.0]), tolerance=1e-5, directions=2)


class _Fixed(eqx.Module):
    """A window that does not follow the image."""

    def ends(self, image, behind):
        return jnp.asarray(-0.5), jnp.asarray(6.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: radiography.Detail(()), "gains is empty"),
        (lambda: radiography.Detail(power=2.0), "power"),
        (lambda: radiography.HistogramWindow(0.9, 0.1), "needs a width"),
        (lambda: radiography.HistogramWindow(0.5, 0.5), "needs a width"),
        (lambda: radiography.SigmoidCurve(0.0), "width"),
        (lambda: LightSpread(0.0, pixel_size=(1.0, 1.0)), "half_frequency"),
        (lambda: unchecked(radiography.presentation)(np.full((1, 4, 4), np.nan)), "NaN"),
        (lambda: radiography.expose(slab(), GEOMETRY, protocol(), KEY, scatter=-1.0), "scatter"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
