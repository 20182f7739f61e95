"""What is written is read again, event by event: whole picoseconds exactly, other numbers to twelve digits."""

import numpy as np
import pytest

from physim import mri
from physim.mri import sequences
from tests.mri import pulseq_oracle as oracle
from tests.mri.pulseq_same import assert_same

SMALL = {"matrix": (8, 6), "field_of_view": (220.0, 180.0)}
SWEPT = sequences.hyperbolic_secant(duration=4e-3)
OURS = {
    "spoiled": lambda: sequences.spoiled_gradient_echo(**SMALL, dummies=2),
    "spoiled, no slice": lambda: sequences.spoiled_gradient_echo(**SMALL, region=sequences.Whole()),
    "balanced": lambda: sequences.balanced_ssfp(**SMALL),
    "balanced, slice": lambda: sequences.balanced_ssfp(**SMALL, region=sequences.Slice(), tr=8e-3),
    "echo planar": lambda: sequences.echo_planar(te=60e-3),
    "free induction": lambda: sequences.free_induction_decay(64),
    "free induction, sinc": lambda: sequences.free_induction_decay(
        64, pulse=sequences.sinc_pulse(-0.7, phase=0.4)
    ),
    "free induction, swept": lambda: sequences.free_induction_decay(64, pulse=SWEPT),
    "echo train": lambda: sequences.spin_echo_train(3),
}


def write_and_read(sequence: mri.Sequence, folder) -> mri.Sequence:
    path = folder / "sequence.seq"
    mri.write_pulseq(sequence, path)
    return mri.read_pulseq(path)


@pytest.mark.parametrize("build", OURS.values(), ids=OURS)
def test_our_builders(build, tmp_path):
    sequence = build()
    again = write_and_read(sequence, tmp_path)
    assert_same(sequence, again)
    assert again.definitions["TotalDuration"] == pytest.approx(sequence.duration, rel=1e-11)


@pytest.mark.parametrize("build", oracle.BUILDERS, ids=lambda build: build.__name__)
def test_files_of_pypulseq(build, tmp_path):
    path, _ = oracle.written(build(), tmp_path)
    sequence = mri.read_pulseq(path)
    again = write_and_read(sequence, tmp_path)
    assert_same(sequence, again)
    assert_same(again, write_and_read(again, tmp_path))


def test_a_file_read_and_written_stays_the_same_text(tmp_path):
    first, second = tmp_path / "first.seq", tmp_path / "second.seq"
    mri.write_pulseq(mri.from_pypulseq(oracle.spiral()), first)
    mri.write_pulseq(mri.read_pulseq(first), second)
    assert first.read_text() == second.read_text()


def everything() -> mri.Sequence:
    """Every kind of event and extension, with odd numbers."""
    turn = 0.3
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
    axes = np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    pulse = mri.Rf(
        *(512.3, np.array([0.1, 0.9, 0.4]), np.array([0.0, -7.1, 2.2]), np.array([0, 333_000, 2_500_000])),
        *(3_000_000, 20_000_000, 1_234_567),
        *(12.5, -0.3, -3.45, 0.087, mri.Use.SATURATION),
    )
    corners = mri.Waveform(np.array([0.0, 11.7, -3.3, 2.0]), np.array([0, 170, 290, 400]) * 10**6, 20_000_000)
    centres = np.array([0, *(np.arange(30) * 10 + 5), 300]) * 10**6
    smooth = mri.Waveform(np.sin(centres / 9.1e7) + 0.1, centres)
    halves = mri.Waveform(np.cos(np.arange(13) / 5.0), np.arange(13) * 5 * 10**6)
    readout = mri.Adc(
        *(31, 3_300_000, 40_000_000, -45.6, 0.7, 1.5, -0.02), phase_modulation=np.linspace(-9, 3, 31) ** 3
    )
    shim = mri.RfShim(np.array([1.0, 0.7, 0.3]), np.array([0.0, np.pi / 3, -1.0]))
    line = ("INC", "LIN", -3)
    return mri.Sequence(
        [
            mri.block(rf=pulse, gx=corners, gy=smooth, gz=halves, rf_shim=shim),
            mri.Block(0, labels=(("SET", "SLC", 7), ("SET", "NAV", 1), line)),
            mri.block(
                gy=smooth,
                gx=mri.Trapezoid(-3.21, 10**7, 0, 2 * 10**7),
                adc=readout,
                rotation=about_z,
                labels=(line,),
            ),
            mri.block(gx=halves, rotation=axes @ about_z),
            mri.block(gz=halves, rotation=np.diag([1.0, -1, -1])),
            mri.Block(5 * 10**9, triggers=(mri.Trigger(mri.TriggerKind.INPUT, 1, 10**7, 2 * 10**9),)),
            mri.Block(
                10**9,
                triggers=(
                    mri.Trigger(mri.TriggerKind.OUTPUT, 3, 10**7, 10**8),
                    mri.Trigger(mri.TriggerKind.OUTPUT, 1),
                ),
            ),
            mri.Block(4 * 10**9, soft_delay=mri.SoftDelay(1, "TE", -7_840_000_000, 2.5)),
        ],
        {
            "FOV": (220.0, 220.0, 5.0),
            "Name": "every thing",
            "Matrix": (64, 48),
            "Half": 0.5,
            "Note": "12 of 13",
        },
    )


def test_every_event_and_extension(tmp_path):
    sequence = everything()
    again = write_and_read(sequence, tmp_path)
    assert_same(sequence, again)
    text = (tmp_path / "sequence.seq").read_text()
    assert "revision 1\n" in text
    assert "RequiredExtensions ROTATIONS RF_SHIMS\n" in text
    assert "FOV 0.22 0.22 0.005\n" in text
    assert " 0.1 0.9 0.4".replace(" ", "\n") in text


PLANES = {
    "slice": (sequences.Slice(3.0), "FOV 0.22 0.18 0.003", (220.0, 180.0, 3.0)),
    "whole": (sequences.Whole(), "FOV 0.22 0.18 0.001", (220.0, 180.0)),
}


@pytest.mark.parametrize(("region", "line", "view"), PLANES.values(), ids=PLANES)
def test_files_have_three_numbers_of_a_field_of_view(region, line, view, tmp_path):
    # Other readers refuse two; those of a plane without slice are told apart by FOVAxes.
    sequence = sequences.balanced_ssfp(**SMALL, region=region, tr=8e-3)
    assert sequence.definitions["FOV"] == view
    again = write_and_read(sequence, tmp_path)
    assert again.definitions["FOV"] == view
    assert "FOVAxes" not in again.definitions
    lines = (tmp_path / "sequence.seq").read_text().splitlines()
    assert line in lines
    assert ("FOVAxes 2" in lines) == (len(view) == 2)
    thick = mri.Sequence(sequence.blocks, {"FOV": (220.0, 180.0), "Thickness": 7.0})
    assert write_and_read(thick, tmp_path).definitions["FOV"] == (220.0, 180.0)
    assert "FOV 0.22 0.18 0.007\n" in (tmp_path / "sequence.seq").read_text()


def test_shapes_on_the_raster_need_no_times(tmp_path):
    mri.write_pulseq(everything(), tmp_path / "sequence.seq")
    lines = (tmp_path / "sequence.seq").read_text().splitlines()
    start = lines.index("[GRADIENTS]")
    assert [line.split()[5] for line in lines[start + 1 : start + 4]] == ["1", "0", "-1"]


def test_equal_events_are_stored_once(tmp_path):
    mri.write_pulseq(sequences.balanced_ssfp((16, 16)), tmp_path / "sequence.seq")
    text = (tmp_path / "sequence.seq").read_text()
    rows = {name: text.split(f"[{name}]\n")[1].split("\n\n")[0].splitlines() for name in ("RF", "ADC")}
    assert len(rows["RF"]) == 3  # half the flip angle, and two phases
    assert len(rows["ADC"]) == 2
    assert text.count("shape_id") == 3  # magnitude, phase and time of a hard pulse


def test_negative_pulses_become_a_phase(tmp_path):
    pulse = sequences.hard_pulse(-np.pi / 2, phase=0.25)
    again = write_and_read(mri.Sequence([mri.block(rf=pulse)]), tmp_path).blocks[0].rf
    assert again.amplitude == pytest.approx(-pulse.amplitude)
    assert again.phase_offset == pytest.approx(0.25 + np.pi)


def test_magnitudes_above_one_and_flat_ends_keep_the_pulse(tmp_path):
    times = np.array([500_000, 1_000_000])
    pulse = mri.Rf(100.0, np.array([2.0, -3.0]), np.array([0.1, 0.2]), times, 5_000_000)
    again = write_and_read(mri.Sequence([mri.block(rf=pulse)]), tmp_path).blocks[0].rf
    when = np.linspace(0, 5e6, 51)
    assert again.duration == pulse.duration
    assert np.max(again.magnitude) <= 1
    np.testing.assert_allclose(again.amplitude * again.at(when), 100.0 * pulse.at(when), atol=1e-9)


def test_rasters_follow_the_sequence(tmp_path):
    odd = mri.Sequence([mri.Block(15_000_000, gx=mri.Trapezoid(1.0, 2 * 10**6, 4 * 10**6, 2 * 10**6))])
    again = write_and_read(odd, tmp_path)
    assert_same(odd, again)
    assert again.definitions["GradientRasterTime"] == 2e-6
    assert again.definitions["BlockDurationRaster"] == 1.5e-5
    coarse = mri.Sequence(odd.blocks, {"GradientRasterTime": 1e-6, "BlockDurationRaster": 5e-6})
    assert write_and_read(coarse, tmp_path).definitions["BlockDurationRaster"] == 5e-6


def test_rasters_that_are_said_stay_where_nothing_needs_finer_ones(tmp_path):
    said = {"GradientRasterTime": 1e-5, "AdcRasterTime": 1e-7, "BlockDurationRaster": 1e-5}
    odd = mri.Trapezoid(1.0, 15 * 10**6, 4 * 10**6, 11 * 10**6)
    sequence = mri.Sequence([mri.Block(10**9, gx=odd, adc=mri.Adc(16, 31_250_001))], said)
    again = write_and_read(sequence, tmp_path)
    assert_same(sequence, again)
    shaped = mri.Waveform(np.array([0.0, 1, 0]), np.array([0, 7, 14]) * 10**6)
    finer = mri.Sequence([mri.Block(10**9, gx=shaped)], said)
    assert write_and_read(finer, tmp_path).definitions["GradientRasterTime"] == 1.4e-5


def test_a_long_sequence_keeps_every_picosecond(tmp_path):
    pause = mri.Block(123_456_789_012_345)
    sequence = mri.Sequence([pause, mri.block(adc=mri.Adc(7, 3_100)), pause])
    assert write_and_read(sequence, tmp_path).starts() == sequence.starts()


REFUSED = {
    "gradient off the microsecond": (
        lambda: mri.Sequence([mri.block(gx=mri.Trapezoid(1.0, 1500_000, 10**6, 1500_000))]),
        r"the rise of gx of block 0 is 1.5 µs; .* whole µs",
    ),
    "read-out off the microsecond": (
        lambda: mri.Sequence([mri.Block(10**7), mri.block(adc=mri.Adc(4, 10**6, 10))]),
        r"the delay of adc of block 1 is 1e-05 µs",
    ),
    "jump": (
        lambda: mri.Sequence(
            [mri.block(gy=mri.Waveform(np.array([0.0, 1, 2]), np.array([0, 10, 10]) * 10**6))]
        ),
        r"gy of block 0 jumps within a waveform",
    ),
    "mirror": (
        lambda: mri.Sequence([mri.Block(10**7, rotation=np.diag([1.0, 1, -1]))]),
        r"the rotation of block 0 is not a rotation matrix",
    ),
    "definition": (
        lambda: mri.Sequence([mri.Block(10**7)], {"Notes": {"a": 1}}),
        r"the definition Notes is \{'a': 1\}; .* numbers, lists of numbers and texts",
    ),
    "lines": (lambda: mri.Sequence([mri.Block(10**7)], {"Note": "a\nb"}), "texts of one line"),
    "name": (lambda: mri.Sequence([mri.Block(10**7)], {"My note": 1}), "white space in its name"),
}


@pytest.mark.parametrize(("build", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_file_cannot_hold(build, message, tmp_path):
    path = tmp_path / "sequence.seq"
    path.write_text("before")
    with pytest.raises(ValueError, match=message):
        mri.write_pulseq(build(), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "sequence.seq"
    sequence = OURS["echo train"]()
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        mri.write_pulseq(sequence, path)
    assert list(path.parent.iterdir()) == []
    monkeypatch.undo()
    mri.write_pulseq(sequence, path)
    assert list(path.parent.iterdir()) == [path]


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"end in .seq: write '.*gre.seq'"):
        mri.write_pulseq(OURS["echo train"](), tmp_path / "gre.txt")


def test_shims_are_not_simulated():
    with pytest.raises(
        ValueError, match=r"the pulse of block 0 is shimmed over 3 transmit channels; .*rf_shim=None"
    ):
        mri.compile_sequence(everything())


def test_extensions_say_what_they_may_be():
    with pytest.raises(ValueError, match="hint must be one word"):
        mri.SoftDelay(0, "echo time")
    with pytest.raises(ValueError, match="factor must not be zero"):
        mri.SoftDelay(0, "TE", 0, 0.0)
    with pytest.raises(ValueError, match="none may be negative"):
        mri.Trigger(mri.TriggerKind.INPUT, 1, -5)
    with pytest.raises(ValueError, match="0 magnitudes and 0 phases; give one of each"):
        mri.RfShim(np.ones(0), np.ones(0))
    with pytest.raises(ValueError, match=r"a soft delay \(TE\) shares a block with adc"):
        mri.block(adc=mri.Adc(4, 10**6), soft_delay=mri.SoftDelay(0, "TE"))
    with pytest.raises(ValueError, match="a trigger ends 20 µs after"):
        mri.Block(10**7, triggers=(mri.Trigger(mri.TriggerKind.OUTPUT, 1, 0, 2 * 10**7),))
