"""Noise objects against photons counted one by one, and at counts so low that nothing is smooth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct.detection import Collected, CompoundPoisson, EnergyIntegrating, Noiseless, Quanta, QuantumNoise
from tests.helper import assert_gradient

ENERGIES = np.array([30.0, 60.0, 100.0])
CHANCE = np.array([0.9, 0.8, 0.5])
PIXELS = 200_000
QUANTA = Quanta(jnp.asarray(CHANCE[None], jnp.float32), jnp.asarray(ENERGIES[None], jnp.float32))


def read(noise, numbers, key, quanta=QUANTA, pixels=PIXELS):
    """Readings of many pixels, each hit by `numbers` photons on average."""
    photons = jnp.broadcast_to(jnp.asarray(numbers, jnp.float32)[:, None], (len(numbers), pixels))
    first, second = jax.random.split(key)
    return np.asarray(noise.quantum(second, noise.collect(first, quanta, photons)), np.float64)[0]


def photon_by_photon(numbers, seed=0):
    """Every photon of every pixel drawn, kept or lost, and its energy added."""
    rng = np.random.default_rng(seed)
    return sum(
        rng.binomial(rng.poisson(n, PIXELS), p) * e for n, p, e in zip(numbers, CHANCE, ENERGIES, strict=True)
    )


def skewness(x):
    return np.mean((x - x.mean()) ** 3) / x.std() ** 3


@pytest.mark.parametrize("noise", [QuantumNoise(), CompoundPoisson()])
def test_noise_has_the_moments_of_photons_counted_one_by_one(noise, key):
    numbers = np.array([8.0, 20.0, 5.0])
    ours, truth = read(noise, numbers, key), photon_by_photon(numbers)
    registered = numbers * CHANCE
    assert ours.mean() == pytest.approx(registered @ ENERGIES, rel=2e-3)
    # 200 000 samples: the standard error of a variance is 0.3 %.
    assert ours.var() == pytest.approx(registered @ ENERGIES**2, rel=0.01)
    assert skewness(ours) == pytest.approx(
        registered @ ENERGIES**3 / (registered @ ENERGIES**2) ** 1.5, abs=0.03
    )
    quantiles = [0.001, 0.1, 0.5, 0.9, 0.999]
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(truth, quantiles), rtol=0.03)


def test_exact_noise_is_exact_where_photons_are_few(key):
    """Mean 0.4 photons: the whole distribution, not its moments."""
    numbers = np.array([0.1, 0.3, 0.1])
    ours, truth = read(CompoundPoisson(), numbers, key), photon_by_photon(numbers)
    for value in (0.0, 30.0, 60.0, 90.0, 100.0):
        seen, expected = np.mean(np.abs(ours - value) < 1e-3), np.mean(truth == value)
        assert abs(seen - expected) < 5 * np.sqrt(2 * expected / PIXELS), value


def test_counts_without_a_size_are_poisson(key):
    counting = Quanta(jnp.asarray([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]], jnp.float32), None)
    photons = jnp.broadcast_to(jnp.asarray([3.0, 7.0, 2.0])[:, None], (3, PIXELS))
    made = CompoundPoisson().collect(key, counting, photons)
    counts = np.asarray(CompoundPoisson().quantum(key, made))
    np.testing.assert_array_equal(counts, np.round(counts))
    for channel, mean in enumerate((4.0, 7.0)):
        assert counts[channel].mean() == pytest.approx(mean, rel=0.01)
        assert counts[channel].var() == pytest.approx(mean, rel=0.01)
    assert abs(np.corrcoef(counts)[0, 1]) < 0.01


@pytest.mark.parametrize("noise", [QuantumNoise(), CompoundPoisson(), Noiseless()])
@pytest.mark.parametrize("number", [0.0, 1e-30, 1e-6, 0.01])
def test_no_photon_is_a_finite_reading(noise, number, key):
    values = read(noise, [number] * 3, key, pixels=1000)
    assert np.all(np.isfinite(values))
    if number < 1e-3:
        assert np.all(np.abs(values) < 60)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("noise", [QuantumNoise(), Noiseless()])
def test_differentiable_modes_match_central_differences(noise, key):
    quanta = Quanta(jnp.asarray(CHANCE[None]), jnp.asarray(ENERGIES[None]))

    def total(log_photons):
        photons = jnp.exp(log_photons).reshape(3, 4)
        return jnp.sum(jnp.log(noise.quantum(key, noise.collect(key, quanta, photons))))

    assert_gradient(total, jnp.linspace(4.0, 6.0, 12), tolerance=1e-7)


@pytest.mark.usefixtures("x64")
def test_gradient_without_photons_is_finite(key):
    quanta = Quanta(jnp.asarray(CHANCE[None]), jnp.asarray(ENERGIES[None]))
    for noise in (QuantumNoise(), CompoundPoisson()):
        slope = jax.grad(lambda n, noise=noise: jnp.sum(noise.quantum(key, noise.collect(key, quanta, n))))
        assert np.all(np.isfinite(slope(jnp.zeros((3, 4)))))


def test_the_gradient_of_the_exact_mode_is_that_of_the_mean(key):
    photons = jnp.full((3, 4), 50.0)
    slope = jax.grad(
        lambda n: jnp.sum(CompoundPoisson().quantum(key, CompoundPoisson().collect(key, QUANTA, n)))
    )
    np.testing.assert_allclose(slope(photons), np.repeat((CHANCE * ENERGIES)[:, None], 4, 1), rtol=1e-6)


def test_electronic_noise_is_gaussian_and_added(key):
    noise, detector = QuantumNoise(), EnergyIntegrating(electronic_noise=700.0)
    signal = jnp.full((1, PIXELS), 1e4)
    values = np.asarray(noise.electronic(key, signal, detector.electronic_noise), np.float64)
    assert values.mean() == pytest.approx(1e4, rel=1e-3)
    assert values.std() == pytest.approx(700, rel=0.01)
    assert abs(skewness(values)) < 0.03
    np.testing.assert_array_equal(Noiseless().electronic(key, signal, 700.0), signal)


def test_the_same_key_gives_the_same_bits(key):
    for noise in (QuantumNoise(), CompoundPoisson()):
        first, again, other = (read(noise, [5, 5, 5], k, pixels=500) for k in (key, key, jax.random.key(1)))
        np.testing.assert_array_equal(first, again)
        assert np.mean(first == other) < 0.1


def test_more_photons_scale_all_cumulants():
    made = QUANTA.cumulants(jnp.ones((3, 2))).scaled(2.5)
    again = QUANTA.cumulants(jnp.full((3, 2), 2.5))
    for name in ("mean", "variance", "third"):
        np.testing.assert_allclose(getattr(made, name), getattr(again, name), rtol=1e-6)
    assert isinstance(made, Collected)
