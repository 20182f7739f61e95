"""The non-uniform FFT of images: the definition, the adjoint, derivatives in k and spacing, refusals."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physim_kernels
from physim import mri
from physim_phantoms import Grid
from tests.helper import assert_adjoint, assert_gradient, nrmse, unchecked

SPACING = (2.0, 1.5, 3.0)


def problem(shape, samples=90):
    """An image, its grid, places k and the matrix of the transform."""
    rng = np.random.default_rng(len(shape) + shape[1])
    image = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    k = rng.uniform(-0.4, 0.4, (samples, 3))
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, SPACING, strict=True)]
    place = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    return image, Grid(shape, SPACING), k, np.exp(-2j * np.pi * k @ place.T)


@pytest.mark.parametrize("shape", [(20, 1, 1), (16, 15, 1), (1, 9, 8), (7, 8, 6)])
@pytest.mark.parametrize(
    ("double", "tolerance"),
    [(False, 1e-3), (False, 1e-6), pytest.param(True, 1e-12, marks=pytest.mark.slow)],
)
def test_samples_and_adjoint_meet_the_tolerance(shape, double, tolerance):
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        image, grid, k, matrix = problem(shape)
        nufft = mri.Nufft(tolerance)
        made = jax.jit(lambda m: nufft(m, grid, k))(jnp.asarray(image))
        truth = matrix @ image.ravel()
        assert nrmse(made, truth) < tolerance
        back = np.asarray(jax.jit(lambda s: nufft.adjoint(s, grid, k))(jnp.asarray(truth)))
        assert nrmse(back.ravel(), matrix.conj().T @ truth) < tolerance


@pytest.mark.usefixtures("x64")
def test_adjoint_is_exact_whatever_the_tolerance():
    image, grid, k, _ = problem((7, 8, 6))
    nufft = mri.Nufft(1e-2)
    signal = np.random.default_rng(3).standard_normal((2, len(k)))
    pair = lambda a: jnp.stack([a.real, a.imag])
    forward = lambda x: pair(nufft(x[0] + 1j * x[1], grid, k))
    back = lambda y: pair(nufft.adjoint(y[0] + 1j * y[1], grid, k))
    assert_adjoint(forward, back, pair(jnp.asarray(image)), jnp.asarray(signal), 1e-13)


@pytest.mark.usefixtures("x64")
def test_derivatives_in_k_and_spacing():
    image, grid, k, _ = problem((5, 6, 4), 20)
    nufft, weights = mri.Nufft(1e-11), jnp.asarray(np.random.default_rng(4).standard_normal((2, 20)))
    like = jnp.asarray(np.random.default_rng(5).standard_normal((5, 6, 4)))

    def loss(change):
        spacing = jnp.asarray(grid.spacing) + 0.1 * change[0]
        own = Grid(grid.shape, spacing, jnp.zeros(3))
        moved = jnp.asarray(k) + 1e-2 * change[1:]
        made = nufft(jnp.asarray(image), own, moved)
        back = nufft.adjoint(made, own, moved)
        return (weights * jnp.stack([made.real, made.imag])).sum() + 0.1 * (like * back.real).sum()

    assert_gradient(loss, jnp.zeros((21, 3)), tolerance=1e-6, step=1e-4, directions=2)


def test_kernel_equals_reference():
    image, grid, k, matrix = problem((7, 8, 6))
    nufft = mri.Nufft(1e-4)
    both = lambda m, s: (nufft(m, grid, k), nufft.adjoint(s, grid, k))
    signal = jnp.asarray(matrix @ image.ravel(), jnp.complex64)
    fast = jax.jit(lambda m, s: both(m, s))(jnp.asarray(image, jnp.complex64), signal)
    with physim_kernels.disabled():
        plain = jax.jit(lambda m, s: both(m, s))(jnp.asarray(image, jnp.complex64), signal)
    for a, b in zip(fast, plain, strict=True):
        assert nrmse(a, b) < 2e-6
        assert not np.array_equal(a, b), "both ran the same code"


def test_refusals():
    image, grid, k, _ = problem((7, 8, 6))
    nufft = mri.Nufft(1e-4)
    with pytest.raises(ValueError, match="grid's"):
        nufft(jnp.asarray(image[:5]), grid, k)
    with pytest.raises(ValueError, match="finite"):
        nufft(jnp.asarray(image), grid, np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match=r"\[sample, 3\]"):
        unchecked(type(nufft).__call__)(nufft, jnp.asarray(image), grid, k[:, :2])
    with pytest.raises(ValueError, match="tolerance"):
        mri.Nufft(0.0)
    with pytest.raises(ValueError, match="one k for each sample"):
        nufft.adjoint(jnp.zeros(3, jnp.complex64), grid, k)
