"""The columns of the tables in text files, by revision."""

from __future__ import annotations

from .numerals import Column, microseconds, nanoseconds, real, text, whole
from .versions import EDGES_AND_CENTRES, EXPLICIT_TIMES, EXTENSION_COLUMN, Version

_EVENTS = [Column(name, whole) for name in ("rf", "gx", "gy", "gz", "adc")]
_DELAY = Column("delay", microseconds)
_PPM = [Column("frequency_ppm", real), Column("phase_ppm", real)]
_OFFSETS = [Column("frequency_offset", real), Column("phase_offset", real)]
_RAMPS = [Column(name, microseconds) for name in ("rise", "flat", "fall")]

TRAPEZOID = [Column("amplitude", real), *_RAMPS, _DELAY]
LINK = [Column("kind", whole), Column("reference", whole), Column("next", whole)]
DELAY = [_DELAY]
TRIGGER = [Column("kind", whole), Column("channel", whole), _DELAY, Column("duration", microseconds)]
LABEL = [Column("value", whole), Column("name", text)]
SOFT_DELAY = [
    Column("number", whole),
    Column("offset", microseconds),
    Column("factor", real),
    Column("hint", text),
]
ROTATION = [Column(name, real) for name in ("q0", "qx", "qy", "qz")]


def block_columns(version: Version) -> list[Column]:
    """Length in block rasters, or the id of a delay before 1.4, and the ids of events."""
    time = "duration" if version >= EXPLICIT_TIMES else "delay"
    extension = [Column("extension", whole)] if version >= EXTENSION_COLUMN else []
    return [Column(time, whole), *_EVENTS, *extension]


def rf_columns(version: Version) -> list[Column]:
    """Pulses."""
    shapes = [Column("amplitude", real), Column("magnitude", whole), Column("phase", whole)]
    time = [Column("time", whole)] if version >= EXPLICIT_TIMES else []
    if version < EDGES_AND_CENTRES:
        return [*shapes, *time, _DELAY, *_OFFSETS]
    return [*shapes, *time, Column("centre", microseconds), _DELAY, *_PPM, *_OFFSETS, Column("use", text)]


def shaped_columns(version: Version) -> list[Column]:
    """Gradients of any shape."""
    edges = [Column("first", real), Column("last", real)] if version >= EDGES_AND_CENTRES else []
    time = [Column("time", whole)] if version >= EXPLICIT_TIMES else []
    return [Column("amplitude", real), *edges, Column("shape", whole), *time, _DELAY]


def adc_columns(version: Version) -> list[Column]:
    """Read-outs."""
    sampling = [Column("samples", whole), Column("dwell", nanoseconds), _DELAY]
    if version < EDGES_AND_CENTRES:
        return [*sampling, *_OFFSETS]
    return [*sampling, *_PPM, *_OFFSETS, Column("phase_shape", whole)]
