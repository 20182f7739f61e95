"""Files that cannot be right: the message names the place, what is there, what may be there, and the remedy."""

import hashlib

import numpy as np
import pytest

from physim import mri
from tests.mri import pulseq_files as files

CURRENT = files.CURRENT


def changed(old: str, new: str, text: str = CURRENT) -> str:
    assert old in text
    return text.replace(old, new, 1)


BAD = {
    "no version": (changed("[VERSION]\nmajor 1\nminor 5\nrevision 1\n", ""), r"no section \[VERSION\]"),
    "half a version": (changed("revision 1\n", ""), r"\[VERSION\] \(line 2\) lacks revision"),
    "odd version": (changed("minor 5", "minor five"), r"\[VERSION\] \(line 4\): minor is 'five'"),
    "newer": (changed("minor 5", "minor 6"), r"is of Pulseq 1.6.1; 1.5.2 is the newest that is known .*update physim"),
    "newest major": (changed("major 1", "major 2"), r"Pulseq 2.5.1"),
    "older": (changed("minor 5", "minor 1"), r"Pulseq 1.1.1; 1.2.0 is the oldest"),
    "no section": ("nothing here\n", r"line 1 is 'nothing here', before any section"),
    "unknown section": (changed("[TRAP]", "[TRAPS]"), r"unknown section in line 27 '\[TRAPS\]'; did you mean '\[TRAP\]'"),
    "section twice": (CURRENT + "[ADC]\n", r"opens section \[ADC\] again, which line 30"),
    "no blocks": (changed("[BLOCKS]\n1 20 1 0 0 0 0 0\n2 10 0 2 3 0 0 0\n3 12 0 0 4 0 1 1\n", ""), r"no blocks; .*\[BLOCKS\]"),
    "raster": (changed("AdcRasterTime 1e-07\n", ""), r"no AdcRasterTime, .*write 'AdcRasterTime 1e-07'"),
    "raster text": (changed("AdcRasterTime 1e-07", "AdcRasterTime fast"), r"AdcRasterTime fast; it must be a time in s"),
    "number": (changed("1 250 1 2", "1 2x0 1 2"), r"RF event 1 \(line 21\): amplitude is '2x0'; it must be a finite number"),
    "infinite": (changed("1 250 1 2", "1 inf 1 2"), r"amplitude is 'inf'"),
    "fraction": (changed("1 20 1 0 0", "1 20.5 1 0 0"), r"block 1 \(line 16\): duration is 20.5; it must be a whole number"),
    "columns": (changed(" 40 0.5 r", " 40 0.5"), r"RF event 1 \(line 21\) has 11 columns; it must have 12 \(id amplitude"),
    "id twice": (changed("2 10 0 2 3", "1 10 0 2 3"), r"block 1 \(line 17\): its id must be positive and the only 1"),
    "id zero": (changed("2 -42577", "0 -42577"), r"its id must be positive"),
    "gradient id twice": (changed("2 -42577.478518", "3 -42577.478518"), r"trapezoid 3 \(line 28\) has the id of gradient 3"),
    "missing pulse": (changed("1 20 1 0", "1 20 7 0"), r"block 1 \(line 16\) names RF event 7, .*1, up to id 1.*cut off"),
    "missing gradient": (changed("2 10 0 2 3", "2 10 0 2 9"), r"block 2 \(line 17\) along gy names gradient 9"),
    "missing read-out": (changed("4 0 1 1", "4 0 2 1"), r"block 3 \(line 18\) names ADC event 2"),
    "missing shape": (changed("1 250 1 2", "1 250 1 8"), r"RF event 1 \(line 21\) names shape 8"),
    "missing extension": (changed("4 0 1 1", "4 0 1 5"), r"names extension entry 5"),
    "missing label": (changed("2 5 1 3", "2 5 4 3"), r"extension entry 2 \(line 35\) names LABELINC object 4"),
    "missing kind": (changed("2 5 1 3", "2 6 1 3"), r"names the extension of number 6"),
    "circle": (changed("3 4 2 0", "3 4 2 1"), r"block 3 \(line 18\) has extension entries that lead in a circle, over 1"),
    "short block": (changed("2 10 0 2", "2 9 0 2"), r"block 2 \(line 17\): gx ends 100 µs after .* lasts 90 µs; make the block"),
    "negative block": (changed("2 10 0 2 3", "2 -10 0 0 0"), r"block 2 \(line 17\): its duration is negative"),
    "use": (changed("0.5 r", "0.5 z"), r"RF event 1 \(line 21\): unknown use of a pulse 'z'"),
    "pulse lengths": (changed("1 250 1 2 0", "1 250 1 2 5"), r"it has 2 magnitudes and 3 times; shape 1 and time shape 5"),
    "pulse half raster": (changed("1 250 1 2 0", "1 250 1 2 -1"), r"its time shape is -1; it must be the id of a shape, or 0"),
    "pulse phases": (changed("1 250 1 2 0", "1 250 1 3 0"), r"RF event 1 \(line 21\): it has 2 magnitudes and 4 phases"),
    "gradient lengths": (changed("0 4 5 0", "0 4 1 0"), r"gradient 4 \(line 25\) has 3 samples and 2 times"),
    "gradient time": (changed("0 4 5 0", "0 4 -2 0"), r"has time shape -2; it must be the id of a shape, 0, or −1"),
    "falling times": (changed("0\n5\n12", "0\n12\n5"), r"has times that do not rise from 0 on; correct time shape 5"),
    "oversampled": (changed("8000 3 0 60", "8000 3 -1 60"), r"is oversampled \(time −1\) and has 4 samples; .* odd"),
    "no samples": (changed("1 4 20000 10", "1 0 20000 10"), r"ADC event 1 \(line 31\): a read-out has 0 samples"),
    "modulation": (changed("-30 0.7 6", "-30 0.7 5"), r"ADC event 1 \(line 31\): it has 4 samples, and shape 5 3 phases"),
    "negative delay": (changed("1 4 20000 10", "1 4 20000 -10"), r"the delay of a read-out is -10000000 ps"),
    "shape header": (changed("num_samples 2", "samples 2"), r"shape 1 \(line 47\) does not begin with the lines 'shape_id 1'"),
    "shape before": (changed("[SHAPES]\n", "[SHAPES]\n1\n"), r"\[SHAPES\] must begin with 'shape_id 1'"),
    "shape twice": (changed("shape_id 2", "shape_id 1"), r"shape 1 \(line 52\): its id must be positive and the only 1"),
    "shape text": (changed("0.125", "o.125"), r"shape 3 \(line 57\) holds something else than numbers: .*o.125"),
    "shape short": (changed("1\n4\n9\n", "1\n4\n"), r"shape 6 .* unpacks to 3 samples; it must be the 4 .*cut off"),
    "shape empty": (changed("num_samples 2\n0.5\n1\n", "num_samples 0\n"), r"shape 1 .* at least one sample"),
    "run": (changed("num_samples 2\n0.5\n1", "num_samples 2\n0.5\n0.5\n-1"), r"repeats 0.5 -1 times more; .*from 0 to 2"),
    "run without count": (changed("num_samples 2\n0\n0.25", "num_samples 3\n0\n0"), r"shape 2 .* repeats 0 nan times"),
    "delays": (CURRENT + "[DELAYS]\n1 100\n", r"opens \[DELAYS\] in a file of Pulseq 1.5.1; delays are block durations"),
    "extension head": (changed("extension LABELINC 5", "extension LABELINC"), r"like\s+'extension LABELSET 1'"),
    "extension twice": (changed("LABELINC 5", "LABELSET 5"), r"has the name or number of an earlier one"),
    "label": (changed("1 1 LIN", "1 1 3"), r"label INC 1 \(line 39\): label is '3'; it must be a name like LIN"),
    "required": (
        changed("Name by hand", "RequiredExtensions LABELSET MOTION"),
        r"requires the extension MOTION, which is unknown here, and must not be played",
    ),
    "trigger": (
        changed("extension LABELINC 5\n1 1 LIN", "extension TRIGGERS 5\n1 3 1 0 0"),
        r"trigger 1 \(line 39\): type is 3; it must be 1 for an output or 2 for an input",
    ),
    "quaternion": (
        changed("extension LABELINC 5\n1 1 LIN", "extension ROTATIONS 5\n1 1 1 0 0"),
        r"rotation 1 \(line 39\) is a quaternion of length 1.41421; it must have length 1",
    ),
    "shim": (
        changed("extension LABELINC 5\n1 1 LIN", "extension RF_SHIMS 5\n1 2 1 0 1"),
        r"RF shim 1 \(line 39\) has 3 numbers after the number of channels",
    ),
    "soft delay": (
        changed("extension LABELINC 5\n1 1 LIN", "extension DELAYS 5\n1 0 100 0 TE"),
        r"soft delay 1 \(line 39\): .*the factor must not be zero",
    ),
    "soft delay beside": (
        changed("extension LABELINC 5\n1 1 LIN", "extension DELAYS 5\n1 0 100 1 TE"),
        r"block 3 \(line 18\): a soft delay \(TE\) shares a block",
    ),
    "two rotations": (
        changed("1 1 LIN", "1 1 0 0 0", changed("LABELINC", "ROTATIONS", changed("3 4 2 0", "3 5 1 0"))),
        r"block 3 \(line 18\) has two of the extension ROTATIONS",
    ),
    "missing delay": (changed("2 1 0 1", "2 6 0 1", files.V1_2), r"block 2 \(line 12\) names delay 6"),
    "old run": (changed("0.125\n0.25\n0.25\n1", "0.125\n0.25\n0.25\n3", files.V1_2), r"unpacks to 6 samples"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_files(text, message, tmp_path):
    path = tmp_path / "bad.seq"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        mri.read_pulseq(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("keep", np.linspace(0.02, 0.98, 25))
def test_files_that_are_cut_off(keep, tmp_path):
    path = tmp_path / "cut.seq"
    mri.write_pulseq(mri.sequences.balanced_ssfp((4, 4)), path)
    data = path.read_bytes()
    content = data[: data.index(b"\n[SIGNATURE]")]
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match=r"cut.seq: "):
        mri.read_pulseq(path)


@pytest.mark.parametrize("total", ["0.00042", "0.000420001"])
def test_files_that_last_as_long_as_they_say(total, tmp_path):
    path = tmp_path / "timed.seq"
    path.write_text(changed("Name by hand", f"TotalDuration {total}"))
    assert mri.read_pulseq(path).duration == pytest.approx(0.00042)


def test_blocks_that_were_lost_without_a_signature(tmp_path):
    path = tmp_path / "altered.seq"
    text = changed("Name by hand", "TotalDuration 0.00042")
    path.write_text(changed("2 10 0 2 3 0 0 0\n", "", text))
    with pytest.warns(
        mri.PulseqWarning, match=r"the 2 blocks last 0.00032 s, and TotalDuration is 0.00042 s; .*lost"
    ):
        mri.read_pulseq(path)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        mri.read_pulseq(tmp_path / "none.seq")


def test_something_else_than_text(tmp_path):
    path = tmp_path / "image.seq"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    with pytest.raises(ValueError, match=r"byte 0 is no text, .*give the path of a .seq or .bseq file"):
        mri.read_pulseq(path)


def signed(text: str, algorithm: str) -> str:
    return f"{text}\n[SIGNATURE]\n# how\nType {algorithm}\nHash {hashlib.new(algorithm, text.encode()).hexdigest()}\n"


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_signatures(algorithm, tmp_path):
    path = tmp_path / "signed.seq"
    path.write_text(signed(CURRENT, algorithm))
    assert len(mri.read_pulseq(path)) == 3
    path.write_bytes(signed(CURRENT, algorithm).replace("\n", "\r\n").encode())
    assert len(mri.read_pulseq(path)) == 3
    path.write_text(changed("1 250", "1 251", signed(CURRENT, algorithm)))
    with pytest.raises(
        ValueError, match=rf"another {algorithm} hash than .*altered after it was signed.*IgnoreSignature"
    ):
        mri.read_pulseq(path)
    assert mri.read_pulseq(path, mri.IgnoreSignature()).blocks[0].rf.amplitude == 251.0


def test_broken_signatures(tmp_path):
    path = tmp_path / "signed.seq"
    path.write_text(CURRENT + "\n[SIGNATURE]\nType md5\n")
    with pytest.raises(ValueError, match="lacks its line 'Type' or 'Hash'"):
        mri.read_pulseq(path)
    path.write_text(CURRENT + "\n[SIGNATURE]\nType md4\nHash 00\n")
    with pytest.raises(
        ValueError, match=r"unknown algorithm in section \[SIGNATURE\] 'md4'; did you mean 'md5'"
    ):
        mri.read_pulseq(path)


def test_our_files_are_signed(tmp_path):
    path = tmp_path / "ours.seq"
    mri.write_pulseq(mri.sequences.spin_echo_train(2), path)
    text = path.read_text()
    content, signature = text.split("\n[SIGNATURE]\n")
    assert signature == f"Type md5\nHash {hashlib.md5(content.encode()).hexdigest()}\n"
