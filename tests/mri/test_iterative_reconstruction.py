"""Encodings, conjugate gradients, compressed sensing and gridding against dense algebra and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.mri import reconstruction as recon
from physim.mri.reconstruction.differences import gradient, gradient_adjoint
from physim.mri.reconstruction.encodings import square_of_largest
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradient, nrmse, unchecked
from tests.mri.coils_of_tests import GRID, brain, coil_samples, maps, smooth_brain

SMALL = Grid((8, 6, 1), (2.0, 2.5, 4.0))


def rng():
    return np.random.default_rng(20)


def cartesian(dtype=np.complex128):
    seen = maps(3, SMALL).astype(dtype)
    return recon.CartesianSampling(seen, rng().random(SMALL.shape) < 0.6)


def trajectory(dtype=np.complex128):
    k = (rng().random((70, 3)) - 0.5) / np.asarray(SMALL.spacing) * [1, 1, 0]
    frequency = 60.0 * rng().standard_normal(SMALL.shape)
    segments = recon.Segments(frequency, np.linspace(0, 8e-3, 70), 12)
    seen = maps(3, SMALL).astype(dtype)
    return recon.TrajectorySampling(
        seen, SMALL, k, density=1 + rng().random(70), off_resonance=segments, nufft=_fine()
    )


def _fine():
    from physim.mri import Nufft

    return Nufft(1e-9)


def dense(encoding):
    """The encoding as a matrix, column by column."""
    units = jnp.eye(SMALL.size, dtype=jnp.complex128).reshape(-1, *SMALL.shape)
    return np.asarray(jax.jit(jax.vmap(encoding.forward))(units)).reshape(SMALL.size, -1).T


def assert_solves(encoding, matrix):
    """Conjugate gradients give what dense algebra gives, and the adjoint is the matrix's."""
    shape = jax.eval_shape(encoding.forward, jnp.zeros(SMALL.shape, complex)).shape
    samples = jnp.asarray(rng().standard_normal(shape) + 1j * rng().standard_normal(shape))
    back = np.asarray(encoding.adjoint(samples)).ravel()
    np.testing.assert_allclose(back, matrix.conj().T @ np.ravel(samples), atol=1e-12)
    data = np.ravel(encoding.weighted(samples)) / (SMALL.voxel_volume * np.sqrt(SMALL.size))
    damping = 0.05
    truth = np.linalg.solve(matrix.conj().T @ matrix + damping * np.eye(SMALL.size), matrix.conj().T @ data)
    made = recon.ConjugateGradients(encoding, damping, 200, 1e-10).image(samples, SMALL)
    np.testing.assert_allclose(np.ravel(made), truth, rtol=1e-6, atol=1e-7 * np.abs(truth).max())


@pytest.mark.usefixtures("x64")
def test_conjugate_gradients_give_the_dense_solution():
    encoding = cartesian()
    matrix = dense(encoding)
    assert_solves(encoding, matrix)
    largest = np.linalg.norm(matrix, 2) ** 2
    assert largest * 0.98 < float(square_of_largest(encoding)) < 1.03 * largest


@pytest.mark.usefixtures("x64")
def test_trajectory_and_its_off_resonance_are_the_sum():
    encoding = trajectory()
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(SMALL.shape, SMALL.spacing, strict=True)]
    r = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    phase = encoding.k @ r.T + encoding.off_resonance.time[:, None] * encoding.off_resonance.frequency.ravel()
    weights = np.sqrt(encoding.density / encoding.density.mean() / SMALL.size)
    whole = weights[:, None] * np.exp(-2j * np.pi * phase)
    truth = np.concatenate([whole * s.ravel() for s in encoding.sensitivities])
    assert float(encoding.off_resonance.error()) < 1e-6
    matrix = dense(encoding)
    assert nrmse(matrix, truth) < 1e-6
    assert_solves(encoding, matrix)


@pytest.mark.usefixtures("x64")
def test_derivatives_through_conjugate_gradients():
    seen, mask = maps(3, SMALL).astype(complex), rng().random(SMALL.shape) < 0.6
    samples = jnp.asarray(rng().standard_normal(seen.shape) + 1j * rng().standard_normal(seen.shape)) * 100
    weights = rng().standard_normal(SMALL.shape)

    def of_maps_and_damping(x):
        encoding = recon.CartesianSampling(seen * (1 + x), mask)
        method = recon.ConjugateGradients(
            encoding, 0.1 + x[0, 0, 0, 0] ** 2 + 0.1 * x[0, 1, 1, 0], 300, 1e-12
        )
        return jnp.sum(weights * jnp.abs(method.image(samples * (1 + x), SMALL)) ** 2)

    assert_gradient(of_maps_and_damping, jnp.zeros(seen.shape), 1e-6, directions=1)


def test_sense_is_a_case_of_conjugate_gradients():
    seen = maps(6)
    samples = jnp.asarray(coil_samples(brain(), seen))
    mask = recon.regular_mask(GRID.shape, (1, 2, 1))
    encoding = recon.CartesianSampling(seen, mask)
    made = recon.ConjugateGradients(encoding, iterations=60).image(samples, GRID)
    assert nrmse(made, brain()) < 1e-3


@pytest.mark.parametrize("taps", [recon.HAAR, recon.DAUBECHIES_4])
@pytest.mark.usefixtures("x64")
def test_wavelets_are_orthonormal(taps):
    wavelet, shape = recon.Wavelet(taps, levels=3), (16, 12, 1)
    image = jnp.asarray(rng().standard_normal(shape))
    coefficients = wavelet.analyse(image)
    leaves = jax.tree.leaves(coefficients)
    assert sum(leaf.size for leaf in leaves) == image.size
    assert sum(float(jnp.sum(leaf**2)) for leaf in leaves) == pytest.approx(
        float(jnp.sum(image**2)), rel=1e-12
    )
    np.testing.assert_allclose(wavelet.synthesise(coefficients, shape), image, atol=1e-13)
    # Moments vanish: a constant for Haar, a line for Daubechies-4 away from where it wraps around.
    line = jnp.broadcast_to(jnp.arange(16.0)[:, None, None], shape) if len(taps) == 4 else jnp.ones(shape)
    detail = recon.Wavelet(taps, levels=1).analyse(line)[1][0]
    assert all(float(jnp.abs(band[:-1]).max()) < 1e-12 for band in detail)


@pytest.mark.usefixtures("x64")
def test_differences_and_their_adjoint():
    x, y = rng().standard_normal((5, 4, 1)), rng().standard_normal((3, 5, 4, 1))
    left = np.vdot(np.asarray(gradient(jnp.asarray(x))), y)
    assert left == pytest.approx(np.vdot(x, np.asarray(gradient_adjoint(jnp.asarray(y)))), rel=1e-12)


def taut_string(y, weight):
    """1-D total variation denoising through the dual's box-constrained least squares (SciPy)."""
    from scipy.optimize import lsq_linear

    n = len(y)
    differences = np.diff(np.eye(n), axis=0)
    dual = lsq_linear(differences.T, y, bounds=(-weight, weight), tol=1e-14).x
    return y - differences.T @ dual


@pytest.mark.usefixtures("x64")
def test_total_variation_in_one_dimension_is_the_taut_string():
    grid = Grid((40, 1, 1), 1.0)
    y = np.repeat([0.0, 2.0, -1.0, 0.5], 10) + 0.3 * rng().standard_normal(40)
    samples = jnp.asarray(coil_samples(y.reshape(grid.shape), np.ones((1, *grid.shape), complex), grid))
    encoding = recon.CartesianSampling(np.ones((1, *grid.shape), complex), np.ones(grid.shape, bool))
    made = recon.CompressedSensing(encoding, recon.TotalVariation(0.7), 3000).image(samples, grid)
    np.testing.assert_allclose(np.ravel(made), taut_string(y, 0.7), atol=1e-5)


@pytest.mark.usefixtures("x64")
def test_wavelet_shrinkage_of_a_full_matrix_is_a_threshold():
    grid, wavelet = Grid((16, 16, 1), 1.0), recon.Wavelet(recon.HAAR, 2)
    y = jnp.asarray(rng().standard_normal(grid.shape) + 1j * rng().standard_normal(grid.shape))
    ones = np.ones((1, *grid.shape), complex)
    samples = jnp.asarray(coil_samples(y, ones, grid))
    encoding = recon.CartesianSampling(ones, np.ones(grid.shape, bool))
    made = recon.CompressedSensing(encoding, recon.SparseWavelets(0.5, wavelet), 60).image(samples, grid)
    coarse, details = wavelet.analyse(y)
    shrunk = jax.tree.map(lambda d: d * jnp.maximum(0, 1 - 0.5 / jnp.abs(d)), details)
    np.testing.assert_allclose(made, wavelet.synthesise((coarse, shrunk), grid.shape), atol=1e-8)


def test_compressed_sensing_beats_zero_filling():
    seen, image = maps(4), brain()
    samples = jnp.asarray(coil_samples(image, seen))
    mask = rng().random(GRID.shape) < 0.35
    mask[9:15, 9:15] = True
    encoding = recon.CartesianSampling(seen, mask)
    start = encoding.adjoint(samples / (GRID.voxel_volume * np.sqrt(GRID.size)))
    zero_filled = start / jnp.sum(jnp.abs(seen) ** 2, axis=0)
    for penalty, gain in ((recon.TotalVariation(0.003), 8), (recon.SparseWavelets(0.003), 3)):
        made = recon.CompressedSensing(encoding, penalty, 150).image(samples, GRID)
        assert nrmse(made, image) < nrmse(zero_filled, image) / gain


def radial(spokes, count, reach):
    angle = np.pi * np.arange(spokes) / spokes
    radius = (np.arange(count) + 0.5 - count / 2) / (count / 2) * reach
    k = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)])[:, None]
    return np.concatenate([k.reshape(2, -1), np.zeros((1, k[0].size))]).T, np.abs(np.repeat(radius, spokes))


def test_radial_gridding_shows_a_gaussian():
    grid, sigma, thickness = Grid((32, 32, 1), (1.0, 1.0, 5.0)), 2.5, 5.0
    k, radius = radial(64, 128, 0.5)
    centre = np.array([3.0, -2.0])
    squared = np.sum(k**2, axis=1)
    samples = (
        thickness
        * 2
        * np.pi
        * sigma**2
        * np.exp(-2 * (np.pi * sigma) ** 2 * squared - 2j * np.pi * (k[:, :2] @ centre))
    )
    samples = jnp.asarray(samples[None].astype(np.complex64))
    r = np.asarray(grid.centres())[..., :2] - centre
    truth = np.exp(-np.sum(r**2, axis=-1) / (2 * sigma**2))
    ramp = radius * (np.pi / 64) * (0.5 / 64) / thickness
    for density, bound in ((ramp, 0.01), (recon.pipe_menon(k, grid), 0.02)):
        made = recon.Gridding(k, density).image(samples, grid)
        assert nrmse(made, truth) < bound
    inner = (radius < 0.4) & (radius > 0.05)
    assert nrmse(np.asarray(recon.pipe_menon(k, grid))[inner], ramp[inner]) < 0.1


def test_off_resonance_is_taken_out():
    grid = Grid((16, 16, 1), (3.0, 3.0, 5.0))
    image, seen = smooth_brain(grid), maps(4, grid)
    k, _ = radial(24, 24, 0.5 / 3)
    x = np.asarray(grid.centres())[..., 0]
    segments = recon.Segments(
        (60 + 4 * x).astype(np.float32), np.linspace(0, 8e-3, len(k)).astype(np.float32), 6
    )
    encoding = recon.TrajectorySampling(seen, grid, k.astype(np.float32), off_resonance=segments)
    scale = grid.voxel_volume * np.sqrt(grid.size)
    samples = encoding.forward(jnp.asarray(image.astype(np.complex64))) * scale
    made = recon.ConjugateGradients(encoding, iterations=15).image(samples, grid)
    without = recon.TrajectorySampling(seen, grid, k.astype(np.float32))
    blurred = recon.ConjugateGradients(without, iterations=15).image(samples, grid)
    assert nrmse(made, image) < 0.02
    assert nrmse(jnp.abs(blurred), image) > 0.1


def test_refusals():
    seen = maps(2, SMALL)
    encoding = recon.CartesianSampling(seen, np.ones(SMALL.shape, bool))
    with pytest.raises(InputError, match="acquires no point"):
        recon.CartesianSampling(seen, np.zeros(SMALL.shape, bool))
    with pytest.raises(InputError, match="sensitivities 2"):
        recon.ConjugateGradients(encoding).image(jnp.zeros((3, *SMALL.shape), complex), SMALL)
    other = recon.TrajectorySampling(seen, SMALL, np.zeros((5, 3)))
    with pytest.raises(InputError, match="one for each place k"):
        recon.ConjugateGradients(other).image(jnp.zeros((2, 4), complex), SMALL)
    with pytest.raises(InputError, match="at least 1 segment"):
        recon.Segments(np.zeros(SMALL.shape), np.zeros(5), 0)
    with pytest.raises(InputError, match="squares of sum 1"):
        recon.Wavelet((1.0, 1.0))
    with pytest.raises(InputError, match=r"must be \[sample, 3\]"):
        unchecked(recon.pipe_menon)(np.zeros((5, 2)), SMALL)
