"""Configuration states against bundles of isochromats: RF spoiling, steady states in front of and behind the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from tests.mri.instant import pause, pulse, read

T1, T2, TR, TE = 0.6, 0.08, 10e-3, 3e-3
FLIP = np.deg2rad(25.0)
BUNDLE = 128


def bundle() -> mri.Isochromats:
    """Spins that one order of winding, 1 cycle/mm, turns by equidistant phases."""
    place = np.zeros((BUNDLE, 3))
    place[:, 0] = (np.arange(BUNDLE) + 0.5) / BUNDLE - 0.5
    return mri.Isochromats(place, pd=1 / BUNDLE, t1=T1, t2=T2)


def by_spins(phases, behind: bool) -> mri.Program:
    """The sequence of instant pulses, its echoes in front of the gradient or behind it."""
    blocks = []
    for phase in phases:
        blocks.append(pulse(FLIP, float(phase)))
        if behind:
            blocks += [pause(TR, 1.0), read(phase=float(phase))]
        else:
            blocks += [pause(TE), read(phase=float(phase)), pause(TR - TE, 1.0)]
    return mri.compile_sequence(mri.Sequence(blocks))


@pytest.mark.usefixtures("precision")
def test_spoiling_by_the_phase_of_the_pulses():
    count, spins = 60, bundle()
    increments = np.array([1.0, *np.arange(9, 181, 9)])
    numbers = np.arange(count)
    phases = np.deg2rad(increments[:, None] * numbers * (numbers + 1) / 2) % (2 * np.pi)
    atoms = mri.Atoms(T1, T2)
    states = jax.jit(lambda p: mri.echoes(atoms, mri.Train(np.full(count, FLIP), p, tr=TR, te=TE), 61))
    curve = []
    for phase in phases:
        truth = np.asarray(mri.simulate(spins, by_spins(phase, False), mri.Scanner()))[0]
        got = np.asarray(states(jnp.asarray(phase)))[0]
        assert np.abs(got - truth).max() < 1e-4
        curve.append(abs(got[-1]))
    assert max(curve) > 1.5 * min(curve)  # it does matter
    e1 = np.exp(-TR / T1)
    ernst = np.sin(FLIP) * (1 - e1) / (1 - e1 * np.cos(FLIP)) * np.exp(-TE / T2)
    assert (
        abs(curve[int(np.argmin(np.abs(increments - 117)))] / ernst - 1) < 0.25
    )  # not yet steady after 60 pulses


def test_echoes_behind_the_gradient():
    count, spins = 60, bundle()
    phases = np.zeros(count)
    truth = np.asarray(mri.simulate(spins, by_spins(phases, True), mri.Scanner()))[0]
    train = mri.Train(np.full(count, FLIP), tr=TR, te=TR, before=mri.Winding(1), after=mri.Winding(0))
    got = np.asarray(mri.echoes(mri.Atoms(T1, T2), train, 61))[0]
    assert np.abs(got - truth).max() < 1e-4
    assert abs(got[-1]) > 0.01
