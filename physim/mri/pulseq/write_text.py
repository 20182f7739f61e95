"""Tables as the text of a file of revision 1.5, signed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from physim_phantoms._checks import InputError

from .definitions import DIGITS, REQUIRED, required_extensions
from .numerals import MICROSECOND, NANOSECOND
from .signature import digest
from .tables import KNOWN_EXTENSIONS, RASTER_NAMES, ShapedRow, StoredShape, Tables, TrapezoidRow

NEEDED = ("ROTATIONS", "RF_SHIMS")  # without these a scanner would play something else


def text_of(tables: Tables) -> str:
    """The file; raises `ValueError` for times that are no whole µs where the format wants those."""
    parts = [
        "# Pulseq sequence file\n# Created by physim\n",
        _section("VERSION", zip(tables.version._fields, tables.version, strict=True)),
        _section("DEFINITIONS", _definitions(tables)),
        _section("BLOCKS", _blocks(tables), "id duration rf gx gy gz adc ext"),
        _section(
            "RF", _rf(tables), "id Hz mag_id phase_id time_id center(us) delay(us) ppm rad/MHz Hz rad use"
        ),
        _section("GRADIENTS", _shaped(tables), "id Hz/m first last shape_id time_id delay(us)"),
        _section("TRAP", _trapezoids(tables), "id Hz/m rise(us) flat(us) fall(us) delay(us)"),
        _section("ADC", _adc(tables), "id num dwell(ns) delay(us) ppm rad/MHz Hz rad phase_id"),
        _section("EXTENSIONS", ((n, *link[1:]) for n, link in tables.links.items()), "id type ref next"),
        *_specifications(tables),
        _shapes(tables.shapes),
    ]
    content = "\n".join(part for part in parts if part)
    return f"{content}\n[SIGNATURE]\nType md5\nHash {digest(content.encode())}\n"


def _section(name: str, rows: Iterable[Iterable[Any]], columns: str = "") -> str:
    lines = [" ".join(_word(value) for value in row) for row in rows]
    if not lines:
        return ""
    heading = f"# {columns}\n" if columns else ""
    return f"{heading}[{name}]\n" + "\n".join(lines) + "\n"


def _word(value: Any) -> str:
    """Text as it is, whole numbers exactly, others with twelve digits."""
    if isinstance(value, str | int | np.integer):
        return str(value)
    return f"{value:.{DIGITS}g}"


def _definitions(tables: Tables) -> Iterable[tuple]:
    total = sum(row.duration or 0 for row in tables.blocks) / 1e12
    found = {name: value for name, value in tables.definitions.items() if value is not None}
    found |= {name: time / 1e12 for name, time in zip(RASTER_NAMES, tables.rasters, strict=True)}
    found["TotalDuration"] = total
    required = required_extensions(found)
    required += [name for name in NEEDED if name in tables.extensions and name not in required]
    if required:
        found[REQUIRED] = " ".join(required)
    for name, value in sorted(found.items()):
        yield (name, *_values(name, value))


def _values(name: str, value: Any) -> tuple:
    if any(letter.isspace() for letter in name) or not name:
        raise InputError(
            f"the definition {name!r} has white space in its name; a Pulseq file has words there: rename it"
        )
    if isinstance(value, str) and "\n" not in value:
        return (value,)
    values = np.ravel(np.asarray(value)).tolist() if not isinstance(value, str) else [value]
    if not all(isinstance(one, int | float) for one in values):
        raise InputError(
            f"the definition {name} is {value!r}; a Pulseq file holds numbers, lists of numbers and texts of one line"
        )
    return tuple(values)


def _blocks(tables: Tables) -> Iterable[tuple]:
    for number, row in enumerate(tables.blocks, 1):
        duration = (row.duration or 0) // tables.rasters.block
        yield (number, duration, row.rf, row.gx, row.gy, row.gz, row.adc, row.extension)


def _rf(tables: Tables) -> Iterable[tuple]:
    for number, row in tables.rf.items():
        # Pulseq toolboxes write and read delays of pulses with decimals.
        times = (row.centre or 0) / MICROSECOND, row.delay / MICROSECOND
        offsets = row.frequency_ppm, row.phase_ppm, row.frequency_offset, row.phase_offset
        yield (number, row.amplitude, row.magnitude, row.phase, row.time, *times, *offsets, row.use)


def _shaped(tables: Tables) -> Iterable[tuple]:
    for number, row in tables.gradients.items():
        if isinstance(row, ShapedRow):
            delay = _microseconds(row.delay, "delay", row.where)
            yield (number, row.amplitude, row.first, row.last, row.shape, row.time, delay)


def _trapezoids(tables: Tables) -> Iterable[tuple]:
    for number, row in tables.gradients.items():
        if isinstance(row, TrapezoidRow):
            names = ("rise", "flat", "fall", "delay")
            times = (_microseconds(getattr(row, name), name, row.where) for name in names)
            yield (number, row.amplitude, *times)


def _adc(tables: Tables) -> Iterable[tuple]:
    for number, row in tables.adc.items():
        delay = _microseconds(row.delay, "delay", row.where)
        offsets = row.frequency_ppm, row.phase_ppm, row.frequency_offset, row.phase_offset
        yield (number, row.samples, row.dwell / NANOSECOND, delay, *offsets, row.phase_shape)


def _microseconds(time: int, name: str, where: str) -> int:
    if time % MICROSECOND:
        raise InputError(
            f"the {name} of {where} is {time / MICROSECOND:.9g} µs; Pulseq files hold whole µs there: "
            "round the times of the sequence, as with Limits(raster=10_000_000)"
        )
    return time // MICROSECOND


def _specifications(tables: Tables) -> Iterable[str]:
    """One part for each kind of extension that is used."""
    numbers = {name: number for number, name in tables.kinds.items()}
    for name in KNOWN_EXTENSIONS:
        objects = tables.extensions.get(name, {})
        if objects:
            lines = [
                " ".join(_word(value) for value in (number, *_columns(name, found, number)))
                for number, found in objects.items()
            ]
            yield f"extension {name} {numbers[name]}\n" + "\n".join(lines) + "\n"


def _columns(name: str, found: Any, number: int) -> tuple:
    where = f"{name} {number}"
    if name == "TRIGGERS":
        times = (_microseconds(getattr(found, field), field, where) for field in ("delay", "duration"))
        return (found.kind.value, found.channel, *times)
    if name == "DELAYS":
        return (found.number, _microseconds(found.offset, "offset", where), found.factor, found.hint)
    if name == "RF_SHIMS":
        return (len(found) // 2, *found)
    if name == "ROTATIONS":
        return tuple(f"{value:.17g}" for value in found)
    _, label, value = found
    return (value, label)


def _shapes(shapes: dict[int, StoredShape]) -> str:
    if not shapes:
        return ""
    parts = ["[SHAPES]\n"]
    for number, shape in shapes.items():
        packed = len(shape.stored) < shape.samples
        # Steps of packed shapes are whole quanta, short as they are; rounding them would add up.
        words = map(repr, shape.stored.tolist()) if packed else map(_word, shape.stored.tolist())
        parts.append("\n".join([f"shape_id {number}", f"num_samples {shape.samples}", *words]) + "\n")
    return "\n".join(parts)
