"""Trains of weak refocusing pulses and hyperechoes, by bundles of isochromats and by phase graphs, against closed forms."""

import numpy as np
import pytest

from physim import mri
from tests.mri.instant import pause, pulse, read
from tests.mri.precisions import SLOW, float32_quickly

SPINS, COUNT, SPACING = 128, 24, 10e-3
FLIP = np.deg2rad(120.0)


def bundle(t1: float, t2: float) -> mri.Isochromats:
    """Spins that one winding, 1 cycle/mm, turns by equidistant phases."""
    place = np.zeros((SPINS, 3))
    place[:, 0] = (np.arange(SPINS) + 0.5) / SPINS - 0.5
    return mri.Isochromats(place, pd=1 / SPINS, t1=t1, t2=t2)


def graph(t1: float, t2: float) -> mri.PhaseGraph:
    """The same as a voxel of 1 mm, with all configurations that matter for 10⁻⁷."""
    return mri.PhaseGraph(np.zeros((1, 3)), 1.0, t1=t1, t2=t2, tolerance=1e-7)


def echo_train(flip: float, t1: float, t2: float) -> np.ndarray:
    """All echoes of a CPMG train of any refocusing angle, from their generating function.

    F(z) = ½ + ½ √[(1 + z E₂)(1 − z (E₁ + E₂) cos α + z² E₁E₂) / ((1 − z E₂)(1 − z (E₁ − E₂) cos α − z² E₁E₂))];
    Lukzen and Savelov, J. Magn. Reson. 185 (2007) 71. Its coefficients are taken on a circle within |z| < 1.
    """
    e1, e2, c = np.exp(-SPACING / t1), np.exp(-SPACING / t2), np.cos(flip)
    z = 0.9 * np.exp(2j * np.pi * np.arange(1024) / 1024)
    first = (1 + z * e2) / (1 - z * e2)
    second = (1 - z * (e1 + e2) * c + z**2 * e1 * e2) / (1 - z * (e1 - e2) * c - z**2 * e1 * e2)
    coefficients = np.fft.fft(0.5 + 0.5 * np.sqrt(first) * np.sqrt(second)) / 1024
    return coefficients[1 : COUNT + 1].real / 0.9 ** np.arange(1, COUNT + 1)


def simulated(kind, blocks, t1: float, t2: float) -> np.ndarray:
    return np.asarray(mri.simulate(kind(t1, t2), mri.Sequence(blocks), mri.Scanner()))[0]


@float32_quickly
@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("kind", [pytest.param(bundle, marks=SLOW), graph])
@pytest.mark.parametrize(("t1", "t2"), [(np.inf, np.inf), (0.3, 0.08)], ids=["lasting", "relaxing"])
def test_echoes_of_120_degree_pulses(kind, t1, t2):
    wait = pause(SPACING / 2 - 1e-9, 1.0)
    blocks = [pulse(np.pi / 2), *[wait, pulse(FLIP, -np.pi / 2), wait, read()] * COUNT]
    truth = echo_train(FLIP, t1, t2)
    assert abs(truth[0] - np.sin(FLIP / 2) ** 2 * np.exp(-SPACING / t2)) < 1e-12
    if np.isinf(t1):
        assert (
            abs(truth[-8:].mean() - np.sin(FLIP / 2)) < 2e-3
        )  # the pseudo-steady state; Alsop, MRM 37 (1997) 176
    assert np.abs(simulated(kind, blocks, t1, t2) - 1j * truth).max() < 1e-5


@float32_quickly
@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("kind", [bundle, pytest.param(graph, marks=SLOW)])
def test_hyperecho(kind):
    """−α, −φ in reverse behind a 180° pulse undoes any train: Hennig and Scheffler, Magn. Reson. Med. 46 (2001) 6."""
    rng = np.random.default_rng(3)
    flips, phases = rng.uniform(0.3, 2.5, 5), rng.uniform(-3, 3, 5)
    wait = pause(5e-3, 1.0)
    forth = [pulse(flip, phase) for flip, phase in zip(flips, phases, strict=True)]
    back = [pulse(flip, np.pi - phase) for flip, phase in zip(flips, phases, strict=True)]
    blocks = [pulse(np.pi / 2, np.pi / 2), wait]
    for one in forth:
        blocks += [one, wait]
    blocks += [read(), pulse(np.pi)]
    for one in reversed(back):
        blocks += [wait, one]
    middle, last = np.abs(simulated(kind, [*blocks, wait, read()], np.inf, np.inf))
    assert middle < 0.5
    assert abs(last - 1) < 1e-5
