"""Detectors: absorption against NIST, pulses against a Monte Carlo of them, dead time against a simulated clock."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct.detection import (
    EnergyIntegrating,
    NonParalyzable,
    Paralyzable,
    PhotonCounting,
    QuantumNoise,
    cadmium_telluride,
    caesium_iodide,
    gadolinium_oxysulfide,
)
from physim.ct.detection.photon_counting import thinned
from physim.ct.detection.sensors import absorbed
from physim_phantoms import TISSUES
from tests.helper import assert_gradient

ENERGIES = np.arange(10, 150) + 0.5


def test_attenuation_of_caesium_iodide_is_nists():
    """Hubbell and Seltzer, NISTIR 5632 (1995), table 4: 60 keV, 7.921 cm²/g."""
    assert float(caesium_iodide().mass_attenuation(60.0)) == pytest.approx(7.921, rel=5e-3)


@pytest.mark.parametrize("make", [gadolinium_oxysulfide, caesium_iodide, cadmium_telluride])
def test_absorption_is_exponential_and_leaves_out_coherent_scattering(make):
    thin, thick = (np.asarray(absorbed(make(), t, ENERGIES), np.float64) for t in (0.01, 0.03))
    np.testing.assert_allclose(1 - thick, (1 - thin) ** 3, rtol=1e-4, atol=1e-6)
    narrow_beam = -np.expm1(-np.asarray(make().attenuation(ENERGIES), np.float64) * 0.01)
    assert np.all(thin < narrow_beam)
    assert np.all(thin > 0.85 * narrow_beam)


def test_energy_integrating_weight_is_energy_times_absorption():
    detector = EnergyIntegrating(caesium_iodide(), 0.6, fill_factor=0.7)
    truth = 0.7 * ENERGIES * np.asarray(absorbed(caesium_iodide(), 0.6, ENERGIES))
    np.testing.assert_allclose(detector.weight(ENERGIES)[0], truth, rtol=1e-6)
    # A gadolinium oxysulfide layer of 1.4 mm stops nearly all of a diagnostic beam.
    assert np.all(np.asarray(absorbed(gadolinium_oxysulfide(), 1.4, ENERGIES[:70])) > 0.94)


def test_any_tissue_can_be_the_sensor():
    assert EnergyIntegrating(TISSUES["aluminium"], 5.0).weight(ENERGIES).shape == (1, 140)


def pulses(energy, detector, count=400_000):
    """Counts per photon in each bin, pulse by pulse: shared or not, blurred, sorted."""
    rng = np.random.default_rng(1)
    shared = rng.random(count) < detector.charge_sharing
    part = np.where(shared, rng.random(count), 1.0)
    first = part * energy + detector.energy_resolution * rng.standard_normal(count)
    second = (1 - part) * energy + detector.energy_resolution * rng.standard_normal(count)
    edges = [*detector.thresholds, np.inf]
    binned = lambda heights: np.histogram(heights, edges)[0] / count
    return binned(first) + binned(second[shared])


@pytest.mark.parametrize("energy", [30.5, 52.5, 70.5, 119.5])
def test_pulse_heights_match_a_monte_carlo_of_pulses(energy):
    detector = PhotonCounting((20.0, 45.0, 70.0), energy_resolution=5.0, charge_sharing=0.3)
    ours = np.asarray(detector.response(np.array([energy])))[:, 0]
    np.testing.assert_allclose(ours, pulses(energy, detector), atol=4e-3)


def test_an_ideal_counter_sorts_without_error():
    detector = PhotonCounting((20.0, 60.0), energy_resolution=0.1, charge_sharing=0.0)
    ours = np.asarray(detector.response(ENERGIES))
    np.testing.assert_allclose(ours[0], (ENERGIES > 20) & (ENERGIES < 60), atol=1e-3)
    np.testing.assert_allclose(ours[1], ENERGIES > 60, atol=1e-3)


@pytest.mark.usefixtures("x64")
def test_counting_is_differentiable_in_all_its_numbers():
    def total(p):
        detector = PhotonCounting(
            (30 * p[0], 60 * p[1]), energy_resolution=4 * p[2], charge_sharing=0.2 * p[3]
        )
        return jnp.sum(detector.weight(jnp.asarray(ENERGIES)) ** 2)

    assert_gradient(total, jnp.asarray([1.0, 1.0, 1.0, 1.0]), tolerance=1e-6)


def clocked(rate, dead_time, paralyzable, duration=0.02, seed=0):
    """Counts of a pixel, photon after photon."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(1 / rate, int(1.1 * rate * duration)))
    times = times[times < duration]
    if paralyzable:
        return 1 + np.count_nonzero(np.diff(times) > dead_time)
    counts, free = 0, 0.0
    for t in times:
        if t >= free:
            counts, free = counts + 1, t + dead_time
    return counts


@pytest.mark.parametrize(("model", "paralyzable"), [(NonParalyzable, False), (Paralyzable, True)])
@pytest.mark.parametrize("rate", [1e6, 1e7])
def test_dead_time_matches_a_clock(model, paralyzable, rate):
    dead = 40e-9
    truth = clocked(rate, dead, paralyzable) / 0.02
    assert rate * float(model(dead).kept(jnp.asarray(rate))) == pytest.approx(truth, rel=0.01)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("model", [NonParalyzable(40e-9), Paralyzable(40e-9)])
def test_arriving_inverts_the_losses(model):
    rate = jnp.asarray([0.0, 1.0, 1e5, 3e6, 1e7, 2.2e7])
    np.testing.assert_allclose(model.arriving(rate * model.kept(rate)), rate, rtol=1e-6)


def test_losses_come_from_the_rate_of_all_bins(key):
    detector = PhotonCounting((30.0, 60.0), pile_up=NonParalyzable(1e-7))
    counts = jnp.broadcast_to(jnp.asarray([3000.0, 1000.0]).reshape(2, 1, 1, 1), (2, 3, 1, 1))
    made = QuantumNoise().collect(key, detector.quanta(ENERGIES), jnp.ones((140, 2)))
    made = type(made)(counts, counts, counts, None)
    durations = jnp.asarray([1e-3, 2e-3, 1e3])
    read = np.asarray(detector.counted(key, made, durations).mean)[:, :, 0, 0]
    kept = 1 / (1 + 4000 * 1e-7 / np.array([1e-3, 2e-3, 1e3]))
    np.testing.assert_allclose(read, np.outer([3000, 1000], kept), rtol=1e-5)


def test_thinned_poisson_numbers_stay_poisson(key):
    first, second = jax.random.split(key)
    counts = jax.random.poisson(first, 20.0, (60_000,)).astype(jnp.float32)
    left = np.asarray(thinned(second, counts, jnp.asarray(0.3)))
    assert left.mean() == pytest.approx(6.0, rel=5e-3)
    # 60 000 samples: the standard error of a variance is 0.6 %.
    assert left.var() == pytest.approx(6.0, rel=0.02)
    np.testing.assert_array_equal(thinned(second, jnp.zeros_like(counts), jnp.asarray(0.3)), 0)
    np.testing.assert_array_equal(thinned(second, jnp.full_like(counts, 7.0), jnp.asarray(1.0)), 7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnergyIntegrating(thickness=-1.0), "thickness is -1"),
        (lambda: EnergyIntegrating(fill_factor=1.2), "fill_factor is 1.2"),
        (lambda: EnergyIntegrating(electronic_noise=math.nan), "electronic_noise is nan"),
        (lambda: PhotonCounting(()), "give at least one in keV"),
        (lambda: PhotonCounting((50.0, 30.0)), "each above the one before"),
        (lambda: PhotonCounting((0.025, 30.0)), "thresholds is values from 0.025 to 30"),
        (lambda: PhotonCounting(charge_sharing=2.0), "charge_sharing is 2"),
        (lambda: NonParalyzable(25.0), "dead_time is 25; it must lie between 0 and 0.001 s"),
        (lambda: Paralyzable(-1e-9), "dead_time is -1e-09"),
    ],
)
def test_bad_detectors_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
