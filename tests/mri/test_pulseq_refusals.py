"""Pulseq files that are broken, altered, too new or too old: refused with the place; older revisions: read."""

import numpy as np
import pytest

from physim import mri
from physim.mri.pulseq import IgnoreSignature, PulseqWarning
from physim_phantoms import InputError

PLAIN = """# by hand
[VERSION]
major 1
minor 5
revision 0

[DEFINITIONS]
AdcRasterTime 1e-07
BlockDurationRaster 1e-05
GradientRasterTime 1e-05
RadiofrequencyRasterTime 1e-06

[BLOCKS]
1 10 1 0 0 0 0 0
2 20 0 1 0 0 1 1

[RF]
1 2500 1 2 3 50 0 0 0 0 0 e

[TRAP]
1 100000 30 140 30 0

[ADC]
1 10 10000 40 0 0 0 0 0

[EXTENSIONS]
1 1 1 0

extension LABELSET 1
1 7 LIN

[SHAPES]

shape_id 1
num_samples 2
1
1

shape_id 2
num_samples 2
0
0

shape_id 3
num_samples 2
0
100
"""

OLD = """[VERSION]
major 1
minor {minor}
revision 0

[BLOCKS]
1 0 1 0 0 0 0{extension}
2 1 0 1 0 2 1{extension}

[RF]
1 2500 1 2 0 0 0

[GRADIENTS]
2 20000 3 0

[TRAP]
1 100000 30 140 30 0

[ADC]
1 10 10000 40 0 0

[DELAYS]
1 500

[SHAPES]

shape_id 1
num_samples 100
1
0
0
97

shape_id 2
num_samples 100
0
0
98

shape_id 3
num_samples 4
1
0
0
1
"""


@pytest.fixture
def read(tmp_path):
    """Reads a text as if it were a file."""

    def reading(text, *options):
        path = tmp_path / "made.seq"
        path.write_text(text, encoding="utf-8")
        return mri.read_pulseq(path, *options)

    return reading


def test_a_file_by_hand_is_what_it_says(read):
    sequence = read(PLAIN)
    first, second = sequence.blocks
    assert (first.duration, second.duration) == (100_000_000, 200_000_000)
    assert (first.rf.amplitude, first.rf.duration, first.rf.centre) == (2500, 100_000_000, 50_000_000)
    assert first.rf.use is mri.Use.EXCITATION
    assert second.gx.amplitude * 42.577478518e3 == pytest.approx(100000, rel=1e-12)
    assert (second.gx.rise, second.gx.flat, second.gx.fall) == (30_000_000, 140_000_000, 30_000_000)
    assert (second.adc.samples, second.adc.dwell, second.adc.delay) == (10, 10_000_000, 40_000_000)
    assert second.labels == (("SET", "LIN", 7),)
    spin = mri.Isochromats(np.zeros((1, 3)))
    assert np.abs(mri.simulate(spin, sequence, mri.Scanner())) == pytest.approx(
        1.0, abs=1e-5
    )  # a quarter turn


@pytest.mark.parametrize(("minor", "extension"), [(2, ""), (3, " 0")])
def test_older_revisions_have_delays_and_no_rasters(read, minor, extension):
    sequence = read(OLD.format(minor=minor, extension=extension))
    first, second = sequence.blocks
    assert first.duration == 100_000_000, "the pulse: a hundred samples of a microsecond"
    assert second.duration == 500_000_000, "the delay is longer than every event"
    assert np.allclose(first.rf.magnitude, 1)
    assert first.rf.amplitude == 2500
    times, values = second.gz.knots()
    assert times[-1] == 40_000_000
    assert np.max(values) * 42.577478518e3 == pytest.approx(20000, rel=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[VERSION]\nmajor 1\nminor 5\nrevision 0\n", "", r"VERSION"),
        ("minor 5", "minor 9", r"is of Pulseq 1\.9\.0; 1\.5\.2 is the newest"),
        ("minor 5", "minor 1", r"is of Pulseq 1\.1\.0; 1\.2\.0 is the oldest"),
        ("[TRAP]", "[TRAPS]", "TRAP"),
        (
            "1 100000 30 140 30 0",
            "1 abc 30 140 30 0",
            r"line 21\): amplitude is 'abc'; it must be a finite number",
        ),
        ("1 100000 30 140 30 0", "1 nan 30 140 30 0", "must be a finite number"),
        ("1 100000 30 140 30 0", "1 100000 30 140", r"has 4 columns|has \d columns"),
        ("1 100000 30 140 30 0", "1 100000 -30 140 30 0", "negative"),
        ("2 20 0 1 0 0 1 1", "2 20 0 5 0 0 1 1", "gradient"),
        ("1 10 1 0 0 0 0 0", "1 10 4 0 0 0 0 0", "4"),
        ("2 20 0 1 0 0 1 1", "2 20 0 1 0 0 3 1", "ADC event"),
        ("2 20 0 1 0 0 1 1", "2 19 0 1 0 0 1 1", r"ends 200 µs .* lasts 190 µs"),
        ("2 20 0 1 0 0 1 1", "1 20 0 1 0 0 1 1", "the only 1"),
        ("1 10 1 0 0 0 0 0\n2 20 0 1 0 0 1 1\n", "", "no blocks"),
        ("1 2500 1 2 3 50", "1 2500 9 2 3 50", "shape"),
        ("num_samples 2\n1\n1\n", "num_samples 5\n1\n1\n", "shape 1"),
        ("num_samples 2\n1\n1\n", "num_samples 2\n1\nx\n", "shape 1"),
        ("GradientRasterTime 1e-05\n", "", "has no GradientRasterTime"),
        ("GradientRasterTime 1e-05", "GradientRasterTime 0", "must be a time in s"),
        ("1 1 1 0\n", "1 1 1 1\n", "circle"),
        ("1 1 1 0\n", "1 1 5 0\n", "LABELSET"),
        ("[DEFINITIONS]\n", "[DEFINITIONS]\nRequiredExtensions MAGIC\n", "requires the extension MAGIC"),
        ("# by hand\n", "hello\n", "before any section"),
    ],
)
def test_what_is_broken_is_refused_with_its_place(read, old, new, message):
    assert old in PLAIN
    with pytest.raises(InputError, match=message) as refusal:
        read(PLAIN.replace(old, new, 1))
    assert "made.seq" in str(refusal.value)


def test_an_unknown_extension_warns(read):
    text = PLAIN.replace("extension LABELSET 1\n1 7 LIN\n", "extension MAGIC 1\n1 7 3\n")
    with pytest.warns(PulseqWarning, match="extension MAGIC is unknown"):
        assert len(read(text)) == 2


def test_altered_files_are_refused_unless_the_change_is_meant(read, tmp_path):
    sequence = read(PLAIN)
    path = tmp_path / "signed.seq"
    mri.write_pulseq(sequence, path)
    text = path.read_text(encoding="utf-8")
    assert "[SIGNATURE]" in text
    assert len(mri.read_pulseq(path)) == 2
    altered = text.replace("2500", "2600")
    assert altered != text
    with pytest.raises(InputError, match="altered after it was signed"):
        read(altered)
    assert read(altered, IgnoreSignature()).blocks[0].rf.amplitude == 2600


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
def test_a_file_cut_off_is_refused(read, tmp_path, share):
    path = tmp_path / "whole.seq"
    mri.write_pulseq(mri.sequences.spoiled_gradient_echo((4, 3), (200.0, 200.0)), path)
    text = path.read_text(encoding="utf-8")
    with pytest.raises(InputError):
        read(text[: int(share * len(text))])


def test_pictures_are_no_sequences(tmp_path):
    path = tmp_path / "picture.seq"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="no text"):
        mri.read_pulseq(path)
    with pytest.raises(FileNotFoundError):
        mri.read_pulseq(tmp_path / "nowhere.seq")
