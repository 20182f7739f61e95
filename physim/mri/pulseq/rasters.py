"""Raster times for a file: those that the sequence says where they do, else the usual ones or the coarsest that do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..sequence.blocks import AXES, Sequence
from ..sequence.events import Gradient, Trapezoid, Waveform
from ..units import picoseconds
from .tables import RASTER_NAMES, Rasters


def rasters_for(sequence: Sequence) -> Rasters:
    """Raster times that divide what they must: durations of blocks and pulses, lengths of shaped gradients.

    Trapezoids and dwell times are written without rasters; they count where the sequence does not say which it was made for.
    """
    usual, said = _defined(sequence.definitions), sequence.definitions
    gradients = {id(event): event for one in sequence for axis in AXES if (event := getattr(one, axis))}
    shaped = {
        int(event.times[-1] - event.times[0]) for event in gradients.values() if isinstance(event, Waveform)
    }
    edges = set() if RASTER_NAMES[0] in said else _edges(gradients.values())
    dwells = {one.adc.dwell for one in sequence if one.adc is not None and RASTER_NAMES[2] not in said}
    return Rasters(
        gradient=_dividing(shaped | edges, usual.gradient),
        rf=_dividing({one.rf.duration for one in sequence if one.rf is not None}, usual.rf),
        adc=_dividing(dwells, usual.adc),
        block=_dividing({one.duration for one in sequence}, usual.block),
    )


def _edges(gradients: Iterable[Gradient]) -> set[int]:
    """The times of gradients, ps."""
    found: set[int] = set()
    for event in gradients:
        ramps = (
            (event.rise, event.flat, event.fall) if isinstance(event, Trapezoid) else (int(event.times[0]),)
        )
        found.update((event.delay, event.end, *ramps))
    return found


def _dividing(times: Iterable[int], usual: int) -> int:
    """The usual raster if it divides all times, else the largest that does."""
    largest = math.gcd(*(int(time) for time in times))
    return usual if largest % usual == 0 else largest


def _defined(definitions) -> Rasters:
    """The raster times that the sequence says it was made for."""
    given: list[Any] = [definitions.get(name) for name in RASTER_NAMES]
    return Rasters(
        *(
            picoseconds(value) if isinstance(value, int | float) and 1e-12 <= value <= 1 else default
            for value, default in zip(given, Rasters(), strict=True)
        )
    )
