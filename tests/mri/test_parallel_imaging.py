"""Coil combination, coil maps, SENSE and GRAPPA against closed forms and full data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.mri import reconstruction as recon
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradient, nrmse, unchecked
from tests.mri.coils_of_tests import GRID, brain, coil_samples, maps, smooth_brain

MAPS = maps(6)
SAMPLES = jnp.asarray(coil_samples(brain(), MAPS))


def noise(shape, seed=0, dtype=np.complex64):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


def test_a_full_matrix_gives_the_image_weighted_by_the_coils():
    weighted = recon.FullySampled(recon.SensitivityWeighted(MAPS)).image(SAMPLES, GRID)
    assert nrmse(weighted, brain()) < 1e-5
    square = recon.FullySampled().image(SAMPLES, GRID)
    assert nrmse(square, brain() * np.sqrt(np.sum(np.abs(MAPS) ** 2, axis=0))) < 1e-5


def test_roemer_has_the_least_noise_that_the_covariance_allows():
    rng = np.random.default_rng(1)
    mix = np.eye(6) + 0.6 * rng.standard_normal((6, 6))
    images = np.einsum("cd,dn->cn", mix, noise((6, 40000)))
    covariance = recon.noise_covariance(jnp.asarray(images))
    assert nrmse(covariance, mix @ mix.T) < 0.02
    one = np.broadcast_to(MAPS[:, 3, 4, 0][:, None, None, None], (6, 200, 200, 1))
    made = recon.SensitivityWeighted(one, mix @ mix.T).combine(jnp.asarray(images.reshape(6, 200, 200, 1)))
    s = MAPS[:, 3, 4, 0]
    expected = 1 / np.sqrt(np.real(s.conj() @ np.linalg.solve(mix @ mix.T, s)))
    assert float(jnp.std(made.real)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("acceleration", [(1, 2, 1), (1, 3, 1), (2, 2, 1)])
def test_sense_is_exact_with_true_maps(acceleration):
    mask = recon.regular_mask(GRID.shape, acceleration)
    made = recon.Sense(MAPS, acceleration).image(jnp.where(mask, SAMPLES, 0), GRID)
    assert nrmse(made, brain()) < 1e-5


def test_g_factor_of_two_coils_is_the_formula():
    two = maps(2, GRID).astype(np.complex64)
    method = recon.Sense(two, (2, 1, 1))
    a, b = two[:, :12, :, 0], two[:, 12:, :, 0]
    aa, bb = (np.sum(np.abs(v) ** 2, axis=0) for v in (a, b))
    ab = np.abs(np.sum(np.conj(a) * b, axis=0)) ** 2
    truth = 1 / np.sqrt(1 - ab / (aa * bb))
    g = np.asarray(method.g_factor())[..., 0]
    np.testing.assert_allclose(g[:12], truth, rtol=2e-3)
    np.testing.assert_allclose(g[12:], truth, rtol=2e-3)


def test_g_factor_is_the_noise_of_repeated_scans():
    rng = np.random.default_rng(2)
    mix = (np.eye(6) + 0.4 * rng.standard_normal((6, 6))).astype(np.float32)
    psi = mix @ mix.T
    method = recon.Sense(MAPS, (1, 3, 1), noise_covariance=psi)
    repeats = 400
    raw = np.einsum("cd,dn...->nc...", mix, noise((6, repeats, *GRID.shape)))
    scale = GRID.voxel_volume * np.sqrt(GRID.size)
    image = jax.jit(jax.vmap(lambda s: method.image(s, GRID)))(jnp.asarray(raw) * scale)
    full = 1 / np.sqrt(np.real(np.einsum("cxyz,cd,dxyz->xyz", MAPS.conj(), np.linalg.inv(psi), MAPS)))
    measured = np.sqrt(np.mean(np.abs(image) ** 2, axis=0) / 2) / (full * np.sqrt(3))
    ratio = measured / np.asarray(method.g_factor())
    assert abs(np.mean(ratio) - 1) < 0.01
    assert np.std(ratio) < 0.06


def test_empty_voxels_help_their_partners():
    support = brain() != 0
    method = recon.Sense(np.where(support, MAPS, 0), (1, 3, 1))
    assert nrmse(method.image(SAMPLES, GRID), brain()) < 1e-5
    assert float(jnp.max(method.g_factor())) <= float(jnp.max(recon.Sense(MAPS, (1, 3, 1)).g_factor()))


@pytest.mark.parametrize(("acceleration", "kernel"), [((1, 2, 1), (3, 4, 1)), ((1, 3, 1), (3, 2, 1))])
def test_grappa_is_near_the_full_data(acceleration, kernel):
    grid, calibration = Grid((48, 48, 1), (1.0, 1.0, 5.0)), (48, 16, 1)
    samples = jnp.asarray(coil_samples(smooth_brain(grid), maps(8, grid), grid))
    mask = recon.regular_mask(grid.shape, acceleration, calibration)
    acquired = jnp.where(mask, samples, 0)
    method = recon.Grappa(acceleration, calibration, kernel, tikhonov=1e-6)
    full = recon.FullySampled().image(samples, grid)
    made, zero_filled = method.image(acquired, grid), recon.FullySampled().image(acquired, grid)
    assert nrmse(made, full) < 0.004
    assert nrmse(made, full) < nrmse(zero_filled, full) / 8
    completed = method.complete(acquired, grid)
    np.testing.assert_array_equal(np.asarray(completed)[:, mask], np.asarray(samples)[:, mask])


def test_grappa_in_two_directions():
    grid, plane = Grid((4, 20, 20), (8.0, 2.4, 2.4)), Grid((20, 20, 1), (2.4, 2.4, 5.0))
    along = np.array([0.5, 1.0, 0.9, 0.3])[:, None, None]
    image = along * smooth_brain(plane)[:, :, 0]
    seen = np.broadcast_to(maps(8, plane)[:, None, :, :, 0], (8, 4, 20, 20))
    samples = jnp.asarray(coil_samples(image, seen, grid))
    mask = recon.regular_mask(grid.shape, (1, 2, 2), (4, 14, 14))
    method = recon.Grappa((1, 2, 2), (4, 14, 14), kernel=(1, 4, 4), tikhonov=1e-6)
    full = recon.FullySampled().image(samples, grid)
    assert nrmse(method.image(jnp.where(mask, samples, 0), grid), full) < 0.05


def test_espirit_finds_the_maps():
    method = recon.Espirit((16, 16, 1), threshold=0.01, crop=0.8)
    found = np.asarray(method.sensitivities(SAMPLES))
    truth = MAPS / np.sqrt(np.sum(np.abs(MAPS) ** 2, axis=0)) * np.conj(MAPS[0]) / np.abs(MAPS[0])
    inside = (brain() != 0) & (np.abs(found[0]) > 0)
    assert np.sum(inside) > 0.9 * np.sum(brain() != 0)
    assert nrmse(found[:, inside], truth[:, inside]) < 0.05
    mask = recon.regular_mask(GRID.shape, (1, 2, 1), (16, 16, 1))
    made = recon.Sense(found, (1, 2, 1)).image(jnp.where(mask, SAMPLES, 0), GRID)
    reference = recon.FullySampled().image(SAMPLES, GRID)
    assert nrmse(jnp.abs(made), reference) < 0.05


def test_walsh_finds_the_maps():
    images = jnp.asarray(brain() * MAPS)
    found = np.asarray(recon.walsh(images, 3))
    truth = MAPS / np.sqrt(np.sum(np.abs(MAPS) ** 2, axis=0)) * np.conj(MAPS[0]) / np.abs(MAPS[0])
    inside = brain() != 0
    assert nrmse(found[:, inside], truth[:, inside]) < 0.05


@pytest.mark.usefixtures("x64")
def test_derivatives_through_sense_and_grappa():
    seen, start = maps(6).astype(np.complex128), jnp.asarray(SAMPLES, jnp.complex128)
    size = float(jnp.max(jnp.abs(start)))
    weights = np.random.default_rng(3).standard_normal(GRID.shape)

    def of_maps(x):
        made = recon.Sense(jnp.asarray(seen) * (1 + x), (1, 3, 1)).image(start, GRID)
        return jnp.sum(weights * jnp.abs(made) ** 2)

    def of_samples(x):
        made = recon.Grappa((1, 2, 1), (24, 16, 1), (3, 2, 1)).image(start + size * x, GRID)
        return jnp.sum(weights * jnp.abs(made) ** 2)

    assert_gradient(of_maps, jnp.zeros(seen.shape), 1e-5, directions=1)
    assert_gradient(of_samples, jnp.zeros(seen.shape), 1e-5, step=1e-6, directions=1)


def test_maps_on_another_matrix_are_refused():
    samples = np.ones((6, 8, 4, 1), np.complex64)
    with pytest.raises(InputError, match=r"sensitivities .*\(6, 8, 4, 1\)"):
        unchecked(recon.Sense.image)(recon.Sense(MAPS, (1, 2, 1)), samples, Grid((8, 4, 1), (1.0, 1.0, 1.0)))


def test_refusals():
    grid = GRID
    with pytest.raises(InputError, match="folds 8 voxels together, which 6 coils cannot resolve"):
        recon.Sense(MAPS, (2, 4, 1))
    with pytest.raises(InputError, match="divide the matrix"):
        recon.Sense(MAPS, (1, 5, 1))
    with pytest.raises(InputError, match="take sensitivities"):
        recon.Sense(MAPS, (1, 2, 1)).image(SAMPLES[:4], grid)
    with pytest.raises(InputError, match="cannot be reconstructed on a grid"):
        recon.FullySampled().image(SAMPLES[:, :12], grid)
    with pytest.raises(InputError, match=r"write samples\[None\]"):
        unchecked(recon.FullySampled.image)(recon.FullySampled(), SAMPLES[0], grid)
    with pytest.raises(InputError, match="NaN"):
        recon.FullySampled().image(SAMPLES.at[0, 0, 0, 0].set(jnp.nan), grid)
    with pytest.raises(InputError, match="look alike to all coils"):
        recon.Sense(np.ones_like(MAPS), (1, 2, 1)).image(SAMPLES, grid)
    with pytest.raises(InputError, match="acquire a larger block"):
        recon.Grappa((1, 2, 1), (8, 8, 1)).image(SAMPLES, grid)
    thin = jnp.where(recon.regular_mask(grid.shape, (1, 2, 1), (24, 8, 1)), SAMPLES, 0)
    with pytest.raises(InputError, match="points at which no coil has a signal"):
        recon.Grappa((1, 2, 1), (24, 12, 1)).image(thin, grid)
    with pytest.raises(InputError, match="too small for patches"):
        recon.Espirit((8, 8, 1))
    with pytest.raises(InputError, match="eigenvalues above 0"):
        recon.SensitivityWeighted(MAPS, -np.eye(6))
    with pytest.raises(InputError, match="odd number of voxels"):
        recon.walsh(SAMPLES, 4)


def test_a_scan_with_coils_is_reconstructed_by_any_method(key):
    from physim import mri
    from physim_phantoms import Phantom

    water = np.clip(smooth_brain(), 0, 1).astype(np.float32)
    patient = Phantom.from_fractions(GRID, {"white_matter": water})
    raw = mri.scan(patient, mri.SpinEcho(3.0, 0.02), mri.Scanner(noise=0.0), key)
    samples = jnp.asarray(MAPS)[:, ..., :] * mri.reconstruct_complex(raw)
    seen = mri.KSpace(jnp.asarray(coil_samples(samples, np.ones(MAPS.shape))), GRID, coils=6)
    method = recon.Sense(MAPS, (1, 2, 1))
    assert nrmse(mri.reconstruct(seen, method=method), mri.reconstruct(raw)) < 1e-4
    fine = Grid((48, 48, 1), (1.0, 1.0, 5.0))
    assert nrmse(mri.reconstruct(seen, fine, method=method), mri.reconstruct(raw, fine)) < 1e-4
    with pytest.raises(InputError, match="write it with brackets"):
        unchecked(mri.reconstruct_complex)(seen, method=recon.Sense)
