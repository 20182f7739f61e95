"""RF spoiling at every phase increment, in front of the gradient and behind it: configuration states, and bundles of
isochromats, against states in plain NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from tests.mri.instant import pause, pulse, read
from tests.mri.precisions import SLOW, float32_quickly

T1, T2, TR, TE = 0.6, 0.08, 10e-3, 3e-3
FLIP = np.deg2rad(25.0)
SPINS, COUNT, ORDERS = (
    128,
    120,
    64,
)  # what winds up through 64 orders and down again has decayed by exp(−2 · 64 TR / T2)
EVERY_DEGREE = np.arange(1, 181)


def phases_of(increments) -> np.ndarray:
    """Quadratic phases of the pulses, rad: increments × pulses."""
    numbers = np.arange(COUNT)
    return np.deg2rad(increments[:, None] * numbers * (numbers + 1) / 2) % (2 * np.pi)


def by_numpy(phases, behind: bool) -> np.ndarray:
    """The echoes of many trains by the textbook's matrices: Weigel, J. Magn. Reson. Imaging 41 (2015) 266, eq. 18 and 23.

    The textbook turns counterclockwise: its signal is the conjugate of ours.
    """
    plus, minus, along = (np.zeros((len(phases), COUNT + 2), complex) for _ in range(3))
    along[:, 0] = 1.0
    c, s = np.cos(FLIP / 2) ** 2, np.sin(FLIP / 2) ** 2

    def relaxed(plus, minus, along, time):
        e1, e2 = np.exp(-time / T1), np.exp(-time / T2)
        along = along * e1
        along[:, 0] += 1 - e1
        return plus * e2, minus * e2, along

    signal = []
    for phase in phases.T:
        turn = np.exp(1j * phase)[:, None]
        plus, minus, along = (
            c * plus + s * turn**2 * minus - 1j * np.sin(FLIP) * turn * along,
            s * turn**-2 * plus + c * minus + 1j * np.sin(FLIP) / turn * along,
            0.5j * np.sin(FLIP) * (turn * minus - plus / turn) + np.cos(FLIP) * along,
        )
        if not behind:
            plus, minus, along = relaxed(plus, minus, along, TE)
            signal.append(plus[:, 0] / turn[:, 0])
        plus, minus, along = relaxed(plus, minus, along, TR if behind else TR - TE)
        plus, minus = np.roll(plus, 1, axis=1), np.roll(minus, -1, axis=1)
        minus[:, -1] = 0
        plus[:, 0] = np.conj(minus[:, 0])
        if behind:
            signal.append(plus[:, 0] / turn[:, 0])
    return np.conj(np.stack(signal, axis=1))


def bundle() -> mri.Isochromats:
    """Spins that one order of winding, 1 cycle/mm, turns by equidistant phases."""
    place = np.zeros((SPINS, 3))
    place[:, 0] = (np.arange(SPINS) + 0.5) / SPINS - 0.5
    return mri.Isochromats(place, pd=1 / SPINS, t1=T1, t2=T2)


def by_spins(phases, behind: bool) -> np.ndarray:
    """The sequence of instant pulses, compiled once: the phases of its pulses and of its receiver are traced."""
    blocks = []
    for _ in range(COUNT):
        blocks.append(pulse(FLIP))
        blocks += [pause(TR, 1.0), read()] if behind else [pause(TE), read(), pause(TR - TE, 1.0)]
    program, spins = mri.compile_sequence(mri.Sequence(blocks)), bundle()

    def one(cycles):
        played = eqx.tree_at(lambda p: (p.periods.phase, p.samples.phase), program, (cycles, cycles))
        return mri.simulate(spins, played, mri.Scanner(), mri.Direct())[0]

    return np.asarray(jax.lax.map(one, jnp.asarray(phases / (2 * np.pi))))


def by_states(phases, behind: bool) -> np.ndarray:
    te, windings = (TR, (1, 0)) if behind else (TE, (0, 1))
    before, after = (mri.Winding(orders) for orders in windings)

    def one(some):
        train = mri.Train(np.full(COUNT, FLIP), some, tr=TR, te=te, before=before, after=after)
        return mri.echoes(mri.Atoms(T1, T2), train, ORDERS)[0]

    return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(phases)))


@float32_quickly
@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("behind", [False, pytest.param(True, marks=SLOW)], ids=["in front", "behind"])
def test_spoiling_by_the_phase_of_the_pulses_at_every_degree(behind):
    phases = phases_of(EVERY_DEGREE)
    truth = by_numpy(phases, behind)
    assert np.abs(by_states(phases, behind) - truth).max() < 1e-5
    assert np.abs(by_spins(phases, behind) - truth).max() < 1e-5
    curve = np.abs(truth[:, -1])
    assert max(curve) > 1.5 * min(curve)  # it does matter
    if not behind:
        e1 = np.exp(-TR / T1)
        ernst = np.sin(FLIP) * (1 - e1) / (1 - e1 * np.cos(FLIP)) * np.exp(-TE / T2)
        assert abs(curve[EVERY_DEGREE == 117][0] / ernst - 1) < 0.1


def test_echoes_behind_the_gradient_of_pulses_in_phase():
    phases = np.zeros((1, COUNT))
    truth = by_numpy(phases, True)
    assert np.abs(by_states(phases, True) - truth).max() < 1e-5
    assert abs(truth[0, -1]) > 0.01
