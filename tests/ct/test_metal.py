"""Metal artefacts of two hip prostheses, simulated from exact shapes and a spectrum, before and after inpainting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.geometry import rays
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.cgls import CGLS
from physim.ct.reconstruction.inpaint import inpaint
from physim.ct.reconstruction.metal import NormalisedInpainting
from physim_phantoms import TISSUES, Grid
from physim_phantoms._checks import InputError
from physim_phantoms.shapes import Cylinder, Ellipsoid
from tests.helper import assert_gradient, unchecked

GRID = Grid((128, 96, 1), (3.0, 3.0, 3.0))
GEOMETRY = ct.parallel_beam(240, (1, 144), (3.0, 3.0), offset=(0.0, 0.75))
ENERGIES = np.arange(20.5, 120.0, 3.0)


def bodies():
    """A pelvis: water, two femoral heads and the balls of cobalt-chromium in them; each replaces what it lies in."""
    hip = lambda side, radius: Cylinder((80.0 * side, 5.0, 0.0), radius, 400.0)
    return [
        ("water", Ellipsoid((0.0, 0.0, 0.0), (170.0, 115.0, 1e5)), None),
        ("trabecular_bone", hip(-1, 32.0), "water"),
        ("trabecular_bone", hip(1, 32.0), "water"),
        ("cobalt_chromium", hip(-1, 13.0), "trabecular_bone"),
        ("cobalt_chromium", hip(1, 13.0), "trabecular_bone"),
    ]


def scanned(metal: bool, photons=3e5, seed=0):
    """Line integrals in mm of water, hardened and noisy."""
    r = rays(GEOMETRY)
    middle, along = np.asarray(r.pixels(), np.float64), 500 * np.asarray(r.directions(), np.float64)
    path = np.zeros((len(ENERGIES), *GEOMETRY.sinogram_shape))
    mu = lambda name: np.asarray(TISSUES[name].attenuation(ENERGIES), np.float64)[:, None, None, None]
    for name, body, outer in bodies():
        if metal or name != "cobalt_chromium":
            chord = np.asarray(body.line_integral(middle - along, middle + along), np.float64)
            path += chord * (mu(name) - (mu(outer) if outer else 0))
    # A smooth bremsstrahlung-like spectrum behind some filter, seen by a detector that integrates energy.
    spectrum = (120 - ENERGIES) * np.exp(-2500 / ENERGIES**1.8) * ENERGIES
    spectrum /= spectrum.sum()
    mean = photons * np.tensordot(spectrum, np.exp(-path), 1)
    counts = np.maximum(np.random.default_rng(seed).poisson(mean), 0.5) if seed is not None else mean
    thickness = np.linspace(0, 1500, 3001)
    water = np.exp(-thickness[:, None] * mu("water").ravel()) @ spectrum
    return np.interp(-np.log(counts / photons), -np.log(water), thickness).astype(np.float32)


def hu(sino, method):
    return 1000 * (np.asarray(method.solve(sino, GRID, GEOMETRY, None)) - 1)


def near(low, high):
    """Water between two distances of the balls' middles, mm, that lies at least 8 mm inside the body."""
    x, y, _ = GRID.axes()
    distance = np.minimum(np.hypot(x[:, None] - 80, y - 5), np.hypot(x[:, None] + 80, y - 5))
    body = (x[:, None] / 162) ** 2 + (y / 107) ** 2 < 1
    return (body & (distance > low) & (distance < high))[..., None]


@pytest.fixture(scope="module")
def hips():
    plain = FilteredBackProjection()
    clean, metal = scanned(False, seed=None), scanned(True)
    return metal, hu(clean, plain), hu(metal, plain), hu(metal, NormalisedInpainting(plain))


def rms(a, where):
    return float(np.sqrt(np.mean(a[where] ** 2)))


def test_the_error_around_metal_falls(hips):
    _, truth, before, after = hips
    around, everywhere = near(36, 60), near(36, 400)
    assert rms(before - truth, around) > 100, "the artefact must be there"
    assert rms(after - truth, around) < rms(before - truth, around) / 10
    assert rms(after - truth, everywhere) < rms(before - truth, everywhere) / 10
    # The dark bridge between the hips.
    x, y, _ = GRID.axes()
    bridge = ((np.abs(x[:, None]) < 30) & (np.abs(y - 5) < 10))[..., None]
    assert np.mean((before - truth)[bridge]) < -500
    assert abs(np.mean((after - truth)[bridge])) < 50


def test_it_beats_linear_interpolation_and_keeps_the_metal(hips):
    sino, truth, before, after = hips
    thick = before > 3000
    assert 2 * np.pi * 11**2 < 9 * thick.sum() < 2 * np.pi * 17**2
    np.testing.assert_array_equal(after[thick], before[thick])
    shadow = np.asarray(ct.project(thick.astype(np.float32), GRID, GEOMETRY)) > 1e-2
    linear = hu(np.asarray(inpaint(jnp.asarray(sino), jnp.asarray(shadow))), FilteredBackProjection())
    around = near(36, 60)
    assert rms(after - truth, around) < 0.8 * rms(linear - truth, around)


def test_without_metal_nothing_changes():
    sino = scanned(False)
    plain = FilteredBackProjection()
    np.testing.assert_allclose(hu(sino, NormalisedInpainting(plain)), hu(sino, plain), atol=0.01)


def test_it_works_with_iterative_methods_too(hips):
    sino, truth, _, _ = hips
    method = CGLS(12)
    around = near(36, 60)
    before, after = (rms(hu(sino, m) - truth, around) for m in (method, NormalisedInpainting(method)))
    assert after < before / 2.5


def test_inpainting_is_linear_between_what_is_known():
    values = np.array([9.0, 2.0, 9.0, 9.0, 8.0, 9.0])
    missing = np.array([True, False, True, True, False, True])
    rows = lambda a: jnp.asarray(np.broadcast_to(a, (2, 1, 6)))
    made = np.asarray(inpaint(rows(values), rows(missing)))[0, 0]
    np.testing.assert_allclose(made, [2.0, 2.0, 4.0, 6.0, 8.0, 8.0], rtol=1e-6)
    np.testing.assert_array_equal(inpaint(rows(values), rows(missing | True)), rows(values))
    rng = np.random.default_rng(0)
    values, missing = rng.random((3, 2, 40)), rng.random((3, 2, 40)) < 0.6
    made = np.asarray(inpaint(jnp.asarray(values), jnp.asarray(missing)))
    for v, m, o in zip(values.reshape(-1, 40), missing.reshape(-1, 40), made.reshape(-1, 40), strict=True):
        np.testing.assert_allclose(o, np.interp(np.arange(40), np.flatnonzero(~m), v[~m]), rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_inpainting_is_differentiable():
    rng = np.random.default_rng(0)
    missing = jnp.asarray(rng.random((2, 1, 12)) < 0.5)
    assert_gradient(lambda s: jnp.sum(jnp.sin(inpaint(s, missing))), jnp.asarray(rng.random((2, 1, 12))))


def test_the_image_is_differentiable_where_the_tissues_stay(hips):
    sino = jnp.asarray(hips[0])
    method = NormalisedInpainting()
    mean = lambda s: jnp.sum(jnp.where(near(36, 60), method.solve(s, GRID, GEOMETRY, None), 0))
    slope = np.asarray(jax.grad(mean)(sino))
    assert np.all(np.isfinite(slope))
    assert np.any(slope != 0)


def test_refusals_name_the_remedy():
    with pytest.raises(InputError, match="must rise"):
        NormalisedInpainting(threshold=200.0)
    with pytest.raises(InputError, match="smoothing"):
        NormalisedInpainting(smoothing=-1.0)
    method = NormalisedInpainting()
    with pytest.raises(InputError, match="NaN"):
        unchecked(type(method).solve)(method, np.full(GEOMETRY.sinogram_shape, np.nan), GRID, GEOMETRY)
