"""Files by hand, of every revision: each number arrives where it belongs."""

import numpy as np
import pytest

from physim import mri
from physim.mri.sequence.waveforms import gradients_of
from tests.mri import pulseq_files as files

HERTZ = 1e3 / 42.577478518e6  # mT/m for Hz/m
US = 10**6  # ps


def read(text: str, folder) -> mri.Sequence:
    path = folder / "sequence.seq"
    path.write_text(text)
    return mri.read_pulseq(path)


def corners(event):
    """Times in µs and Hz/m."""
    times, values = event.knots()
    return (times / US).tolist(), np.round(values / HERTZ, 9).tolist()


def test_pulse_of_the_current_revision(tmp_path):
    rf = read(files.CURRENT, tmp_path).blocks[0].rf
    assert (rf.amplitude, rf.magnitude.tolist()) == (250.0, [0.5, 1.0])
    np.testing.assert_allclose(rf.phase, [0, np.pi / 2])
    assert (rf.times.tolist(), rf.duration) == ([500_000, 1_500_000], 2 * US)
    assert (rf.delay, rf.centre, rf.use) == (100 * US, 1_500_000, mri.Use.REFOCUSING)
    assert (rf.frequency_offset, rf.phase_offset, rf.frequency_ppm, rf.phase_ppm) == (40.0, 0.5, -3.45, 0.01)


def test_gradients_of_the_current_revision(tmp_path):
    sequence = read(files.CURRENT, tmp_path)
    assert [one.duration for one in sequence] == [200 * US, 100 * US, 120 * US]
    trapezoid, shaped, extended = sequence.blocks[1].gx, sequence.blocks[1].gy, sequence.blocks[2].gy
    assert trapezoid.amplitude == pytest.approx(-1.0)
    assert (trapezoid.rise, trapezoid.flat, trapezoid.fall, trapezoid.delay) == (20 * US, 50 * US, 30 * US, 0)
    assert corners(shaped) == ([60, 65, 75, 85, 95, 100], [0, 1000, 2000, 2000, 0, 8000])
    assert corners(extended) == ([0, 50, 120], [8000, 2000, 0])


def test_readout_labels_and_definitions_of_the_current_revision(tmp_path):
    sequence = read(files.CURRENT, tmp_path)
    adc = sequence.blocks[2].adc
    assert (adc.samples, adc.dwell, adc.delay) == (4, 20 * US, 10 * US)
    assert (adc.frequency_ppm, adc.phase_ppm, adc.frequency_offset, adc.phase_offset) == (
        0.1,
        0.2,
        -30.0,
        0.7,
    )
    assert adc.phase_modulation.tolist() == [0, 1, 4, 9]
    assert sequence.blocks[2].labels == (("SET", "SLC", 3), ("SET", "NAV", 1), ("INC", "LIN", 1))
    assert sequence.definitions["FOV"] == (220.0, 200.0, 5.0)
    assert sequence.definitions["Name"] == "by hand"


def test_fields_of_view_that_cannot_be_metres_are_millimetres(tmp_path):
    # As old toolboxes have them: 150 m fit into no scanner.
    old = files.V1_2.replace("Scan_ID 237", "FOV 150 150 1")
    assert read(old, tmp_path).definitions["FOV"] == (150.0, 150.0, 1.0)
    assert read(old.replace("150 150 1", "0.15 0.15 0.001"), tmp_path).definitions["FOV"] == (
        150.0,
        150.0,
        1.0,
    )


def test_revision_1_2(tmp_path):
    sequence = read(files.V1_2, tmp_path)
    pulse, wait, shaped, pause = sequence
    assert [one.duration / US for one in sequence] == [350, 5000, 120, 5000]
    assert (pulse.rf.amplitude, pulse.rf.delay, pulse.rf.duration) == (2500.0, 100 * US, 100 * US)
    assert (pulse.rf.magnitude == 1).all()
    assert (pulse.rf.frequency_offset, pulse.rf.phase_offset) == (12.5, 0.25)
    assert (pulse.rf.centre, pulse.rf.use) == (50 * US, mri.Use.UNDEFINED)
    assert corners(pulse.gz) == ([50, 60, 340, 350], [0, -20000, -20000, 0])
    assert wait.gx.end == 1000 * US
    # Four numbers for four samples: before 1.4 they are differences and runs all the same.
    assert corners(shaped.gy) == ([20, 25, 35, 45, 55, 60], [0, 5000, 15000, 25000, 35000, 40000])
    assert (shaped.adc.samples, shaped.adc.dwell, shaped.adc.delay) == (16, 5 * US, 40 * US)
    assert pause.events() == []
    assert sequence.definitions == {"Scan_ID": 237, "TE": 5}


def test_revision_1_3(tmp_path):
    sequence = read(files.V1_3, tmp_path)
    first = sequence.blocks[0]
    assert first.labels == (("SET", "ECO", 4),)
    (trigger,) = first.triggers
    assert (trigger.kind, trigger.channel) == (mri.TriggerKind.OUTPUT, 3)
    assert (trigger.delay, trigger.duration) == (500 * US, 100 * US)
    assert first.duration == 600 * US
    assert sequence.blocks[1].labels == ()


def test_revision_1_4(tmp_path):
    sequence = read(files.V1_4, tmp_path)
    rf = sequence.blocks[0].rf
    assert (rf.times.tolist(), rf.duration) == ([0, US, 2 * US, 3_500_000], 4 * US)
    assert (rf.centre, rf.frequency_offset, rf.phase_offset) == (1_500_000, 40.0, 0.5)
    assert (rf.use, rf.frequency_ppm) == (mri.Use.UNDEFINED, 0.0)
    assert sequence.blocks[2].adc.phase_offset == 0.7


def test_edges_of_revision_1_4(tmp_path):
    sequence = read(files.V1_4, tmp_path)
    rising, falling, beside, again = (
        sequence.blocks[1].gx, sequence.blocks[2].gx, sequence.blocks[2].gy, sequence.blocks[4].gx
    )  # fmt: skip
    # The end is on the line through the last two samples: 8000 + (8000 - 4000) / 2.
    assert corners(rising) == ([60, 65, 75, 85, 95, 100], [0, 1000, 2000, 4000, 8000, 10000])
    assert corners(falling) == ([0, 50, 120], [9000, 2250, 0])
    assert corners(beside) == corners(rising)
    assert again is rising


def test_a_shaped_gradient_goes_on_where_the_one_before_ended(tmp_path):
    text = files.V1_4.replace("3 12 0 4 3 0 1 0", "3 12 0 5 0 0 1 0").replace(
        "4 9000 4 6 0", "4 9000 4 6 0\n5 -8000 3 0 0"
    )
    event = read(text, tmp_path).blocks[2].gx
    assert corners(event) == ([0, 5, 15, 25, 35, 40], [10000, -1000, -2000, -4000, -8000, -10000])
    after_pause = text.replace("3 12 0 5", "3 12 0 0").replace("4 10 0 0", "4 10 0 5")
    assert corners(read(after_pause, tmp_path).blocks[3].gx)[1][0] == 0


def test_rotation_turns_the_gradients_of_its_block(tmp_path):
    text = files.CURRENT.replace("2 10 0 2 3 0 0 0", "2 10 0 2 0 0 0 4").replace(
        "3 4 2 0\n", "3 4 2 0\n4 7 1 0\n\nextension ROTATIONS 7\n1 0.707107 0 0 0.707107\n"
    )
    sequence = read(text, tmp_path)
    np.testing.assert_allclose(sequence.blocks[1].rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    rate = gradients_of(sequence).rate(np.array([250 * US]))[0]
    np.testing.assert_allclose(rate, [0, -42.577478518, 0], atol=1e-9)


def test_soft_delays_shims_and_inputs(tmp_path):
    text = files.CURRENT.replace(
        "1 20 1 0 0 0 0 0", "1 20 1 0 0 0 0 6\n4 500 0 0 0 0 0 4\n5 300 0 0 0 0 0 5"
    ).replace(
        "3 4 2 0\n",
        "3 4 2 0\n4 8 2 0\n5 9 1 0\n6 3 1 0\n\nextension DELAYS 8\n2 1 -9320 2.5 TE\n\nextension TRIGGERS 9\n1 2 1 5 2000\n\n"
        "extension RF_SHIMS 3\n1 2 0.7 0 1 1.5708\n",
    )
    sequence = read(text, tmp_path)
    soft = sequence.blocks[1].soft_delay
    assert (soft.number, soft.offset, soft.factor, soft.hint) == (1, -9320 * US, 2.5, "TE")
    (trigger,) = sequence.blocks[2].triggers
    assert (trigger.kind, trigger.channel, trigger.end) == (mri.TriggerKind.INPUT, 1, 2005 * US)
    shim = sequence.blocks[0].rf_shim
    assert (shim.magnitudes.tolist(), shim.phases.tolist()) == ([0.7, 1.0], [0.0, 1.5708])


def test_oversampled_gradient(tmp_path):
    text = files.CURRENT.replace("3 8000 0 8000 3 0 60", "3 8000 0 8000 5 -1 80").replace(
        "num_samples 3\n0\n5\n12", "num_samples 3\n0.25\n0.5\n1"
    ).replace("4 -8000 8000 0 4 5 0", "4 -8000 8000 0 4 0 0")  # fmt: skip
    assert corners(read(text, tmp_path).blocks[1].gy) == ([80, 85, 90, 95, 100], [0, 2000, 4000, 8000, 8000])


def test_unknown_extensions_are_left_out_with_a_warning(tmp_path):
    text = files.CURRENT.replace("extension LABELINC 5", "extension NOISES 5")
    with pytest.warns(mri.PulseqWarning, match="the extension NOISES is unknown here and is left out"):
        sequence = read(text, tmp_path)
    assert sequence.blocks[2].labels == (("SET", "SLC", 3), ("SET", "NAV", 1))


def test_line_ends_and_comments_do_not_matter(tmp_path):
    plain = read(files.CURRENT, tmp_path)
    path = tmp_path / "windows.seq"
    path.write_bytes(files.CURRENT.replace("\n", "\r\n").replace("[ADC]", "# note [RF]\r\n[ADC]").encode())
    other = mri.read_pulseq(path)
    np.testing.assert_array_equal(gradients_of(plain).axes[1].values, gradients_of(other).axes[1].values)
    assert [one.duration for one in plain] == [one.duration for one in other]


def test_labels_alone_take_no_time(tmp_path):
    text = files.CURRENT.replace("1 20 1 0 0 0 0 0", "1 0 0 0 0 0 0 1")
    sequence = read(text, tmp_path)
    assert sequence.blocks[0].duration == 0
    assert sequence.starts()[:2] == [0, 0]
    assert mri.compile_sequence(sequence).pulses == 1
