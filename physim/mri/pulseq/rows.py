"""Events as the rows and shapes of a file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

from ..sequence.events import Rf, Waveform
from .gradients import CENTRES, HALVES, MILLITESLA_PER_HERTZ

Values = Float[np.ndarray, " sample"]
TURN = 2 * np.pi


class ShapedGradient(NamedTuple):
    """A gradient as a file stores it: Hz/m, a shape of at most 1, and times in rasters or a time id without a shape."""

    amplitude: float
    first: float
    last: float
    shape: Values
    time: int | Values
    delay: int


class ShapedPulse(NamedTuple):
    """A pulse as a file stores it: Hz, a magnitude of at most 1, cycles, and times in rasters (None for centres)."""

    amplitude: float
    magnitude: Values
    cycles: Values
    times: Values | None
    phase_offset: float


def shaped_gradient(event: Waveform, raster: int, where: str) -> ShapedGradient:
    """Corners on the centres of the raster (or on all its halves) become samples, others get their times."""
    values = np.asarray(event.values, float) / MILLITESLA_PER_HERTZ
    start = int(event.times[0])
    times = np.asarray(event.times, np.int64) - start
    if np.any(np.diff(times) <= 0):
        raise InputError(
            f"{where} jumps within a waveform (two corners at one time); Pulseq files hold no jumps: make it a short ramp"
        )
    inner = times[1:-1]
    time: int | np.ndarray
    if _on_centres(inner, int(times[-1]), raster):
        samples, time = values[1:-1], CENTRES
    elif _on_halves(inner, int(times[-1]), raster):
        samples, time = values[1:-1], HALVES
    else:
        samples, time = values, times / raster
    peak = float(np.max(np.abs(samples)))
    shape = samples / peak if peak > 0 else samples
    return ShapedGradient(peak, float(values[0]), float(values[-1]), shape, time, event.delay + start)


def _on_centres(inner: np.ndarray, end: int, raster: int) -> bool:
    return (
        len(inner) > 0
        and end == len(inner) * raster
        and bool(np.array_equal(2 * inner, (2 * np.arange(len(inner)) + 1) * raster))
    )


def _on_halves(inner: np.ndarray, end: int, raster: int) -> bool:
    steps = np.arange(1, len(inner) + 1)
    return (
        len(inner) % 2 == 1
        and 2 * end == (len(inner) + 1) * raster
        and bool(np.array_equal(2 * inner, steps * raster))
    )


def shaped_pulse(event: Rf, raster: int) -> ShapedPulse:
    """Phases go to [0, 1) cycles; a negative amplitude or magnitude becomes half a cycle."""
    magnitude, times = np.asarray(event.magnitude, float), np.asarray(event.times, np.int64)
    cycles = np.asarray(event.phase, float) / TURN + np.where(magnitude < 0, 0.5, 0.0)
    magnitude = np.abs(magnitude)
    end = -(-int(times[-1]) // raster) * raster
    if (
        end != event.duration
    ):  # a pulse lasts to the raster step of its last sample: its flat end becomes a sample
        times = np.append(times, event.duration)
        magnitude, cycles = np.append(magnitude, magnitude[-1]), np.append(cycles, cycles[-1])
    peak = float(np.max(magnitude))
    scale = peak if peak > 1 else 1.0  # a lower peak stays as it is, so that what was read is written
    centres = np.array_equal(2 * times, (2 * np.arange(len(times)) + 1) * raster)
    return ShapedPulse(
        abs(event.amplitude) * scale,
        magnitude / scale,
        np.mod(cycles, 1.0),
        None if centres and len(times) * raster == event.duration else times / raster,
        event.phase_offset + (np.pi if event.amplitude < 0 else 0.0),
    )
