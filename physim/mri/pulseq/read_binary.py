"""Binary files (.bseq) as tables: little-endian numbers in sections with codes. Layout of revision 1.5.2.

Two forms of definitions are about: names that end with a zero and counts of one byte, as in the first files of 1.5.2, and
lengths and counts of four bytes, as the official writer has them since it signs files; other writers give the latter the
revision 1.5.1. Layouts before those are refused. The specification gives labels as numbers in a list that it does not
show. Writers of the later form share one list; published ones of before agree on the first ten, the counters, only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from physim_phantoms._checks import InputError

from .byte_stream import ByteStream
from .definitions import in_millimetres, rasters_of
from .extensions import OPERATIONS, label, shim, soft_delay, trigger
from .rotations import rotation_matrix
from .signature import CheckSignature, Signature, check_trailer
from .tables import AdcRow, BlockRow, Link, RfRow, ShapedRow, StoredShape, Tables, TrapezoidRow
from .versions import Version, require_known

MAGIC = b"\x01pulseq\x02"
FIRST_LAYOUT = Version(1, 5, 2)
CODE = 0xFFFFFFFF << 32  # of a section, to which its number is added
SIGNED = (CODE + 0xFFFFFF).to_bytes(
    8, "little"
)  # begins the signature, which ends with the length of what is signed
COUNTERS = ("SLC", "SEG", "REP", "AVG", "SET", "ECO", "PHS", "LIN", "PAR", "ACQ")
FLAGS = ("NAV", "REV", "SMS", "REF", "IMA", "OFF", "NOISE", "PMC", "NOROT", "NOPOS", "NOSCL", "ONCE")
LABELS = (*COUNTERS, "TRID", *FLAGS)  # `getSupportedLabels` of the official toolbox, 2026

Rows = dict[int, Any]


def read_binary(data: bytes, signature: Signature = CheckSignature()) -> Tables:
    """What a binary file says; raises `ValueError` where it is altered, cut off or of another revision."""
    content = _content(data, signature)
    source = ByteStream(content, len(MAGIC))
    version = Version(*source.take("qqq"))
    if version < FIRST_LAYOUT and not _begins_with_lengths(source):
        raise InputError(
            f"the binary file is of Pulseq {version}; binary files are read from {FIRST_LAYOUT} on, which changed their "
            "layout: export the sequence as text (.seq)"
        )
    require_known(version)
    found: dict[str, Any] = {"kinds": {}, "extensions": {}}
    while not source.at_end:
        start, code = source.place, source.one("Q")
        if code - CODE not in READERS:
            raise InputError(
                f"the section code at byte {start} is 0x{code:016X}; it must be 0x{CODE + 1:016X} to 0x{CODE + 15:016X}: "
                "the file is cut off or altered, export it again"
            )
        READERS[code - CODE](source, found)
    known = LABELS if found.pop("lengths", False) else COUNTERS
    for name in OPERATIONS.keys() & found["extensions"].keys():
        found["extensions"][name] = _named(found["extensions"][name], OPERATIONS[name], known)
    definitions = in_millimetres(found.pop("definitions", {}))
    rasters = rasters_of(definitions, version)
    blocks = [row._replace(duration=row.duration * rasters.block) for row in found.pop("blocks", [])]
    return Tables(version, rasters, definitions, blocks, **found)


def _content(data: bytes, signature: Signature) -> bytes:
    """What precedes the signature, or everything."""
    length = int.from_bytes(data[-8:], "little")
    if data[length : length + 8] != SIGNED:
        return data
    if isinstance(signature, CheckSignature):
        check_trailer(data[:length], data[length:])
    return data[:length]


def _begins_with_lengths(source: ByteStream) -> bool:
    """Whether a file begins with definitions in the form that has lengths of names."""
    begin = source.place
    starts = source.data[begin : begin + 8] == (CODE + 1).to_bytes(8, "little")
    return starts and _has_lengths(source, begin + 16)


def _has_lengths(source: ByteStream, place: int) -> bool:
    """Whether a name follows its length, below 256, rather than ending with a zero."""
    return source.data[place + 1 : place + 4] == bytes(3)


def _definitions(source: ByteStream, found: dict) -> None:
    made: dict[str, Any] = {}
    number = source.count("definitions")
    lengths = _has_lengths(source, source.place)
    for _ in range(number):
        name, start = source.characters(source.one("i")) if lengths else source.name(), source.place
        count, kind = source.one("i" if lengths else "B"), source.characters(1)
        if kind == "c":
            made[name] = source.characters(count).rstrip("\0").strip()
        elif kind in ("i", "f") and count >= 0:
            values = source.take(f"{count}{'i' if kind == 'i' else 'd'}")
            made[name] = values[0] if count == 1 else values
        else:
            raise InputError(
                f"the definition {name} at byte {start} has type {kind!r}; it must be 'c', 'i' or 'f'"
            )
    found |= {"definitions": made, "lengths": lengths}


def _blocks(source: ByteStream, found: dict) -> None:
    rows = []
    for number in range(1, source.count("blocks") + 1):
        where = f"block {number} (byte {source.place})"
        duration, *events = source.take("q6i")
        rows.append(BlockRow(where, *events, duration=duration))
    found["blocks"] = rows


def _rows(source: ByteStream, what: str, read: Callable[[ByteStream, str], Any]) -> Rows:
    """Entries that begin with an id, which must be positive and differ."""
    made: Rows = {}
    for _ in range(source.count(what + "s")):
        start, number = source.place, source.one("i")
        where = f"{what} {number} (byte {start})"
        if number < 1 or number in made:
            raise InputError(f"{where}: its id must be positive and the only {number} of its section")
        made[number] = read(source, where)
    return made


def _rf(source: ByteStream, where: str) -> RfRow:
    *values, use = source.take("d3iqq4dc")
    _require_finite(values, where)
    return RfRow(where, *values, use=use.decode("ascii", "replace"))


def _shaped(source: ByteStream, where: str) -> ShapedRow:
    amplitude, first, last, shape, time, delay = source.take("3diiq")
    _require_finite((amplitude, first, last), where)
    return ShapedRow(where, amplitude, shape, time, delay, first, last)


def _trapezoid(source: ByteStream, where: str) -> TrapezoidRow:
    amplitude, rise, flat, fall, delay = source.take("d4q")
    _require_finite((amplitude,), where)
    return TrapezoidRow(where, amplitude, rise, flat, fall, delay)


def _adc(source: ByteStream, where: str) -> AdcRow:
    values = source.take("qqq4di")
    _require_finite(values, where)
    return AdcRow(where, *values)


def _require_finite(values, where: str) -> None:
    if not all(math.isfinite(value) for value in values):
        raise InputError(f"{where} has a NaN or infinite number; the file is altered: export it again")


def _shape(source: ByteStream, where: str) -> StoredShape:
    samples, stored = source.one("q"), source.count("numbers of a shape")
    values = np.array(source.take(f"{stored}f"), float)
    if samples < 1:
        raise InputError(f"{where} announces {samples} samples; it must have at least one")
    _require_finite(values, where)
    return StoredShape(where, samples, values)


class _Label(NamedTuple):
    """A label by its number, whose name depends on the form of the file."""

    where: str
    value: int
    number: int


def _numbered_label(source: ByteStream, where: str) -> _Label:
    return _Label(where, *source.take("ii"))


def _named(labels: dict[int, _Label], operation: str, known: tuple[str, ...]) -> Rows:
    """Labels by their names."""
    made = {}
    for row, (where, value, number) in labels.items():
        if not 1 <= number <= len(known):
            raise InputError(
                f"{where} is label number {number}; binary files do not name labels, and the lists of their writers agree on "
                f"1 to {len(known)} only ({' '.join(known)}): export the sequence as text (.seq)"
            )
        made[row] = label(operation, known[number - 1], value, where)
    return made


def _trigger(source: ByteStream, where: str):
    kind, channel, delay, duration = source.take("iiqq")
    return trigger(kind, channel, delay, duration, where)


def _soft_delay(source: ByteStream, where: str):
    number, offset, factor, length = source.take("iqdi")
    return soft_delay(number, offset, factor, source.characters(length), where)


def _shim(source: ByteStream, where: str):
    channels = source.one("i")
    return shim(np.array(source.take(f"{max(2 * channels, 0)}d"), float), where)


def _rotation(source: ByteStream, where: str):
    return rotation_matrix(np.array(source.take("4d")), where)


def _link(source: ByteStream, where: str) -> Link:
    return Link(where, *source.take("3i"))


def _table(name: str, what: str, read: Callable[[ByteStream, str], Any]):
    """Reads a section of entries into a table."""

    def section(source: ByteStream, found: dict) -> None:
        found[name] = found.get(name, {}) | _rows(source, what, read)

    return section


def _extension(name: str, what: str, read: Callable[[ByteStream, str], Any]):
    """Reads the specification of one kind of extension."""

    def section(source: ByteStream, found: dict) -> None:
        found["kinds"][source.one("i")] = name
        found["extensions"][name] = _rows(source, what, read)

    return section


READERS: dict[int, Callable[[ByteStream, dict], None]] = {
    1: _definitions,
    2: _blocks,
    3: _table("rf", "RF event", _rf),
    4: _table("gradients", "gradient", _shaped),
    5: _table("gradients", "trapezoid", _trapezoid),
    6: _table("adc", "ADC event", _adc),
    7: _table("delays", "delay", lambda source, where: source.one("q")),  # since 1.4 no block names one
    8: _table("shapes", "shape", _shape),
    9: _table("links", "extension entry", _link),
    10: _extension("TRIGGERS", "trigger", _trigger),
    11: _extension("LABELSET", "label SET", _numbered_label),
    12: _extension("LABELINC", "label INC", _numbered_label),
    13: _extension("DELAYS", "soft delay", _soft_delay),
    14: _extension("RF_SHIMS", "RF shim", _shim),
    15: _extension("ROTATIONS", "rotation", _rotation),
}
