"""Free induction under a Lorentzian of off-resonances: exact in phase graphs, and how near bundles of spins come to it."""

import numpy as np
import pytest

from physim import mri
from physim.mri.lattice import lattice
from tests.helper import assert_order
from tests.mri.instant import pulse
from tests.mri.precisions import float32_quickly

T2, T2_PRIME, FREQUENCY = 0.09, 0.025, 37.0
ADC = mri.Adc(60, 10**9)
TIMES = (np.arange(60) + 0.5) * 1e-3


@float32_quickly
@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize(("t2", "frequency"), [(np.inf, 0.0), (T2, 0.0), (T2, FREQUENCY)])
def test_phase_graphs_decay_with_t2_prime(t2, frequency):
    voxel = mri.PhaseGraph(
        np.zeros((1, 3)),
        t2=t2,
        t1=1.0 if np.isfinite(t2) else np.inf,
        t2_prime=T2_PRIME,
        off_resonance=frequency,
    )
    sequence = mri.Sequence([pulse(np.pi / 2), mri.Block(ADC.end, adc=ADC)])
    got = np.asarray(mri.simulate(voxel, sequence, mri.Scanner()))[0]
    truth = 1j * np.exp(-TIMES / T2_PRIME - TIMES / t2 - 2j * np.pi * frequency * TIMES)
    assert np.abs(got - truth).max() < 1e-6


@pytest.mark.usefixtures("x64")
def test_bundles_of_spins_come_as_near_as_their_docstring_says():
    times = np.linspace(0.005, 2, 2000) * T2_PRIME

    def error(count):
        quantile = lattice(count)[:, 3] + 0.5
        spins = mri.Isochromats(np.zeros((count, 3)), t2_prime=T2_PRIME, quantile=quantile)
        decay = np.exp(-2j * np.pi * np.outer(times, spins.detuning)).mean(1)
        return np.abs(decay - np.exp(-times / T2_PRIME)).max()

    found = [error(count) for count in (16, 64, 256)]
    assert np.allclose(found, [0.20, 0.08, 0.03], rtol=0.05)
    assert_order(error, (64, 1024), 0.7)
