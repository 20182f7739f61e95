"""Fourier transforms against quadrature, the projection-slice theorem, the FFT of voxels, and the shift theorem."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from physim_phantoms import Grid, shapes
from tests.helper import assert_gradient, assert_order, nrmse

from .bodies import BODIES, SOLIDS, TURN

K = np.random.default_rng(5).uniform(-0.2, 0.2, (40, 3))


@pytest.mark.parametrize("name", BODIES)
def test_zero_frequency_is_the_integral(name, x64):
    body = BODIES[name]()
    np.testing.assert_allclose(body.kspace(np.zeros(3)), body.integral, rtol=1e-15)
    np.testing.assert_allclose(body.integral, 1.7 * body.volume, rtol=1e-15)
    # Just beside zero nothing jumps: the transform is even about the centre and falls with the square of k.
    beside = np.abs(body.kspace(np.geomspace(1e-12, 1e-6, 20)[:, None] * np.ones(3)))
    np.testing.assert_allclose(beside, body.integral, rtol=1e-9)


def test_volumes(x64):
    volumes = {name: float(make().volume) for name, make in BODIES.items()}
    truth = {
        "ellipsoid": 4 / 3 * np.pi * 72,
        "box": 216.0,
        "cylinder": np.pi * 3.5**2 * 8,
        "gaussian": (2 * np.pi) ** 1.5 * 3,
    }
    assert volumes == pytest.approx(truth, rel=1e-14)


@pytest.mark.parametrize("name", BODIES)
def test_projection_slice_theorem(name, x64):
    """The 2-D transform of all parallel line integrals is the transform's plane through zero: ties both closed forms.

    The projections vanish at their rim like a root, so the equally spaced sum converges slowly; hence the tolerance.
    """
    body = BODIES[name]()
    frame = shapes.rotation_about((0.3, -1.0, 0.5), 0.9)
    u = np.linspace(-14, 14, 561)
    across = u[:, None, None] * frame[0] + u[None, :, None] * frame[1]
    projection = np.asarray(body.line_integral(across - 40 * frame[2], across + 40 * frame[2]))
    for p, q in ((0.03, -0.05), (0.11, 0.02), (-0.07, 0.13)):
        wave = np.exp(-2j * np.pi * p * u)[:, None] * np.exp(-2j * np.pi * q * u)[None]
        numeric = np.sum(projection * wave) * (u[1] - u[0]) ** 2
        exact = complex(body.kspace(p * frame[0] + q * frame[1]))
        assert abs(numeric - exact) < (1e-4 if name in SOLIDS else 1e-10) * float(body.integral)


def test_ellipsoid_by_radial_quadrature(x64):
    """4π ∫ r² sinc(2kr) dr over the radius by Gauss-Legendre, for a ball."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    r, w = 5 * (nodes + 1) / 2, weights * 5 / 2
    for k in (0.0, 1e-4, 0.02, 0.3, 1.1):
        truth = 4 * np.pi * np.sum(w * r**2 * np.sinc(2 * k * r))
        np.testing.assert_allclose(
            shapes.Ellipsoid((0, 0, 0), 5.0).kspace(np.array([0, k, 0])), truth, rtol=1e-11, atol=1e-11
        )


def test_cylinder_and_box_by_quadrature(x64):
    """Gauss-Legendre over the coordinates: polar for the disc (with θ equally spaced), straight for the box."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    r, w = 3 * (nodes + 1) / 2, weights * 3 / 2
    theta = 2 * np.pi * np.arange(128) / 128
    z, wz = 4 * nodes, 4 * weights
    for kx, ky, kz in ((0.1, 0.2, 0.05), (0.4, -0.1, 0.2), (0.0, 0.0, 0.3)):
        plane = (
            np.exp(-2j * np.pi * r[:, None] * (kx * np.cos(theta) + ky * np.sin(theta))).mean(1) * 2 * np.pi
        )
        truth = np.sum(w * r * plane) * np.sum(wz * np.exp(-2j * np.pi * kz * z))
        k = np.array([kx, ky, kz])
        np.testing.assert_allclose(
            shapes.Cylinder((0, 0, 0), 3.0, 8.0).kspace(k), truth, rtol=1e-11, atol=1e-11
        )
        lines = [
            np.sum(weights * h * np.exp(-2j * np.pi * f * h * nodes))
            for f, h in zip(k, (2.0, 1.5, 4.0), strict=True)
        ]
        np.testing.assert_allclose(
            shapes.Box((0, 0, 0), (4.0, 3.0, 8.0)).kspace(k), np.prod(lines), rtol=1e-11, atol=1e-11
        )


@pytest.mark.parametrize("name", BODIES)
def test_moving_turns_the_phase(name, x64):
    """F(k) of the shifted shape is exp(−2πi k·d) F(k); of the rotated shape it is F(R⁻¹ k)."""
    body = BODIES[name]()
    d = np.array([2.0, -3.0, 11.0])
    moved = BODIES[name](centre=np.asarray(body.centre) + d)
    np.testing.assert_allclose(moved.kspace(K), np.exp(-2j * np.pi * K @ d) * body.kspace(K), atol=1e-11)
    turn = shapes.rotation_about((0.1, 0.9, 0.2), -0.8)
    turned = BODIES[name](centre=turn @ np.asarray(body.centre), turn=turn @ TURN)
    np.testing.assert_allclose(turned.kspace(K), body.kspace(K @ turn), atol=1e-11)


@pytest.mark.parametrize("name", BODIES)
def test_real_objects_have_hermitian_spectra(name, x64):
    body = BODIES[name]()
    np.testing.assert_allclose(body.kspace(-K), np.conj(body.kspace(K)), atol=1e-12)


def test_parseval_for_a_gaussian(x64):
    """∫ m² dr = value² π^(3/2) σ₁σ₂σ₃ = ∫ |F|² dk, the latter as a sum over a fine grid of frequencies."""
    blob = BODIES["gaussian"]()
    k = np.linspace(-0.8, 0.8, 65)
    grid = np.stack(np.meshgrid(k, k, k, indexing="ij"), -1)
    energy = jnp.sum(jnp.abs(blob.kspace(grid)) ** 2) * (k[1] - k[0]) ** 3
    np.testing.assert_allclose(energy, 1.7**2 * np.pi**1.5 * 3, rtol=1e-10)


@pytest.mark.parametrize("name", SOLIDS)
def test_the_transform_of_the_voxels(name, x64):
    """The voxels' FFT at low k, against F(k) Π sinc(k h): the closed form of averaging over voxels; second order."""
    body = BODIES[name]()
    frequencies = np.array([-2, -1, 0, 1, 2]) / 16.0
    k = np.stack(np.meshgrid(*[frequencies] * 3, indexing="ij"), -1)

    def error(n):
        grid = Grid((n, n, n), 16.0 / n)
        voxels = np.asarray(body.voxelise(grid, 1))
        wave = np.exp(-2j * np.pi * np.outer(frequencies, grid.axes()[0]))
        sums = np.einsum("xyz,ax,by,cz->abc", voxels, wave, wave, wave, optimize=True) * grid.voxel_volume
        return nrmse(sums, body.kspace(k) * np.prod(np.sinc(k * 16.0 / n), axis=-1))

    assert error(20) < 3e-3
    assert_order(error, (12, 20, 32), order=2.0, slack=0.3)


@pytest.mark.parametrize("name", BODIES)
def test_gradients(name, x64):
    """With respect to frequency, centre, sizes and rotation; in one draw of k and at k = 0."""
    body = BODIES[name]()
    flat, rebuild = jax.flatten_util.ravel_pytree(body)

    def power(x):
        signal = rebuild(x[3:]).kspace(x[:3])
        return signal.real + 0.3 * signal.imag

    assert_gradient(power, jnp.concatenate([jnp.array([0.05, -0.08, 0.11]), flat]), tolerance=1e-6)
    assert_gradient(power, jnp.concatenate([jnp.zeros(3), flat]), tolerance=1e-6)


@pytest.mark.parametrize("name", BODIES)
def test_single_precision(name):
    body = BODIES[name]()
    single = body.kspace(K.astype(np.float32))
    assert single.dtype == jnp.complex64
    with jax.enable_x64(True):
        double = np.asarray(body.kspace(K))
    assert np.max(np.abs(single - double)) < 5e-6 * float(body.integral)
