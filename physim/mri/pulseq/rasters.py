"""Raster times for a file: the usual ones where the sequence keeps to them, else the coarsest that it keeps to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..sequence.blocks import AXES, Sequence
from ..sequence.events import Trapezoid
from ..units import picoseconds
from .tables import RASTER_NAMES, Rasters


def rasters_for(sequence: Sequence) -> Rasters:
    """Raster times that divide what they must: durations of blocks and pulses, dwell times, edges of gradients."""
    usual = _defined(sequence.definitions)
    gradients = {id(event): event for one in sequence for axis in AXES if (event := getattr(one, axis))}
    edges: set[int] = set()
    for event in gradients.values():
        ramps = (
            (event.rise, event.flat, event.fall) if isinstance(event, Trapezoid) else (int(event.times[0]),)
        )
        edges.update((event.delay, event.end, *ramps))
    return Rasters(
        gradient=_dividing(edges, usual.gradient),
        rf=_dividing({one.rf.duration for one in sequence if one.rf is not None}, usual.rf),
        adc=_dividing({one.adc.dwell for one in sequence if one.adc is not None}, usual.adc),
        block=_dividing({one.duration for one in sequence}, usual.block),
    )


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
