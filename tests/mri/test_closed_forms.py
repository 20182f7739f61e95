"""The simulator against closed forms, float32 and float64: free induction, echoes, inversion, steady states."""

import contextlib

import jax
import numpy as np
import pytest
from scipy.linalg import expm

from physim import mri
from tests.mri.instant import pause, pulse, read

T1, T2 = 0.8, 0.06
SCANNER = mri.Scanner()
ONE = np.zeros((1, 3))


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions; the tolerance is of the caller."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


def signal(blocks, spins) -> np.ndarray:
    return np.asarray(mri.simulate(spins, mri.Sequence(blocks), SCANNER))[0]


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("frequency", [0.0, 37.0, -140.0])
def test_free_induction_decay(frequency):
    spins = mri.Isochromats(ONE, t1=T1, t2=T2, off_resonance=frequency)
    adc = mri.Adc(200, 10**9)  # 1 ms
    time = (np.arange(200) + 0.5) * 1e-3
    truth = 1j * np.exp(-time / T2 - 2j * np.pi * frequency * time)
    got = signal([pulse(np.pi / 2), mri.Block(adc.end, adc=adc)], spins)
    assert np.abs(got - truth).max() < 1e-6


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("phase", [0.0, 0.7, -2.5])
def test_phase_of_pulse_and_receiver_cancel(phase):
    spins = mri.Isochromats(ONE, t1=T1, t2=T2, off_resonance=20.0)
    plain = signal([pulse(1.1), pause(3e-3), read()], spins)
    turned = signal([pulse(1.1, phase), pause(3e-3), read(phase=phase)], spins)
    assert np.abs(plain - turned).max() < 1e-6


@pytest.mark.usefixtures("precision")
def test_rotation_is_right_for_any_axis():
    flip, phase = 1.3, 0.4
    spins = mri.Isochromats(ONE)
    first, second = 0.9, -1.2
    got = signal([pulse(first, second), pulse(flip, phase), read()], spins)[0]
    m = np.array([0.0, 0.0, 1.0])
    for angle, axis in ((first, second), (flip, phase)):
        n = np.array([np.cos(axis), -np.sin(axis), 0.0])  # the pulse's axis; dM/dt = M × ω turns clockwise
        m = m * np.cos(angle) - np.cross(n, m) * np.sin(angle) + n * (n @ m) * (1 - np.cos(angle))
    assert abs(got - (m[0] + 1j * m[1])) < 1e-6


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("frequency", [300.0, -2000.0])
def test_rectangular_pulse_off_resonance(frequency):
    """The effective field of a pulse of 200 µs, with relaxation: exp of the Bloch matrix."""
    duration, flip = 200e-6, 1.9
    rf = mri.sequences.hard_pulse(flip, duration)
    spins = mri.Isochromats(ONE, t1=T1, t2=T2, off_resonance=frequency)
    got = np.asarray(mri.magnetisation(spins, mri.compile_sequence(mri.Sequence([mri.block(rf=rf)]))))[
        :, -1, 0
    ]
    x, z = flip / duration, 2 * np.pi * frequency
    a = np.array([[-1 / T2, z, 0, 0], [-z, -1 / T2, x, 0], [0, -x, -1 / T1, 1 / T1], [0, 0, 0, 0]])
    assert np.abs(got - (expm(a * duration) @ [0, 0, 1, 1])[:3]).max() < 1e-5


@pytest.mark.usefixtures("precision")
def test_inversion_recovery_and_its_null():
    spins = mri.Isochromats(ONE, t1=T1, t2=T2)
    for inversion in (0.1, 0.4, T1 * np.log(2)):
        got = signal([pulse(np.pi), pause(inversion), pulse(np.pi / 2), read()], spins)[0]
        assert abs(got - 1j * (1 - 2 * np.exp(-inversion / T1))) < 1e-6


@pytest.mark.usefixtures("precision")
def test_carr_purcell_meiboom_gill_with_weak_transmit_field_compensated():
    spacing, b1 = 8e-3, 0.8
    spins = mri.Isochromats(ONE, t1=T1, t2=T2, off_resonance=11.0, b1=b1)
    echo = [pause(spacing / 2), pulse(np.pi / b1, -np.pi / 2), pause(spacing / 2 - 1e-9), read()]
    got = signal([pulse(np.pi / 2 / b1), *echo * 16], spins)
    truth = 1j * np.exp(-(np.arange(16) + 1) * spacing / T2)
    assert np.abs(got - truth).max() < 1e-5


@pytest.mark.usefixtures("precision")
def test_three_pulses_make_five_echoes():
    first, second = 5e-3, 17e-3
    flips = (0.8, 1.9, 1.1)
    count, moment = (
        256,
        5.0,
    )  # cycles over 1 mm in the first interval: one each ms, and never as many as spins
    place = np.zeros((count, 3))
    place[:, 0] = (np.arange(count) + 0.5) / count
    spins = mri.Isochromats(place, pd=1 / count)
    rate = moment / first

    def free(time):
        return pause(time, rate * time)

    times = sorted([first, second - first, second, second + first])
    blocks, passed = [pulse(flips[0]), free(first), pulse(flips[1]), free(second), pulse(flips[2])], 0.0
    for time in times:
        blocks += [free(time - passed - 1e-9), read()]
        passed = time + 1e-9
    got = np.abs(signal(blocks, spins))
    s1, s2, s3 = np.sin(flips)
    truth = {
        first: 0.5 * s1 * s2 * s3,  # stimulated
        second - first: s1 * np.sin(flips[1] / 2) ** 2 * np.sin(flips[2] / 2) ** 2,  # of the first spin echo
        second: np.cos(flips[0]) * s2 * np.sin(flips[2] / 2) ** 2,  # of pulses 2 and 3
        second + first: s1 * np.cos(flips[1] / 2) ** 2 * np.sin(flips[2] / 2) ** 2,  # of pulses 1 and 3
    }
    assert np.abs(got - np.abs([truth[time] for time in times])).max() < 1e-5


@pytest.mark.usefixtures("precision")
def test_stimulated_echo_mode():
    echo, mixing = 5e-3, 40e-3
    count = 32
    place = np.zeros((count, 3))
    place[:, 0] = (np.arange(count) + 0.5) / count
    spins = mri.Isochromats(place, pd=1 / count, t1=T1, t2=T2)
    blocks = [pulse(np.pi / 2), pause(echo, 2.0), pulse(np.pi / 2), pause(mixing, 5.0), pulse(np.pi / 2)]
    got = signal([*blocks, pause(echo - 1e-9, 2.0), read()], spins)[0]
    assert abs(abs(got) - 0.5 * np.exp(-2 * echo / T2 - mixing / T1)) < 1e-5


@pytest.mark.usefixtures("precision")
def test_ernst_angle_with_ideal_spoiling():
    # T2 is a twentieth of TR: nothing transverse is left for the next pulse.
    tr, flip, t2 = 20e-3, np.radians(20), 1e-3
    spins = mri.Isochromats(ONE, t1=T1, t2=t2)
    blocks = [pulse(flip), read(), pause(tr - 3e-9)] * 150
    got = signal(blocks, spins)[-1]
    e1 = np.exp(-tr / T1)
    truth = 1j * np.sin(flip) * (1 - e1) / (1 - e1 * np.cos(flip))
    assert abs(got - truth) < 1e-6


def freeman_hill(flip, tr, frequency):
    """Balanced steady state right after the pulse: M = (I − R E)⁻¹ R b of one interval, by linear algebra."""
    e1, e2, angle = np.exp(-tr / T1), np.exp(-tr / T2), 2 * np.pi * frequency * tr
    c, s = np.cos(angle), np.sin(angle)
    free = np.array([[c * e2, s * e2, 0], [-s * e2, c * e2, 0], [0, 0, e1]])
    turn = np.array([[1, 0, 0], [0, np.cos(flip), np.sin(flip)], [0, -np.sin(flip), np.cos(flip)]])
    m = np.linalg.solve(np.eye(3) - turn @ free, turn @ np.array([0, 0, 1 - e1]))
    return m[0] + 1j * m[1]


@pytest.mark.usefixtures("precision")
def test_banding_of_balanced_steady_state():
    tr, flip = 8e-3, np.radians(35)
    frequencies = np.linspace(-1 / tr, 1 / tr, 33) + 0.7
    place = np.zeros((33, 3))
    spins = mri.Isochromats(place, t1=T1, t2=T2, off_resonance=frequencies)
    blocks = [pulse(flip), pause(tr - 1e-9)] * 700 + [pulse(flip)]
    program = mri.compile_sequence(mri.Sequence([*blocks, read()]))
    states = np.asarray(mri.magnetisation(spins, program))
    got = states[0, -1] + 1j * states[1, -1]
    truth = np.array([freeman_hill(flip, tr, f) for f in np.asarray(spins.off_resonance, float)])
    assert np.abs(got - truth).max() < 1e-5
