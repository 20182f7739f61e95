"""Binary files of revision 1.5.2, packed here from the tables of the specification: the same sequence as from text."""

import hashlib
import struct

import numpy as np
import pytest

from physim import mri
from tests.mri import pulseq_files as files
from tests.mri.pulseq_same import assert_same

US = 10**6  # ps
MAGIC = b"\x01pulseq\x02"
DEFINITIONS, BLOCKS, RF, GRADIENTS, TRAP, ADC, DELAYS, SHAPES, EXTENSIONS = range(1, 10)
TRIGGERS, LABELSET, LABELINC, SOFT, SHIMS, ROTATIONS = range(10, 16)


def code(section: int) -> bytes:
    return struct.pack("<II", section, 0xFFFFFFFF)


def section(number: int, form: str, *rows, kind: int | None = None) -> bytes:
    """A section of rows of one form; extensions have their kind before the count."""
    head = code(number) + (b"" if kind is None else struct.pack("<i", kind)) + struct.pack("<q", len(rows))
    return head + b"".join(struct.pack("<" + form, *row) for row in rows)


def definition(name: str, kind: str, *values) -> bytes:
    text = values[0].encode() if kind == "c" else b""
    packed = text or struct.pack(f"<{len(values)}{ {'i': 'i', 'f': 'd'}[kind] }", *values)
    return name.encode() + b"\0" + struct.pack("<Bc", len(text) or len(values), kind.encode()) + packed


def shape(number: int, samples: int, *stored) -> bytes:
    return struct.pack("<iqq", number, samples, len(stored)) + struct.pack(f"<{len(stored)}f", *stored)


def sections() -> dict[int, bytes]:
    """The file by hand of revision 1.5.1, with one of each extension more."""
    rasters = zip(
        ("GradientRasterTime", "RadiofrequencyRasterTime", "AdcRasterTime", "BlockDurationRaster"),
        (1e-5, 1e-6, 1e-7, 1e-5),
        strict=True,
    )
    named = [definition(name, "f", value) for name, value in rasters]
    named += [
        definition("FOV", "f", 0.22, 0.2, 0.005),
        definition("Name", "c", "by hand"),
        definition("Matrix", "i", 64, 48),
    ]
    shapes = [
        *(
            shape(1, 2, 0.5, 1),
            shape(2, 2, 0, 0.25),
            shape(3, 4, 0.125, 0.25, 0.25, 0),
            shape(4, 3, -1, -0.25, 0),
        ),
        *(shape(5, 3, 0, 5, 12), shape(6, 4, 0, 1, 4, 9)),
    ]
    blocks = [
        *((20, 1, 0, 0, 0, 0, 6), (10, 0, 2, 3, 0, 0, 4), (12, 0, 0, 4, 0, 1, 1)),
        *((500, 0, 0, 0, 0, 0, 5), (300, 0, 0, 0, 0, 0, 7)),
    ]
    links = [(1, 4, 1, 2), (2, 5, 1, 3), (3, 4, 2, 0), (4, 7, 1, 0), (5, 8, 2, 0), (6, 3, 1, 0), (7, 9, 1, 0)]
    soft = struct.pack("<iqiiqdi", 8, 1, 2, 1, -9320 * US, 2.5, 2) + b"TE"
    shims = struct.pack("<iqii4d", 3, 1, 1, 2, 0.7, 0, 1, 1.5708)
    return {
        DEFINITIONS: code(DEFINITIONS) + struct.pack("<q", len(named)) + b"".join(named),
        BLOCKS: section(BLOCKS, "q6i", *blocks),
        RF: section(RF, "id3iqq4dc", (1, 250.0, 1, 2, 0, 1_500_000, 100 * US, -3.45, 0.01, 40.0, 0.5, b"r")),
        GRADIENTS: section(
            *(GRADIENTS, "i3diiq"),
            (3, 8000.0, 0.0, 8000.0, 3, 0, 60 * US),
            (4, -8000.0, 8000.0, 0.0, 4, 5, 0),
        ),
        TRAP: section(TRAP, "id4q", (2, -42577.478518, 20 * US, 50 * US, 30 * US, 0)),
        ADC: section(ADC, "iqqq4di", (1, 4, 20 * US, 10 * US, 0.1, 0.2, -30.0, 0.7, 6)),
        DELAYS: section(DELAYS, "iq", (1, 5 * US)),
        SHAPES: code(SHAPES) + struct.pack("<q", len(shapes)) + b"".join(shapes),
        EXTENSIONS: section(EXTENSIONS, "4i", *links),
        LABELSET: section(LABELSET, "3i", (1, 3, 1), (2, 1, 10), kind=4),
        LABELINC: section(LABELINC, "3i", (1, 1, 8), kind=5),
        TRIGGERS: section(TRIGGERS, "iiiqq", (1, 2, 1, 5 * US, 2000 * US), kind=9),
        SOFT: code(SOFT) + soft,
        SHIMS: code(SHIMS) + shims,
        ROTATIONS: section(ROTATIONS, "i4d", (1, 0.707107, 0.0, 0.0, 0.707107), kind=7),
    }


TEXT = (
    files.CURRENT.replace("1 20 1 0 0 0 0 0", "1 20 1 0 0 0 0 6")
    .replace("2 1 NAV", "2 1 ACQ")
    .replace("2 10 0 2 3 0 0 0", "2 10 0 2 3 0 0 4")
    .replace("3 12 0 0 4 0 1 1", "3 12 0 0 4 0 1 1\n4 500 0 0 0 0 0 5\n5 300 0 0 0 0 0 7")
    .replace("3 4 2 0\n", "3 4 2 0\n4 7 1 0\n5 8 2 0\n6 3 1 0\n7 9 1 0\n")
    .replace(
        "[SHAPES]",
        "extension TRIGGERS 9\n1 2 1 5 2000\n\nextension ROTATIONS 7\n1 0.707107 0 0 0.707107\n\n"
        "extension RF_SHIMS 3\n1 2 0.7 0 1 1.5708\n\nextension DELAYS 8\n2 1 -9320 2.5 TE\n\n[SHAPES]",
    )
)


def packed(parts, version=(1, 5, 2)) -> bytes:
    return MAGIC + struct.pack("<3q", *version) + b"".join(parts)


def later() -> dict[int, bytes]:
    """The same file with lengths of four bytes before names, as writers have them since files are signed."""
    made = sections()
    data, count = made[DEFINITIONS][16:], struct.unpack("<q", made[DEFINITIONS][8:16])[0]
    parts = []
    while data:
        name, data = data.split(b"\0", 1)
        size = data[0] * {b"c": 1, b"i": 4, b"f": 8}[data[1:2]]
        parts.append(struct.pack("<i", len(name)) + name + struct.pack("<i", data[0]) + data[1 : 2 + size])
        data = data[2 + size :]
    assert len(parts) == count
    return {**made, DEFINITIONS: made[DEFINITIONS][:16] + b"".join(parts)}


def signed(content: bytes) -> bytes:
    """A file with the signature at its end: name and hash with their lengths, and how much is signed."""
    value = hashlib.md5(content).digest()
    ends = struct.pack("<i3si16sq", 3, b"md5", 16, value, len(content))
    return content + struct.pack("<II", 0x00FFFFFF, 0xFFFFFFFF) + ends


def read(data: bytes, folder) -> mri.Sequence:
    path = folder / "sequence.bseq"
    path.write_bytes(data)
    return mri.read_pulseq(path)


def test_the_same_as_from_text(tmp_path):
    (tmp_path / "sequence.seq").write_text(TEXT)
    text = mri.read_pulseq(tmp_path / "sequence.seq")
    binary = read(packed(sections().values()), tmp_path)
    assert_same(text, binary)
    assert binary.definitions["Matrix"] == (64, 48)


def test_sections_in_any_order(tmp_path):
    parts = list(sections().values())
    assert_same(read(packed(parts), tmp_path), read(packed(parts[::-1]), tmp_path))


def test_other_revisions_are_refused(tmp_path):
    parts = sections().values()
    with pytest.raises(
        ValueError, match=r"binary file is of Pulseq 1.5.1; .*from 1.5.2 on.*export the sequence as text"
    ):
        read(packed(parts, (1, 5, 1)), tmp_path)
    with pytest.raises(ValueError, match=r"Pulseq 1.6.0; 1.5.2 is the newest"):
        read(packed(parts, (1, 6, 0)), tmp_path)


@pytest.mark.parametrize("version", [(1, 5, 1), (1, 5, 2)])
def test_names_with_lengths_and_a_signature(version, tmp_path):
    plain = packed(later().values(), version)
    for data in (plain, signed(plain)):
        assert_same(read(packed(sections().values()), tmp_path), read(data, tmp_path))


def test_a_file_altered_after_it_was_signed(tmp_path):
    data = signed(packed(later().values()))
    altered = data.replace(struct.pack("<d", 250.0), struct.pack("<d", 251.0))
    with pytest.raises(
        ValueError, match=r"another md5 hash than .*altered after it was signed.*IgnoreSignature"
    ):
        read(altered, tmp_path)
    path = tmp_path / "sequence.bseq"
    assert mri.read_pulseq(path, mri.IgnoreSignature()).blocks[0].rf.amplitude == 251.0
    with pytest.raises(ValueError, match=r"unknown algorithm .*'md4'"):
        read(data.replace(b"md5", b"md4"), tmp_path)


@pytest.mark.parametrize("keep", np.linspace(0.01, 0.999, 40))
def test_signed_files_that_are_cut_off(keep, tmp_path):
    data = signed(packed(later().values()))
    with pytest.raises(ValueError, match=r"sequence\.bseq: "):
        read(data[: int(keep * len(data))], tmp_path)


def test_labels_have_names_where_their_writers_share_a_list(tmp_path):
    more = section(LABELSET, "3i", (1, 7, 11), (2, 1, 13), kind=4)
    parts = {**later(), LABELSET: more}
    assert read(packed(parts.values()), tmp_path).blocks[2].labels[:2] == (
        ("SET", "TRID", 7),
        ("SET", "REV", 1),
    )
    parts[LABELSET] = section(LABELSET, "3i", (1, 7, 24), (2, 1, 13), kind=4)
    with pytest.raises(ValueError, match=r"label number 24; .*agree on 1 to 23 only"):
        read(packed(parts.values()), tmp_path)


@pytest.mark.parametrize("keep", np.linspace(0.01, 0.99, 40))
def test_files_that_are_cut_off(keep, tmp_path):
    data = packed(sections().values())
    with pytest.raises(ValueError, match=r"sequence\.bseq: "):
        read(data[: int(keep * len(data))], tmp_path)


CHANGED = {
    "code": (b"\x10\0\0\0\xff\xff\xff\xff", r"section code at byte \d+ is 0xFFFFFFFF00000010; it must be"),
    "nonsense": (b"nonsense", r"section code at byte \d+ is 0x65736E6573"),
    "many": (code(TRAP) + struct.pack("<q", 10**15), r"announces 1000000000000000 trapezoids, .*cannot hold"),
    "negative": (code(TRAP) + struct.pack("<q", -1), r"announces -1 trapezoids"),
    "id": (
        section(ADC, "iqqq4di", (0, 4, 1, 1, 0.0, 0.0, 0.0, 0.0, 0)),
        r"ADC event 0 \(byte \d+\): its id must be positive",
    ),
    "nan": (section(TRAP, "id4q", (9, np.nan, 1, 1, 1, 1)), r"trapezoid 9 \(byte \d+\) has a NaN"),
    "label": (
        section(LABELINC, "3i", (1, 1, 11), kind=5),
        r"label INC 1 .* is label number 11; .*agree on 1 to 10 only .*export .* as text",
    ),
    "definition": (
        code(DEFINITIONS) + struct.pack("<q", 1) + b"Odd\0\x01x",
        r"definition Odd at byte \d+ has type 'x'",
    ),
    "name": (code(DEFINITIONS) + struct.pack("<q", 1) + b"Odd", r"the name at byte \d+ does not end"),
    "no samples": (code(SHAPES) + struct.pack("<q", 1) + shape(7, 0), r"shape 7 .* announces 0 samples"),
}


@pytest.mark.parametrize(("more", "message"), CHANGED.values(), ids=CHANGED)
def test_files_that_are_altered(more, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(packed([*sections().values(), more]), tmp_path)


def test_missing_rasters_and_blocks(tmp_path):
    parts = sections()
    with pytest.raises(ValueError, match="no GradientRasterTime"):
        read(packed([part for number, part in parts.items() if number != DEFINITIONS]), tmp_path)
    with pytest.raises(ValueError, match="no blocks"):
        read(packed([parts[DEFINITIONS]]), tmp_path)
