"""Binary files (.bseq) as tables: little-endian numbers in sections with codes. Layout of revision 1.5.2.

Earlier revisions had other layouts and are refused. The specification gives labels as numbers in a list that it does not
show. Published lists agree on the first ten, the counters, and differ behind them: only those ten are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from physim_phantoms._checks import InputError

from .byte_stream import ByteStream
from .definitions import in_millimetres, rasters_of
from .extensions import label, shim, soft_delay, trigger
from .rotations import rotation_matrix
from .tables import AdcRow, BlockRow, Link, RfRow, ShapedRow, StoredShape, Tables, TrapezoidRow
from .versions import Version, require_known

MAGIC = b"\x01pulseq\x02"
FIRST_LAYOUT = Version(1, 5, 2)
CODE = 0xFFFFFFFF << 32  # of a section, to which its number is added
COUNTERS = ("SLC", "SEG", "REP", "AVG", "SET", "ECO", "PHS", "LIN", "PAR", "ACQ")

Rows = dict[int, Any]


def read_binary(data: bytes) -> Tables:
    """What a binary file says; raises `ValueError` where it is cut off or of another revision."""
    source = ByteStream(data, len(MAGIC))
    version = Version(*source.take("qqq"))
    if version < FIRST_LAYOUT:
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
    definitions = in_millimetres(found.pop("definitions", {}))
    rasters = rasters_of(definitions, version)
    blocks = [row._replace(duration=row.duration * rasters.block) for row in found.pop("blocks", [])]
    return Tables(version, rasters, definitions, blocks, **found)


def _definitions(source: ByteStream, found: dict) -> None:
    made: dict[str, Any] = {}
    for _ in range(source.count("definitions")):
        name, start = source.name(), source.place
        count, kind = source.one("B"), source.characters(1)
        if kind == "c":
            made[name] = source.characters(count).rstrip("\0")
        elif kind in ("i", "f"):
            values = source.take(f"{count}{'i' if kind == 'i' else 'd'}")
            made[name] = values[0] if count == 1 else values
        else:
            raise InputError(
                f"the definition {name} at byte {start} has type {kind!r}; it must be 'c', 'i' or 'f'"
            )
    found["definitions"] = made


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


def _label(operation: str):
    def read(source: ByteStream, where: str):
        value, number = source.take("ii")
        if not 1 <= number <= len(COUNTERS):
            raise InputError(
                f"{where} is label number {number}; binary files do not name labels, and their lists agree on 1 to "
                f"{len(COUNTERS)} only ({' '.join(COUNTERS)}): export the sequence as text (.seq)"
            )
        return label(operation, COUNTERS[number - 1], value, where)

    return read


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
    11: _extension("LABELSET", "label SET", _label("SET")),
    12: _extension("LABELINC", "label INC", _label("INC")),
    13: _extension("DELAYS", "soft delay", _soft_delay),
    14: _extension("RF_SHIMS", "RF shim", _shim),
    15: _extension("ROTATIONS", "rotation", _rotation),
}
