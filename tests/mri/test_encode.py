"""Fourier encoding: the sign and origin of k, exact k-space of a Gaussian, cropping, noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from physim.mri.encode import decode, encode, same_box
from physim_phantoms import Grid, InputError
from tests.helper import nrmse

GRID = Grid((16, 18, 15), (1.0, 1.5, 2.0))


def direct_sum(density: np.ndarray, grid: Grid, k: np.ndarray) -> np.ndarray:
    """Σ m exp(-2πi k·r) V, with r from the middle of the box along the grid's axes."""
    axes = [
        (np.arange(n) - (n - 1) / 2) * s for n, s in zip(grid.shape, np.asarray(grid.spacing), strict=True)
    ]
    r = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return np.array([np.sum(density * np.exp(-2j * np.pi * (r @ one))) for one in k]) * grid.voxel_volume


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("matrix", [(16, 18, 15), (8, 9, 7), (5, 6, 15)])
def test_equals_the_direct_sum(matrix):
    density = np.random.default_rng(0).standard_normal(GRID.shape)
    samples = np.asarray(encode(jnp.asarray(density), GRID, matrix))
    places = [(0, 0, 0), (1, 2, 3), tuple(n - 1 for n in matrix), tuple(n // 2 for n in matrix)]
    k = np.array(
        [[(i - m // 2) / e for i, m, e in zip(place, matrix, GRID.extent, strict=True)] for place in places]
    )
    np.testing.assert_allclose(
        [samples[p] for p in places], direct_sum(density, GRID, k), rtol=1e-11, atol=1e-10
    )


@pytest.mark.usefixtures("x64")
def test_a_gaussian_has_its_closed_form():
    grid, sigma, centre = Grid((48, 48, 48), 1.0), 3.0, np.array([2.3, -1.1, 0.7])
    offset = np.asarray(grid.centres()) - centre
    density = np.exp(-np.sum(offset**2, axis=-1) / (2 * sigma**2))
    raw = mri.KSpace(encode(jnp.asarray(density), grid, grid.shape), grid)
    k = np.stack(np.meshgrid(*raw.frequencies(), indexing="ij"), axis=-1)
    truth = (2 * np.pi * sigma**2) ** 1.5 * np.exp(
        -2 * (np.pi * sigma) ** 2 * np.sum(k**2, axis=-1) - 2j * np.pi * (k @ centre)
    )
    assert nrmse(raw.samples, truth) < 1e-8


@pytest.mark.usefixtures("x64")
def test_decode_inverts_encode_and_interpolates():
    density = jnp.asarray(np.random.default_rng(1).standard_normal(GRID.shape))
    np.testing.assert_allclose(
        decode(encode(density, GRID, GRID.shape), GRID, GRID.shape), density, atol=1e-12
    )
    fine = same_box(GRID, (32, 36, 30))
    smooth = np.exp(-np.sum((np.asarray(fine.centres()) / np.array([3.0, 5, 5])) ** 2, axis=-1))
    low = same_box(GRID, (24, 27, 25))
    image = decode(encode(jnp.asarray(smooth), fine, low.shape), low, fine.shape)
    assert nrmse(image.real, smooth) < 2e-3
    assert float(jnp.abs(image.imag).max()) < 2e-3


@pytest.mark.usefixtures("x64")
def test_pair_is_unitary_up_to_the_volumes():
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.standard_normal(GRID.shape)) + 0j
    samples = encode(x, GRID, GRID.shape)
    left = float(jnp.sum(jnp.abs(samples) ** 2)) / (GRID.voxel_volume**2 * GRID.size)
    assert left == pytest.approx(float(jnp.sum(jnp.abs(x) ** 2)), rel=1e-12)


def test_noise_in_the_image_is_what_the_scanner_says(key):
    patient = _empty_patient()
    scanner = mri.Scanner(field=1.5, noise=0.01)
    raw = mri.scan(patient, mri.SpinEcho(3.0, 0.01), scanner, key)
    image = decode(raw.samples, raw.grid, raw.grid.shape)
    expected = 0.01 * 2.0 / patient.grid.voxel_volume
    assert float(image.real.std()) == pytest.approx(expected, rel=0.02)
    assert float(image.imag.std()) == pytest.approx(expected, rel=0.02)
    rayleigh = float(jnp.mean(mri.reconstruct(raw)))
    assert rayleigh == pytest.approx(expected * np.sqrt(np.pi / 2), rel=0.02)


def test_same_key_same_bits_and_other_keys_differ(key):
    patient = _empty_patient()
    make = lambda key: np.asarray(mri.scan(patient, mri.SpinEcho(3.0, 0.01), mri.Scanner(), key).samples)
    np.testing.assert_array_equal(make(key), make(key))
    assert np.any(make(key) != make(jax.random.fold_in(key, 1)))


def test_partial_volume_adds_signals():
    from physim_phantoms import TISSUES, Phantom

    grid = Grid((4, 4, 4), 2.0)
    half = np.full(grid.shape, 0.5, np.float32)
    patient = Phantom.from_fractions(grid, {"white_matter": half, "csf": half})
    sequence, scanner = mri.SpinEcho(3.0, 0.1), mri.Scanner(field=3.0, noise=0.0)
    pure = [
        sequence.signal(t.proton_density, t.value("t1"), t.value("t2"), t.value("t2_star"))
        for t in (TISSUES["white_matter"], TISSUES["csf"])
    ]
    np.testing.assert_allclose(
        mri.signal_map(patient, sequence, scanner), 0.5 * (pure[0] + pure[1]), rtol=1e-5
    )


def test_thick_slices_keep_the_box_and_the_mean(key):
    from physim_phantoms import Phantom

    grid = Grid((12, 12, 12), 1.0)
    patient = Phantom.from_fractions(grid, {"white_matter": np.ones(grid.shape, np.float32)})
    raw = mri.scan(
        patient, mri.SpinEcho(3.0, 0.1), mri.Scanner(noise=0.0), key, mri.Cartesian((1.0, 2.0, 3.0))
    )
    assert raw.grid.shape == (12, 6, 4)
    np.testing.assert_allclose(raw.grid.extent, grid.extent)
    full = mri.signal_map(patient, mri.SpinEcho(3.0, 0.1), mri.Scanner())
    means = [np.asarray(image, np.float64).mean() for image in (mri.reconstruct(raw), full)]
    assert means[0] == pytest.approx(means[1], rel=1e-6)


def test_refusals(key):
    patient = _empty_patient()
    with pytest.raises(InputError, match="acquire no finer"):
        mri.scan(patient, mri.SpinEcho(3.0, 0.01), mri.Scanner(), key, mri.Cartesian((0.1, 1.0, 1.0)))
    raw = mri.scan(patient, mri.SpinEcho(3.0, 0.01), mri.Scanner(), key)
    with pytest.raises(InputError, match=r"write reconstruct\(raw, patient.grid\)"):
        mri.reconstruct(raw, Grid((4, 4, 4), 1.0))
    with pytest.raises(InputError, match="field is 0"):
        mri.Scanner(field=0.0)


def _empty_patient():
    from physim_phantoms import Phantom

    grid = Grid((24, 24, 24), (1.0, 2.0, 1.5))
    return Phantom.from_fractions(grid, {"air": np.ones(grid.shape, np.float32)})
