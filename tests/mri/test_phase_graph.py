"""Phase graphs of voxels against closed forms: echoes of three pulses, Ernst, T2' and its refocusing, diffusion, boxes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from tests.mri.instant import pause, pulse, read

SCANNER = mri.Scanner()


def answer(sequence, **values):
    """All samples of one voxel of 1 mm at the centre."""
    place = values.pop("position", np.zeros((1, 3)))
    spins = mri.PhaseGraph(place, values.pop("size", 1.0), tolerance=1e-7, **values)
    return np.asarray(mri.simulate(spins, mri.Sequence(sequence), SCANNER))[0]


def test_a_free_decay_with_t2_prime_off_resonance_and_place():
    t2, t2_prime, shift, place, wound = 0.08, 0.03, 7.0, 12.0, 0.3
    blocks = [pulse(np.pi / 2), pause(20e-3, wound), read()]
    made = answer(
        blocks, t2=t2, t2_prime=t2_prime, off_resonance=shift, pd=0.7, position=np.array([[place, 0, 0]])
    )
    expected = 0.7j * np.exp(-0.02 / t2 - 0.02 / t2_prime - 2j * np.pi * (shift * 0.02 + wound * place))
    assert abs(made[0] - expected * np.sinc(wound)) < 2e-6


def test_five_echoes_of_three_pulses():
    flips, first, second = np.deg2rad([70.0, 50.0, 80.0]), 20e-3, 50e-3
    one, two, three = np.sin(flips)
    turned, turned_last = np.sin(flips[1:] / 2) ** 2
    rate = 300.0  # cycles/mm/s: whole cycles for every 10 ms
    wait = lambda time: pause(time, rate * time)
    blocks = [
        *(pulse(flips[0]), wait(first), pulse(flips[1]), wait(first), read(), wait(second - first)),
        *(pulse(flips[2]), wait(first), read(), wait(second - 2 * first), read(), wait(first), read()),
        *(wait(first), read()),
    ]
    made = np.abs(answer(blocks))
    expected = [
        one * turned,  # of the first two pulses
        one * two * three / 2,  # the stimulated one
        one * turned * turned_last,  # the first one again
        np.cos(flips[0]) * two * turned_last,  # of the last two pulses
        one * (1 - turned) * turned_last,  # of the first and the last
    ]
    assert np.abs(made - expected).max() < 2e-6


def test_a_spin_echo_refocuses_t2_prime_and_decays_on_both_sides_of_it():
    t2, t2_prime, half = 0.1, 0.02, 30e-3
    dwell = 1e-3
    samples = mri.Block(21 * 10**9, adc=mri.Adc(21, 10**9))
    blocks = [
        pulse(np.pi / 2),
        pause(half, 5.0),
        pulse(np.pi, np.pi / 2),
        pause(half - 10.5 * dwell, 5.0),
        samples,
    ]
    made = answer(blocks, t2=t2, t2_prime=t2_prime)
    away = (np.arange(21) - 10) * dwell
    expected = np.exp(-(2 * half + away) / t2 - np.abs(away) / t2_prime)
    assert np.abs(np.abs(made) - expected).max() < 5e-6


def test_ideal_spoiling_reaches_the_ernst_signal():
    t1, tr, flip = 0.6, 20e-3, np.deg2rad(25.0)
    # Every TR winds on by another amount along another axis: nothing ever comes back.
    blocks = []
    for number in range(120):
        blocks += [pulse(flip), read(), pause(tr, 3.0 * 1.37**number % 997.0)]
    made = answer(blocks, t1=t1, t2=1e-3)
    e1 = np.exp(-tr / t1)
    assert abs(abs(made[-1]) - np.sin(flip) * (1 - e1) / (1 - e1 * np.cos(flip))) < 1e-4


def test_diffusion_of_a_stimulated_echo():
    diffusivity, long, apart, k = 3e-2, 8e-3, 30e-3, 5.0
    blocks = [
        *(pulse(np.pi / 2), pause(long, k), pulse(np.pi / 2), pause(apart - long, 17.0), pulse(np.pi / 2)),
        *(pause(long, k), read()),
    ]
    made = answer(blocks, diffusivity=diffusivity)
    b = (2 * np.pi * k) ** 2 * (apart - long / 3)
    assert 0.1 < b * diffusivity < 5
    assert abs(abs(made[0]) - np.exp(-b * diffusivity) / 2) < 1e-5


def test_trains_agree_with_echoes_in_one_dimension():
    count, tr, te, wave = 30, 10e-3, 3e-3, 1.0
    flip = np.deg2rad(20 + 40 * np.sin(np.arange(count) / 5) ** 2)
    values = {"t1": 0.6, "t2": 0.08, "t2_prime": 0.05, "off_resonance": 4.0, "diffusivity": 2e-3, "b1": 0.9}
    blocks = []
    for one in flip:
        blocks += [pulse(float(one)), pause(te), read(), pause(tr - te, wave)]
    made = answer(blocks, **values)
    train = mri.Train(flip, tr=tr, te=te, wave=wave)
    truth = np.asarray(mri.echoes(mri.Atoms(**values), train, count + 1))[0]
    assert np.abs(made - truth).max() < 2e-5


def test_a_turned_box_shows_its_own_transform():
    angle = np.deg2rad(30.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    edges = turn * np.array([2.0, 3.0, 1.0])
    made = answer([pulse(np.pi / 2), pause(1e-3, 0.3), read()], size=edges)
    along = 0.3 * edges[0]
    assert abs(abs(made[0]) - abs(np.prod(np.sinc(along)))) < 1e-6


def test_what_it_does_not_follow_is_refused():
    spins = mri.PhaseGraph(np.zeros((1, 3)), t1=1.0, t2=0.1)
    sequence = mri.Sequence([pulse(1.0), pause(1e-3), read()])
    with pytest.raises(ValueError, match="spins_in"):
        mri.simulate(
            spins, sequence, mri.Scanner(gradients=mri.GradientSystem(concomitant=mri.ConcomitantFields()))
        )
    diffusing = mri.PhaseGraph(np.zeros((1, 3)), t1=1.0, t2=0.1, diffusivity=1e-3)
    with pytest.raises(ValueError, match="give the sequence itself"):
        mri.simulate(diffusing, mri.compile_sequence(sequence), SCANNER)
    for wrong in (
        {"size": 0.0},
        {"t1": 0.1, "t2": 0.3},
        {"tolerance": 0.0},
        {"pd": np.nan},
    ):
        with pytest.raises(ValueError, match=r"size|T2|tolerance|pd"):
            mri.PhaseGraph(np.zeros((1, 3)), **wrong)
    with pytest.raises(ValueError, match="configuration_graph"):
        jax.jit(lambda t1: mri.simulate(mri.PhaseGraph(np.zeros((1, 3)), t1=t1, t2=0.1), sequence, SCANNER))(
            jnp.float32(1.0)
        )
