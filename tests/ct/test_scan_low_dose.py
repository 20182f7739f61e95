"""Emulated low dose against scans at that dose: mean, variance, skewness, covariance of neighbours, noise power spectrum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.detection import (
    CompoundPoisson,
    Crosstalk,
    EnergyIntegrating,
    Lag,
    NonParalyzable,
    Paralyzable,
    PhotonCounting,
)
from physim.ct.low_dose import low_dose
from physim.ct.readings import Readings
from physim.ct.scan import scan
from physim.ct.source import Protocol
from physim_phantoms import Grid, Phantom

# Parallel rays through a slab: every pixel has the same mean, so one scan is 130 000 samples.
GRID = Grid((40, 30, 40), (5.0, 5.0, 5.0))
GEOMETRY = ct.parallel_beam(8, (128, 128), (0.8, 0.8), arc=1e-3)
SAMPLES = 8 * 128 * 128


def slab(name):
    """150 mm of water, or of water with 30 mm of bone."""
    volume = np.ones(GRID.shape, np.float32)
    bone = np.zeros(GRID.shape, np.float32)
    if name == "bone":
        bone[:, 12:18] = 1.0
    return Phantom.from_fractions(GRID, {"water": volume - bone, "cortical_bone": bone})


@pytest.fixture(autouse=True)
def _narrow_on_purpose():
    import warnings

    from physim.ct.coverage import TruncationWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        yield


def both(detector, fraction, name="water", mas=20.0, **how):
    """Readings at low dose: emulated from a scan, and scanned."""
    patient, protocol = slab(name), Protocol(mas=mas, detector=detector, rotation_time=1.0)
    made = low_dose(scan(patient, GEOMETRY, protocol, jax.random.key(1), **how), fraction, jax.random.key(2))
    lower = Protocol(mas=mas * fraction, detector=detector, rotation_time=1.0)
    true = scan(patient, GEOMETRY, lower, jax.random.key(3), **how)
    assert float(made.protocol.mas) == pytest.approx(mas * fraction, rel=1e-6)
    return made, true


def fluctuation(raw):
    signal = np.asarray(raw.signal, np.float64)
    return signal - signal.mean()


@pytest.mark.parametrize(("fraction", "electronic"), [(0.5, 500.0), (0.1, 500.0), (0.1, 5000.0)])
def test_energy_integrating_low_dose_has_the_right_moments(fraction, electronic):
    made, true = both(EnergyIntegrating(electronic_noise=electronic), fraction)
    ours, truth = fluctuation(made), fluctuation(true)
    error = np.sqrt(truth.var() / SAMPLES)
    assert abs(np.mean(np.asarray(made.signal, np.float64) - np.asarray(true.signal))) < 6 * error
    # Two variances of 131 000 samples: 0.6 %.
    assert ours.var() == pytest.approx(truth.var(), rel=0.02)
    skew = lambda x: np.mean(x**3) / x.var() ** 1.5
    assert skew(ours) == pytest.approx(skew(truth), abs=0.04)
    np.testing.assert_allclose(np.asarray(made.log()).mean(), np.asarray(true.log()).mean(), rtol=2e-3)


def test_behind_bone_the_variance_is_a_little_low():
    """30 mm of compact bone harden the beam more than the water that attenuates as much: 81 against 76 keV."""
    made, true = both(EnergyIntegrating(electronic_noise=0.0), 0.1, "bone")
    assert fluctuation(made).var() / fluctuation(true).var() == pytest.approx(
        1 - 0.9 * (1 - 76.07 / 80.94), abs=0.015
    )


def bands(noise, axis):
    """Noise power along one axis, eight bands of eight frequencies, the mean left out."""
    power = np.moveaxis(np.abs(np.fft.rfft(noise, axis=axis)) ** 2, axis, -1)
    return power.mean(axis=(0, 1, 2))[1:].reshape(8, 8).mean(axis=1)


def test_correlated_noise_keeps_its_covariance_and_power_spectrum():
    """Twelve scans' noise: along columns and rows, eight bands each, as in a true low-dose scan within 2 %.

    A band has 12 scans × 6 views × 128 lines × 8 frequencies, so a ratio of two has a standard error of 0.52 %; that of
    two variances of 1.2 million values has one of 0.18 %, and the difference of two correlations one of 0.13 %.
    """
    detector = EnergyIntegrating(
        electronic_noise=3000.0, optical_crosstalk=Crosstalk(row=0.02, column=0.06), lag=Lag((0.2,), (4e-5,))
    )
    patient, protocol = slab("water"), Protocol(mas=5.0, detector=detector, rotation_time=1.0)
    lower = Protocol(mas=5.0 * 0.25, detector=detector, rotation_time=1.0)
    read = jax.jit(jax.vmap(lambda key, taken: scan(patient, GEOMETRY, taken, key).signal, (0, None)))
    lowered = jax.jit(jax.vmap(lambda y, k: low_dose(Readings(y, GEOMETRY, protocol), 0.25, k).signal))
    keys = jax.random.split(jax.random.key(7), (3, 12))
    made, true = lowered(read(keys[0], protocol), keys[1]), read(keys[2], lower)
    # The first two views are still filling up with lag; the mean over scans of the same view is free of its noise.
    ours, truth = (np.asarray(x, np.float64)[:, 2:] for x in (made, true))
    ours, truth = (x - x.mean(axis=(0, 2, 3), keepdims=True) for x in (ours, truth))
    assert ours.var() == pytest.approx(truth.var(), rel=0.006)
    for axis, name in ((1, "view"), (2, "row"), (3, "column")):
        neighbours = lambda x, axis=axis: np.mean(
            np.take(x, range(1, x.shape[axis]), axis) * np.take(x, range(x.shape[axis] - 1), axis)
        )
        share = neighbours(truth) / truth.var()
        assert share > 0.02, name
        assert neighbours(ours) / ours.var() == pytest.approx(share, abs=0.005), name
    for axis in (2, 3):
        np.testing.assert_allclose(bands(ours, axis), bands(truth, axis), rtol=0.02)


@pytest.mark.parametrize(
    "pile_up", [None, NonParalyzable(2e-9), pytest.param(Paralyzable(7e-10), marks=pytest.mark.slow)]
)
def test_photon_counting_low_dose_is_thinned(pile_up):
    made, true = both(PhotonCounting((25.0, 60.0), pile_up=pile_up), 0.2, mas=1.0, noise=CompoundPoisson())
    for channel in (0, 1):
        ours, truth = (np.asarray(r.signal[channel], np.float64) for r in (made, true))
        np.testing.assert_array_equal(ours, np.round(ours))
        assert ours.mean() == pytest.approx(truth.mean(), rel=5e-3)
        assert ours.var() == pytest.approx(truth.var(), rel=0.02)
        assert ours.var() == pytest.approx(ours.mean(), rel=0.02)


def test_the_whole_dose_is_the_scan_itself():
    detector = EnergyIntegrating()
    raw = scan(slab("water"), GEOMETRY, Protocol(mas=5.0, detector=detector), jax.random.key(1))
    np.testing.assert_allclose(low_dose(raw, 1.0, jax.random.key(2)).signal, raw.signal, rtol=1e-6)


def test_starved_readings_stay_finite_and_bad_fractions_are_refused():
    protocol = Protocol(mas=5.0)
    raw = Readings(jnp.zeros(GEOMETRY.sinogram_shape), GEOMETRY, protocol)
    made = low_dose(raw, 0.1, jax.random.key(0))
    assert np.all(np.isfinite(made.log()))
    assert np.all(np.asarray(made.signal) >= 0)
    with pytest.raises(ValueError, match=r"fraction is 1\.5; it must lie between 0\.0001 and 1"):
        low_dose(raw, 1.5, jax.random.key(0))
    with pytest.raises(ValueError, match="1 NaN"):
        low_dose(
            Readings(jnp.asarray(raw.signal).at[0, 0, 0].set(np.nan), GEOMETRY, protocol),
            0.5,
            jax.random.key(0),
        )


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_low_dose_is_differentiable_in_the_fraction():
    raw = scan(slab("water"), ct.parallel_beam(1, (2, 4), (0.8, 0.8)), Protocol(), jax.random.key(1))
    slope = jax.grad(lambda f: jnp.sum(low_dose(raw, f, jax.random.key(2)).log()))(0.5)
    assert np.isfinite(slope)
