"""Host compilation: exact moments, few pulses, exact times, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim import mri
from physim.mri.sequence import events
from physim.mri.sequence.waveforms import gradients_of
from physim_phantoms import InputError
from tests.helper import unchecked
from tests.mri.instant import instant, pause, pulse, read

RATE = 42.577478518  # Hz/mm per mT/m
US = 10**6


@given(
    st.floats(-30, 30), st.integers(0, 300), st.integers(0, 5000), st.integers(0, 300), st.integers(0, 100)
)
@settings(max_examples=50, deadline=None)
def test_moment_of_a_trapezoid_is_its_area(amplitude, rise, flat, fall, delay):
    gradient = mri.Trapezoid(amplitude, rise * US, flat * US, fall * US, delay * US)
    sequence = mri.Sequence([mri.block(gy=gradient), mri.Block(10 * US)])
    end = sequence.starts()[-1]
    area = amplitude * (flat + (rise + fall) / 2) * 1e-6 * RATE
    assert gradients_of(sequence).moment(np.array([end]))[0, 1] == pytest.approx(area, rel=1e-12, abs=1e-15)


def test_moment_within_ramps_is_a_parabola():
    gradient = mri.Trapezoid(20.0, 100 * US, 200 * US, 50 * US)
    curve = gradients_of(mri.Sequence([mri.block(gx=gradient)]))
    times = np.arange(0, 351, 10)
    slope = 20.0 * RATE / 100e-6
    truth = np.where(times <= 100, 0.5 * slope * (times * 1e-6) ** 2, np.nan)
    got = curve.moment(times * US)[:, 0]
    assert np.allclose(got[:11], truth[:11], rtol=1e-12)
    assert got[20] == pytest.approx(20.0 * RATE * 150e-6, rel=1e-12)


def test_a_waveform_may_begin_and_end_away_from_zero():
    times = np.array([0, 10 * US, 30 * US], np.int64)
    first = mri.Waveform(np.array([5.0, 9.0, 1.0]), times)
    second = mri.Waveform(np.array([1.0, 0.0]), np.array([0, 20 * US], np.int64))
    curve = gradients_of(mri.Sequence([mri.Block(30 * US, gz=first), mri.Block(20 * US, gz=second)]))
    area = (7.0 * 10 + 5.0 * 20 + 0.5 * 20) * 1e-6 * RATE
    assert curve.moment(np.array([50 * US]))[0, 2] == pytest.approx(area, rel=1e-12)
    assert curve.rate(np.array([0, 30 * US]))[:, 2] == pytest.approx([5.0 * RATE, 1.0 * RATE])


def test_rotation_turns_the_gradients():
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    jump = mri.Waveform(np.array([3.0, 3.0]), np.array([0, 100 * US], np.int64), delay=20 * US)
    slow = mri.Trapezoid(4.0, 50 * US, 60 * US, 30 * US)
    turned = mri.Sequence([mri.block(gx=jump, gy=slow, rotation=turn)])
    plain = mri.Sequence([mri.block(gx=jump, gy=slow)])
    times = np.arange(0, 141, 7) * US
    expected = gradients_of(plain).moment(times) @ turn.T
    assert np.allclose(gradients_of(turned).moment(times), expected, rtol=0, atol=1e-13)


def test_pulses_that_differ_in_phase_are_one_and_in_amplitude_are_two():
    blocks = [pulse(0.1, phase) for phase in (0.0, 1.0, 2.0)] + [pulse(0.2), pulse(0.1, -7.0)]
    program = mri.compile_sequence(mri.Sequence([*blocks, read()]))
    assert program.pulses <= 5
    shared = instant(0.1)
    fields = {name: getattr(shared, name) for name in shared.__dataclass_fields__}
    several = [mri.Block(1000, rf=mri.Rf(**{**fields, "phase_offset": phase})) for phase in (0.0, 1.0, 2.0)]
    other = mri.Block(1000, rf=mri.Rf(**{**fields, "amplitude": 1.0}))
    program = mri.compile_sequence(mri.Sequence([*several, other, read()]))
    assert (len(program.shapes), program.pulses) == (1, 2)
    assert list(program.periods.pulse) == [0, 0, 0, 1]


def test_equal_pulses_of_different_objects_are_one():
    program = mri.compile_sequence(mri.Sequence([pulse(0.1), pulse(0.1), read()]))
    assert (len(program.shapes), program.pulses) == (1, 1)


def test_times_and_k_count_from_the_end_of_the_pulse():
    blocks = [pause(0.25), pulse(0.3), pause(2e-3, 5.0), read(), pause(1e-3), pulse(0.3), read()]
    program = mri.compile_sequence(mri.Sequence(blocks))
    assert program.samples.time.value == pytest.approx([2e-3 + 1e-9, 1e-9], rel=1e-12)
    assert program.samples.k.value[:, 0] == pytest.approx([5.0, 0.0], rel=1e-12)
    assert program.periods.duration.value == pytest.approx([3e-3 + 2e-9, 2e-9], rel=1e-12)


def test_samples_before_the_first_pulse_are_silent():
    spins = mri.Isochromats(np.zeros((1, 3)))
    signal = mri.simulate(spins, mri.Sequence([read(), pulse(np.pi / 2), read()]), mri.Scanner())[0]
    assert abs(signal[0]) == 0
    assert abs(signal[1]) == pytest.approx(1, rel=1e-6)


def test_offsets_in_ppm_scale_with_the_field():
    adc = mri.Adc(2, 10**9, frequency_ppm=1.0)
    sequence = mri.Sequence([pulse(0.3), mri.Block(adc.end, adc=adc)])
    phases = mri.compile_sequence(sequence, field=3.0).samples.phase
    cycles = 42.577478518 * 3.0 * np.array([0.5e-3, 1.5e-3])
    assert phases == pytest.approx(cycles - np.round(cycles), rel=1e-9)


def test_a_read_out_during_a_pulse_is_refused():
    adc = mri.Adc(4, US)
    with pytest.raises(InputError, match="overlaps a pulse"):
        mri.Block(10 * US, rf=mri.sequences.hard_pulse(0.1, 10e-6), adc=adc)


def test_an_event_longer_than_its_block_is_refused():
    with pytest.raises(InputError, match=r"adc ends 4 µs .* lasts 1 µs"):
        mri.Block(US, adc=mri.Adc(4, US))


def test_an_empty_sequence_is_refused():
    with pytest.raises(InputError, match="no blocks"):
        mri.Sequence([])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mri.Adc(0, US), "at least 1"),
        (lambda: mri.Trapezoid(np.nan, US, US, US), "finite"),
        (lambda: mri.Trapezoid(1.0, -1, US, US), "negative"),
        (lambda: mri.Trapezoid(1.0, 1, US, US, -5), "0 or more"),
        (lambda: mri.Waveform(np.ones(2), np.array([5, 1])), "must rise"),
        (lambda: mri.Adc(3, US, phase_modulation=np.zeros(2)), "one phase for each of 3"),
    ],
)
def test_bad_events_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("times", "duration", "message"),
    [
        (np.array([0.0, 1.0]), 1, "whole picoseconds"),
        (np.array([0, 5]), 4, "must rise within 0 and its 4 ps"),
        (np.array([-1, 5]), 9, "run from -1 to 5 ps"),
    ],
)
def test_bad_times_are_refused(times, duration, message):
    with pytest.raises(InputError, match=message):
        unchecked(events._require_rising)("pulse", times, duration)
