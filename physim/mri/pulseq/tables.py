"""What a Pulseq file says, as tables: the same for text and binary files, read or about to be written.

Times are whole picoseconds. Amplitudes and shapes are as in the file: Hz, Hz/m, and numbers from −1 to 1. Every row knows
where it stands in the file, for messages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from physim_phantoms._checks import InputError

from .versions import Version

KNOWN_EXTENSIONS = ("TRIGGERS", "LABELSET", "LABELINC", "DELAYS", "ROTATIONS", "RF_SHIMS")


class Rasters(NamedTuple):
    """Raster times of a file, ps; the defaults are those of the Pulseq toolboxes."""

    gradient: int = 10_000_000
    rf: int = 1_000_000
    adc: int = 100_000
    block: int = 10_000_000


RASTER_NAMES = ("GradientRasterTime", "RadiofrequencyRasterTime", "AdcRasterTime", "BlockDurationRaster")


class BlockRow(NamedTuple):
    """A block: its length, or before 1.4 the id of a delay, and the ids of its events; 0 for none."""

    where: str
    rf: int = 0
    gx: int = 0
    gy: int = 0
    gz: int = 0
    adc: int = 0
    extension: int = 0
    duration: int | None = None
    delay: int = 0


class RfRow(NamedTuple):
    """A pulse; `centre` and `use` are missing before 1.5."""

    where: str
    amplitude: float
    magnitude: int
    phase: int
    time: int = 0
    centre: int | None = None
    delay: int = 0
    frequency_ppm: float = 0.0
    phase_ppm: float = 0.0
    frequency_offset: float = 0.0
    phase_offset: float = 0.0
    use: str = "u"


class ShapedRow(NamedTuple):
    """A gradient of any shape; `first` and `last` (Hz/m) are missing before 1.5."""

    where: str
    amplitude: float
    shape: int
    time: int = 0
    delay: int = 0
    first: float | None = None
    last: float | None = None


class TrapezoidRow(NamedTuple):
    """A trapezoid."""

    where: str
    amplitude: float
    rise: int
    flat: int
    fall: int
    delay: int


class AdcRow(NamedTuple):
    """A read-out; `phase_shape` is the id of a phase (rad) for each sample."""

    where: str
    samples: int
    dwell: int
    delay: int
    frequency_ppm: float = 0.0
    phase_ppm: float = 0.0
    frequency_offset: float = 0.0
    phase_offset: float = 0.0
    phase_shape: int = 0


class Link(NamedTuple):
    """One extension of a block and the id of the next one."""

    where: str
    kind: int
    reference: int
    next: int


class StoredShape(NamedTuple):
    """A shape as stored: as many numbers as samples if it is not compressed."""

    where: str
    samples: int
    stored: np.ndarray


@dataclass(frozen=True, eq=False)
class Tables:
    """A whole file.

    - `kinds`: the name of each kind of extension, by its number in this file.
    - `extensions`: for each known name the objects by id: labels as (operation, name, value), rotations as matrices.
    """

    version: Version
    rasters: Rasters
    definitions: dict[str, Any]
    blocks: list[BlockRow]
    rf: dict[int, RfRow] = field(default_factory=dict)
    gradients: dict[int, ShapedRow | TrapezoidRow] = field(default_factory=dict)
    adc: dict[int, AdcRow] = field(default_factory=dict)
    delays: dict[int, int] = field(default_factory=dict)
    shapes: dict[int, StoredShape] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    extensions: dict[str, dict[int, Any]] = field(default_factory=dict)


def look_up(table: dict[int, Any], number: int, what: str, where: str) -> Any:
    """The row of an id, or an error that says who asked for it."""
    if number not in table:
        have = f"there are {len(table)}, up to id {max(table)}" if table else "there is none"
        raise InputError(
            f"{where} names {what} {number}, which is not in the file ({have}); the file may be cut off: export it again"
        )
    return table[number]


@contextlib.contextmanager
def located(where: str) -> Iterator[None]:
    """Says in errors of the block where they come from."""
    try:
        yield
    except InputError as error:
        told = str(error).startswith(where)
        raise InputError(str(error) if told else f"{where}: {error}") from error
