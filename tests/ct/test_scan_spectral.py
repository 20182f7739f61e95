"""Basis materials and the sum over energies, against every tissue and every energy by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.detection import EnergyIntegrating, Noiseless, PhotonCounting
from physim.ct.exposure import collect
from physim.ct.materials import basis, enough
from physim.ct.readings import Readings, air_signal
from physim.ct.source import ENERGIES, Beam, Protocol, beam
from physim_phantoms import TISSUES

KEY = jax.random.key(0)
GEOMETRY = ct.parallel_beam(2, (1, 4), (2.0, 2.0))
HEAD = ("air", "water", "grey_matter", "white_matter", "csf", "blood", "skin", "adipose", "muscle", "cranium")
WATER, BONE = np.array([0.0, 50.0, 200.0, 400.0]), np.array([0.0, 5.0, 20.0, 40.0])


def attenuation(name):
    return np.asarray(TISSUES[name].attenuation(ENERGIES), np.float64)


@pytest.mark.parametrize(("extra", "count"), [([], 3), (["iodinated_blood_10"], 4), (["titanium"], 4)])
def test_few_functions_of_energy_describe_every_tissue(extra, count):
    names = [*HEAD, *extra]
    tissues = tuple(TISSUES[name] for name in names)
    assert enough(tissues, jnp.asarray(ENERGIES)) == count
    made = basis(tissues, jnp.asarray(ENERGIES), count)
    ours = np.asarray(made.coefficients).T @ np.asarray(made.functions)
    truth = np.stack([attenuation(name) for name in names])
    assert np.max(np.abs(ours / truth - 1)[:, ENERGIES > 20]) < 1e-3


def collected(names, lengths, source, detector):
    """Cumulants behind given lengths of materials, one pixel for each."""
    views = source.spectrum.shape[0]
    paths = tuple(jnp.broadcast_to(jnp.asarray(p, jnp.float32), (views, 1, len(p))) for p in lengths)
    functions = jnp.asarray(np.stack([attenuation(n) for n in names]), jnp.float32)
    return collect(paths, functions, source, detector, Noiseless(), KEY)


def photons(source, names, lengths, view=0):
    """Photons of every energy and pixel, in float64."""
    arriving = np.asarray(source.spectrum, np.float64)[view][:, None]
    arriving = arriving * np.asarray(source.solid_angle, np.float64)[view, 0, 0]
    return arriving * np.exp(-sum(np.outer(attenuation(n), p) for n, p in zip(names, lengths, strict=True)))


@pytest.mark.parametrize("kvp", [80.0, 120.0, 140.0])
def test_cumulants_are_sums_over_all_energies(kvp):
    source = beam(Protocol(kvp=kvp), GEOMETRY)
    detector, names = EnergyIntegrating(), ("water", "cortical_bone")
    made = collected(names, (WATER, BONE), source, detector)
    number = (
        photons(source, names, (WATER, BONE)) * np.asarray(detector.quanta(ENERGIES).probability[0])[:, None]
    )
    for power, ours in ((1, made.mean), (2, made.variance), (3, made.third)):
        np.testing.assert_allclose(np.asarray(ours)[0, 0, 0], ENERGIES**power @ number, rtol=3e-3)
    log = lambda signal: np.log(signal[0] / signal[1:])
    np.testing.assert_allclose(log(np.asarray(made.mean)[0, 0, 0]), log(ENERGIES @ number), rtol=2e-4)


def test_counts_are_sums_over_all_energies():
    source, detector = beam(Protocol(), GEOMETRY), PhotonCounting()
    made = collected(("water",), (WATER,), source, detector)
    truth = np.asarray(detector.weight(ENERGIES), np.float64) @ photons(source, ("water",), (WATER,))
    np.testing.assert_allclose(np.asarray(made.mean)[:, 0, 0], truth, rtol=2e-3)
    assert made.variance is made.mean or np.array_equal(made.variance, made.mean)


def test_iodine_at_its_k_edge_is_summed_as_finely():
    source, detector, names = (
        beam(Protocol(kvp=80.0), GEOMETRY),
        EnergyIntegrating(),
        ("water", "iodinated_blood_10"),
    )
    lengths = (np.full(4, 150.0), np.array([0.0, 5.0, 20.0, 60.0]))
    ours = np.asarray(collected(names, lengths, source, detector).mean)[0, 0, 0]
    truth = np.asarray(detector.weight(ENERGIES), np.float64)[0] @ photons(source, names, lengths)
    np.testing.assert_allclose(np.log(ours[0] / ours[1:]), np.log(truth[0] / truth[1:]), rtol=1e-3)


def test_every_view_has_its_own_voltage():
    source, detector = beam(Protocol(kvp=jnp.asarray([80.0, 140.0])), GEOMETRY), EnergyIntegrating()
    made = np.asarray(collected(("water",), (WATER,), source, detector).mean)[0, :, 0]
    for view in (0, 1):
        truth = np.asarray(detector.weight(ENERGIES), np.float64)[0] @ photons(
            source, ("water",), (WATER,), view
        )
        np.testing.assert_allclose(made[view], truth, rtol=2e-3)


@pytest.mark.parametrize("moving", [False, True])
def test_filters_are_more_path_length(moving):
    """A filter whose thickness differs by pixel does what the same material in the patient does."""
    bare, names, detector = beam(Protocol(), GEOMETRY), ("water", "aluminium"), EnergyIntegrating()
    metal = np.array([0.0, 1.0, 4.0, 12.0])
    thickness = jnp.broadcast_to(jnp.asarray(metal).reshape(1, 1, 1, 4), (1, 2 if moving else 1, 1, 4))
    filtered = Beam(bare.spectrum, bare.solid_angle, jnp.asarray(attenuation("aluminium"))[None], thickness)
    ours = collected(("water",), (WATER,), filtered, detector).mean
    np.testing.assert_allclose(ours, collected(names, (WATER, metal), bare, detector).mean, rtol=1e-5)


def test_air_is_the_sum_over_the_spectrum():
    protocol = Protocol(kvp=100.0)
    source = beam(protocol, GEOMETRY)
    truth = (
        np.asarray(protocol.detector.weight(ENERGIES), np.float64)[0]
        @ np.asarray(source.spectrum, np.float64).T
    )
    ours = np.asarray(air_signal(protocol, GEOMETRY))
    assert ours.shape == (1, *GEOMETRY.sinogram_shape)
    np.testing.assert_allclose(ours[0, :, 0, 0], truth * float(source.solid_angle[0, 0, 0]), rtol=1e-5)


@pytest.mark.parametrize("detector", [EnergyIntegrating(), PhotonCounting()])
def test_logarithms_are_finite_and_zero_in_air(detector):
    protocol = Protocol(detector=detector)
    clear = air_signal(protocol, GEOMETRY)
    clear = clear if clear.shape[0] > 1 else clear[0]
    np.testing.assert_allclose(Readings(clear, GEOMETRY, protocol).log(), 0, atol=1e-6)
    dark = Readings(jnp.zeros_like(clear), GEOMETRY, protocol).log()
    assert np.all(np.isfinite(dark))
    assert np.all(dark > 5)
