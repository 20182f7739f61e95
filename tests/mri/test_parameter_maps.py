"""Parameter maps: exact without noise, at the Cramér-Rao bound with it, unbiased at the noise floor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.mri import maps
from physim_phantoms import InputError
from tests.helper import assert_gradient, unchecked

VOXELS = (50, 80)
ECHOES = np.array([0.01, 0.03, 0.05, 0.08, 0.12])
INVERSIONS = np.array([1.1, 0.05, 0.4, 2.5, 0.8])
ANGLES = np.array([0.05, 0.12, 0.30])
TR = 0.015


def decaying(p):
    return p[0] * np.exp(-ECHOES / p[1])


def recovering(p):
    return p[1] + p[2] * np.exp(-INVERSIONS / p[0])


def spoiled(p):
    e1 = np.exp(-TR / p[0])
    return p[1] * np.sin(ANGLES) * (1 - e1) / (1 - np.cos(ANGLES) * e1)


def bound(model, p, noise):
    """Cramér-Rao bound of every parameter, by central differences of the model in NumPy."""
    p = np.asarray(p, float)
    columns = []
    for i in range(len(p)):
        step = np.zeros(len(p))
        step[i] = 1e-5 * abs(p[i])
        columns.append((model(p + step) - model(p - step)) / (2 * step[i]))
    jacobian = np.stack(columns, axis=1)
    return noise * np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))


def repeated(model, p, noise, seed=0):
    rng = np.random.default_rng(seed)
    clean = model(np.asarray(p, float))[:, None, None]
    return jnp.asarray((clean + noise * rng.standard_normal((len(clean), *VOXELS))).astype(np.float32))


def assert_at_bound(found, truth, limit):
    found = np.asarray(found, float)
    assert abs(found.mean() - truth) < 0.1 * limit + 0.003 * truth
    assert 0.9 < found.std() / limit < 1.1


def of_many(model, parameters):
    return jnp.asarray(np.stack([model(p) for p in parameters], axis=1).astype(np.float32))


def test_decays_without_noise():
    truth = [(a, t) for a in (0.1, 300.0) for t in (0.005, 0.04, 0.09, 1.5)]
    # One scale for all voxels: a faint voxel beside a bright one is fitted as well.
    found = maps.decay(of_many(decaying, truth), ECHOES)
    np.testing.assert_allclose(found.time, [t for _, t in truth], rtol=2e-4)
    np.testing.assert_allclose(found.amplitude, [a for a, _ in truth], rtol=2e-4)


def test_decays_at_the_bound():
    noise, truth = 0.02, (1.0, 0.06)
    found = maps.decay(jnp.abs(repeated(decaying, truth, noise)), ECHOES)
    assert_at_bound(found.time, truth[1], bound(decaying, truth, noise)[1])


def test_decays_into_the_noise_floor():
    noise, truth = 0.05, (1.0, 0.03)
    rng = np.random.default_rng(4)
    times = np.linspace(0.005, 0.15, 12)
    clean = np.exp(-times / truth[1])[:, None, None]
    shape = (len(times), *VOXELS)
    raw = clean + noise * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    magnitudes = jnp.asarray(np.abs(raw).astype(np.float32))
    naive, aware = (np.asarray(maps.decay(magnitudes, times, sigma).time) for sigma in (0.0, noise))
    assert np.median(naive) > 1.05 * truth[1]
    assert abs(aware.mean() / truth[1] - 1) < 0.02


def test_inversion_recovery_without_noise():
    truth = [(t1, a, b * a) for t1 in (0.15, 0.8, 1.4, 4.0) for a in (1.0, 40.0) for b in (-2.0, -1.8)]
    signals = of_many(recovering, truth)
    for polarity, given in ((maps.Signed(), signals), (maps.Magnitudes(), jnp.abs(signals))):
        found = maps.inversion_recovery(given, INVERSIONS, polarity)
        np.testing.assert_allclose(found.t1, [p[0] for p in truth], rtol=2e-3)
        np.testing.assert_allclose(found.swing, [p[2] for p in truth], rtol=2e-3)


def test_signed_recovery_of_a_whole_slice():
    """As many voxels as an image has: a program of fewer is another one, and this one crashed."""
    t1 = np.linspace(0.05, 2.0, 128 * 128, dtype=np.float32).reshape(128, 128)
    times = np.geomspace(0.025, 3.6, 11).astype(np.float32)
    signals = 1 - 2 * np.exp(-times[:, None, None] / t1)
    found = maps.inversion_recovery(signals, times, maps.Signed())
    np.testing.assert_allclose(found.t1, t1, rtol=1e-4)


def test_inversion_recovery_at_the_bound():
    noise, truth = 0.015, (0.9, 1.0, -1.9)
    found = maps.inversion_recovery(repeated(recovering, truth, noise), INVERSIONS, maps.Signed())
    assert_at_bound(found.t1, truth[0], bound(recovering, truth, noise)[0])
    magnitudes = maps.inversion_recovery(jnp.abs(repeated(recovering, truth, noise)), INVERSIONS)
    assert_at_bound(magnitudes.t1, truth[0], bound(recovering, truth, noise)[0])


def test_variable_flip_angle_without_noise_and_at_the_bound():
    truth = [(t1, m0) for t1 in (0.3, 0.9, 1.4, 4.0) for m0 in (0.5, 20.0)]
    found = maps.variable_flip_angle(of_many(spoiled, truth), ANGLES, TR)
    np.testing.assert_allclose(found.t1, [p[0] for p in truth], rtol=2e-3)
    np.testing.assert_allclose(found.equilibrium, [p[1] for p in truth], rtol=2e-3)
    noise, one = 5e-4, (1.0, 1.0)
    noisy = maps.variable_flip_angle(repeated(spoiled, one, noise), ANGLES, TR)
    assert_at_bound(noisy.t1, one[0], bound(spoiled, one, noise)[0])


def test_variable_flip_angle_knows_b1():
    b1 = np.array([0.8, 1.0, 1.2], np.float32)
    e1 = np.exp(-TR / 1.3)
    own = ANGLES[:, None] * b1
    signals = np.sin(own) * (1 - e1) / (1 - np.cos(own) * e1)
    found = maps.variable_flip_angle(jnp.asarray(signals.astype(np.float32)), ANGLES, TR, b1)
    np.testing.assert_allclose(found.t1, 1.3, rtol=2e-3)


def directions():
    n = np.arange(15) + 0.5
    z, angle = 1 - n / 15, np.pi * (1 + 5**0.5) * n
    points = np.stack([np.cos(angle) * np.sqrt(1 - z**2), np.sin(angle) * np.sqrt(1 - z**2), z], axis=1)
    return np.concatenate([np.zeros((1, 3)), points])


B = np.array([0.0] + [1000.0] * 15)
TENSOR = np.array([[1.7, 0.1, 0.2], [0.1, 0.4, 0.05], [0.2, 0.05, 0.3]]) * 1e-3


def diffusing(p):
    xx, yy, zz, xy, xz, yz = p[1:] * 1e-3
    d = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return p[0] * np.exp(-B * np.einsum("mi,ij,mj->m", directions(), d, directions()))


def test_diffusion_tensor_without_noise_and_at_the_bound():
    d = TENSOR * 1e3
    p = np.array([1.0, d[0, 0], d[1, 1], d[2, 2], d[0, 1], d[0, 2], d[1, 2]])
    found = maps.diffusion_tensor(of_many(diffusing, [p, p * [50, 1, 1, 1, 1, 1, 1]]), B, directions())
    np.testing.assert_allclose(found.tensor, [TENSOR] * 2, rtol=1e-3, atol=1e-6)
    eigen = np.linalg.eigvalsh(TENSOR)
    fa = np.sqrt(1.5 * np.sum((eigen - eigen.mean()) ** 2) / np.sum(eigen**2))
    np.testing.assert_allclose(found.fractional_anisotropy, fa, rtol=1e-3)
    np.testing.assert_allclose(found.mean_diffusivity, eigen.mean(), rtol=1e-3)
    noise = 0.01
    noisy = maps.diffusion_tensor(jnp.abs(repeated(diffusing, p, noise)), B, directions())
    assert_at_bound(noisy.tensor[..., 0, 0], TENSOR[0, 0], 1e-3 * bound(diffusing, p, noise)[1])


def test_apparent_diffusion_coefficient():
    b = np.array([0.0, 400.0, 1000.0])
    truth = np.array([0.3e-3, 0.8e-3, 3e-3])
    signals = jnp.asarray((7 * np.exp(-b[:, None] * truth)).astype(np.float32))
    found = maps.adc(signals, b)
    np.testing.assert_allclose(found.adc, truth, rtol=1e-4)
    np.testing.assert_allclose(found.unweighted, 7, rtol=1e-4)


def fingerprinting():
    rng = np.random.default_rng(5)
    t1, t2 = np.meshgrid(np.linspace(0.3, 3, 20), np.linspace(0.03, 0.3, 20), indexing="ij")
    time = np.cumsum(0.01 * (1 + rng.random(120)))[:, None]
    weights = 1 + 0.5 * np.sin(9 * time)
    atoms = np.exp(-time / t2.ravel()) + weights * (1 - np.exp(-time / t1.ravel()))
    return atoms.astype(np.float32), np.stack([t1.ravel(), t2.ravel()]).astype(np.float32)


@pytest.mark.parametrize("rank", [None, 12])
def test_fingerprints_are_found(rank):
    atoms, values = fingerprinting()
    rng = np.random.default_rng(6)
    chosen = rng.integers(0, atoms.shape[1], (6, 7))
    density = rng.standard_normal((6, 7)) + 1j * rng.standard_normal((6, 7))
    signals = jnp.asarray((density * atoms[:, chosen]).astype(np.complex64))
    found = maps.match(signals, maps.dictionary(atoms, values, rank))
    assert np.mean(np.all(np.asarray(found.values) == values[:, chosen], axis=0)) == 1.0
    np.testing.assert_allclose(found.amplitude, density, rtol=1e-3)
    np.testing.assert_allclose(found.similarity, 1, atol=1e-4)


def test_outside_the_mask_and_where_nothing_is_there_is_zero():
    signals = of_many(decaying, [(1.0, 0.05)] * 3).at[:, 2].set(0)
    found = maps.decay(signals, ECHOES, mask=np.array([True, False, True]))
    np.testing.assert_array_equal(np.asarray(found.time)[1:], 0)
    for leaf in jax.tree.leaves(maps.inversion_recovery(jnp.zeros((5, 2)), INVERSIONS)):
        np.testing.assert_array_equal(leaf, 0)
    for leaf in jax.tree.leaves(maps.variable_flip_angle(jnp.zeros((3, 2)), ANGLES, TR)):
        np.testing.assert_array_equal(leaf, 0)


@pytest.mark.usefixtures("x64")
def test_derivatives_of_maps():
    signals = jnp.asarray(np.stack([decaying((a, t)) for a, t in ((1.0, 0.05), (2.0, 0.09))], axis=1))
    weighted = lambda s: jnp.sum(maps.decay(s, ECHOES).time * jnp.array([1.0, 3.0]))
    assert_gradient(weighted, signals, 1e-4, directions=1)


def test_refusals():
    with pytest.raises(InputError, match="one measurement per value"):
        unchecked(maps.decay)(jnp.ones((4, 3)), ECHOES)
    with pytest.raises(InputError, match=r"write jnp\.abs"):
        maps.decay(-jnp.ones((5, 3)), ECHOES)
    with pytest.raises(InputError, match="NaN"):
        maps.decay(jnp.full((5, 3), jnp.nan), ECHOES)
    with pytest.raises(InputError, match="at least 4: measure more"):
        maps.inversion_recovery(jnp.ones((3, 3)), np.array([0.1, 0.5, 1.0]))
    with pytest.raises(InputError, match="rad"):
        maps.variable_flip_angle(jnp.ones((3, 3)), np.array([3.0, 10.0, 17.0]), TR)
    with pytest.raises(InputError, match="length 2"):
        maps.diffusion_tensor(jnp.ones((16, 3)), B, 2 * directions())
    with pytest.raises(InputError, match="tensor's 6 numbers"):
        maps.diffusion_tensor(jnp.ones((16, 3)), B, np.tile([1.0, 0, 0], (16, 1)))
    atoms, values = fingerprinting()
    with pytest.raises(InputError, match="same sequence"):
        maps.match(jnp.ones((5, 2), jnp.complex64), maps.dictionary(atoms, values))
    with pytest.raises(InputError, match="mask has shape"):
        unchecked(maps.decay)(jnp.ones((5, 3)), ECHOES, mask=np.ones(2, bool))
