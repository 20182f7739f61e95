"""Sharpness and noise of reconstructed images against the analytic products of the scanner's own numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct import measure
from physim.ct.geometry import rays
from physim.ct.measure.theory import pitch_at_axis, sampled_noise_power
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.windows import Hann, RamLak, SheppLogan
from physim.ct.source.protocol import Protocol, Tube
from physim.ct.subsampling import SubSampling
from physim_phantoms import Grid, qa
from physim_phantoms.shapes import Cylinder
from tests.helper import nrmse

WINDOWS = {"ramp": RamLak(), "shepp": SheppLogan(), "hann": Hann(0.8)}
every_window = pytest.mark.parametrize(
    "window",
    [pytest.param(w, marks=pytest.mark.slow if n == "shepp" else ()) for n, w in WINDOWS.items()],
    ids=WINDOWS,
)


def seen_in_regions(spectrum, side, spacing):
    """What a square region shows of a radial spectrum, in the mean: correlations at a lag count 1 − |lag| / side."""
    f = np.fft.fftfreq(2 * side, spacing)
    correlation = np.fft.ifft2(np.asarray(sampled_noise_power(spectrum, spacing, f, f), np.float64)).real
    lag = np.abs(np.fft.fftfreq(2 * side) * 2 * side)
    weight = np.maximum(1 - lag / side, 0)
    return np.fft.fft2(correlation * weight[:, None] * weight[None, :]).real[::2, ::2]


@every_window
def test_noise_power_of_filtered_back_projection_is_riederers(window):
    tau, views, variance, side = 1.0, 180, 4.0, 64
    geometry = ct.parallel_beam(views, (16, 160), (1.0, tau))
    grid = Grid((side, side, 16), (1.0, 1.0, 1.0))
    noise = (
        np.random.default_rng(0)
        .normal(0, np.sqrt(variance), (8, *geometry.sinogram_shape))
        .astype(np.float32)
    )
    images = jnp.concatenate(
        [FilteredBackProjection(window).solve(n, grid, geometry, None) for n in noise], axis=2
    )
    regions = jnp.moveaxis(images, 2, 0)
    found = measure.noise_power(regions, (1.0, 1.0), measure.Polynomial(0))
    radial = lambda f: measure.fbp_noise_power(geometry, window, variance, f)
    expected = measure.NoisePower(found.frequencies, jnp.asarray(seen_in_regions(radial, side, 1.0)))
    assert float(found.variance()) == pytest.approx(float(expected.variance()), rel=0.02)
    assert float(jnp.var(regions)) == pytest.approx(float(expected.variance()), rel=0.02)
    _, power = measure.radial(found, 12, highest=0.48)
    truth = measure.radial(expected, 12, highest=0.48)[1]
    assert nrmse(power, truth) < 0.02
    np.testing.assert_allclose(power[1:9], truth[1:9], rtol=0.03)


def test_noise_power_has_the_textbook_integral():
    # Kak and Slaney's variance of the bare ramp without interpolation: π² σ² / 12 N τ².
    tau, views = 0.7, 300
    geometry = ct.parallel_beam(views, (1, 64), (1.0, tau))
    f = np.linspace(0, 0.5 / tau, 20001)
    power = np.asarray(measure.fbp_noise_power(geometry, RamLak(), 2.5, f)) / np.sinc(f * tau) ** 4
    assert np.trapezoid(2 * np.pi * f * power, f) == pytest.approx(
        np.pi**2 * 2.5 / (12 * views * tau**2), rel=1e-3
    )


PITCH = 1.0
PARALLEL = ct.parallel_beam(360, (1, 72), (1.0, PITCH), offset=(0.0, 0.25))
FAN = ct.fan_beam(720, 595.0, 1085.0, 72, 1.8, curved=True, offset=0.45)
FLAT = ct.fan_beam(720, 595.0, 1085.0, 72, 1.8, offset=0.45)


def wire_scan(geometry, protocol, place, sampling, diameter=0.1):
    """Line integrals of a thin wire along z, exact, averaged over cells, focal spot and the turn of each view."""
    wire = Cylinder((*place, 0.0), diameter / 2, 1e3)

    @jax.jit
    def one(part):
        r = rays(sampling.moved(geometry, protocol.tube.focal_spot, part))
        pixels, along = r.pixels(), 1000 * r.directions()
        start = pixels - along if r.parallel else pixels - r.directions()
        return wire.line_integral(start, pixels + along if r.parallel else pixels)

    each = [np.asarray(one(jnp.asarray(p))) for p in sampling.places()]
    return np.mean(each, axis=0)


def wire_transfer(geometry, protocol, window, place, sampling, frequencies, angle=None):
    """Measured in the image of the wire on fine voxels around it."""
    grid = Grid((161, 161, 1), (0.15, 0.15, 1.0), origin=(place[0] - 12.07, place[1] - 11.96, 0.0))
    image = FilteredBackProjection(window).solve(
        wire_scan(geometry, protocol, place, sampling), grid, geometry, None
    )
    return measure.mtf_from_wire(
        image[..., 0], grid, frequencies, radius=8.5, wire_diameter=0.1, directions=angle
    ).value


SCANNERS = {
    "parallel": (PARALLEL, (0.0, 0.0), SubSampling((1, 1), (1, 8))),
    "fan": (FAN, (1.2, 0.0), SubSampling((6, 1), (1, 6))),
    "flat fan": (FLAT, (1.2, 0.0), SubSampling((6, 1), (1, 6))),
    "fan with a point": (FAN, (0.0, 0.0), SubSampling((1, 1), (1, 8))),
}


# Every scanner with one window, and the other window once.
_SHARP = [
    pytest.param(s, w, marks=() if w == "shepp" or s == "parallel" else pytest.mark.slow)
    for s in SCANNERS
    for w in ("shepp", "hann")
]


@pytest.mark.parametrize(("scanner", "window"), _SHARP)
def test_a_wire_is_as_sharp_as_the_analytic_product(scanner, window):
    geometry, spot, sampling = SCANNERS[scanner]
    window = {"shepp": SheppLogan(), "hann": Hann(1.0)}[window]
    protocol = Protocol(tube=Tube(focal_spot=spot))
    nyquist = 0.5 / float(pitch_at_axis(geometry)[0])
    f = np.linspace(0, 0.9, 10) * nyquist
    expected = measure.expected_mtf(geometry, protocol, window, f)
    found = wire_transfer(geometry, protocol, window, (9.3, 7.1), sampling, f)
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert nrmse(found, expected) < 0.03
    # The test can tell: without the detector's cell it would not agree.
    assert nrmse(found, expected / np.sinc(2 * f * float(pitch_at_axis(geometry)[0]) / 2)) > 0.03


def test_the_turn_during_a_view_blurs_far_from_the_axis():
    geometry = ct.parallel_beam(240, (1, 280), (1.0, PITCH), offset=(0.0, 0.25))
    protocol, window, f = Protocol(), SheppLogan(), np.linspace(0, 0.45, 8)
    place = (120.0, 15.0)
    sampling = SubSampling((1, 1), (1, 6), 6)
    radius = float(np.hypot(*place))
    expected = measure.expected_mtf(geometry, protocol, window, f, radius=radius)
    found = wire_transfer(geometry, protocol, window, place, sampling, f)
    np.testing.assert_allclose(found, expected, atol=0.03)
    still = measure.expected_mtf(geometry, protocol, window, f)
    assert np.max(np.abs(np.asarray(still - expected))) > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("geometry", [PARALLEL, FAN], ids=["parallel", "fan"])
def test_a_scanned_wire_is_as_sharp_as_the_analytic_product(geometry):
    # Voxels through spectrum, detector and logarithm: a steel wire of 0.1 mm on voxels of 0.05 mm.
    spot, sampling = SCANNERS["parallel" if geometry is PARALLEL else "fan"][1:]
    protocol, window, place = Protocol(tube=Tube(focal_spot=spot)), Hann(1.0), (9.3, 7.1)
    tiny = Grid((24, 24, 1), (0.05, 0.05, 2.0), origin=(place[0] - 0.575, place[1] - 0.575, 0.0))
    part = Cylinder((*place, 0.0), 0.05, 1e3)
    phantom = qa.assembly.assemble(
        tiny, [("air", Cylinder((0.0, 0.0, 0.0), 200.0, 1e3)), ("stainless_steel", part)]
    )
    raw = ct.scan(phantom, geometry, protocol, jax.random.key(0), noise=ct.Noiseless(), subsampling=sampling)
    grid = Grid((161, 161, 1), (0.15, 0.15, 1.0), origin=(place[0] - 12.07, place[1] - 11.96, 0.0))
    image = FilteredBackProjection(window).solve(raw.log(), grid, geometry, None)
    f = np.linspace(0, 0.9, 10) * 0.5 / float(pitch_at_axis(geometry)[0])
    found = measure.mtf_from_wire(image[..., 0], grid, f, radius=8.5, wire_diameter=0.1).value
    np.testing.assert_allclose(found, measure.expected_mtf(geometry, protocol, window, f), atol=0.03)
