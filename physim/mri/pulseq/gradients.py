"""Gradients of a file as events: samples on the raster get the values at their edges.

Pulseq gives shaped gradients at the centres of raster steps (or at all multiples of half a step), and since 1.5 their
first and last value. Linear in between, they are `Waveform`s.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from physim_phantoms._checks import InputError

from ..sequence.events import Waveform
from ..units import GYROMAGNETIC_RATIO
from .tables import ShapedRow

MILLITESLA_PER_HERTZ = 1e3 / GYROMAGNETIC_RATIO  # mT/m for Hz/m
CENTRES, HALVES = 0, -1  # time ids without a shape

Times = Int[np.ndarray, " sample"]
Values = Float[np.ndarray, " sample"]


def sample_times(row: ShapedRow, samples: int, explicit: Values | None, raster: int) -> Times:
    """When the samples of a gradient are, ps after its delay; `explicit` times are in units of the raster."""
    if row.time == CENTRES:
        return (2 * np.arange(samples, dtype=np.int64) + 1) * raster // 2
    if row.time == HALVES:
        if samples % 2 == 0:
            raise InputError(
                f"{row.where} is oversampled (time −1) and has {samples} samples; it must have an odd number: "
                "a sample in the middle of each raster step and one between neighbours"
            )
        return np.arange(1, samples + 1, dtype=np.int64) * raster // 2
    if explicit is None or row.time < HALVES:
        raise InputError(f"{row.where} has time shape {row.time}; it must be the id of a shape, 0, or −1")
    if len(explicit) != samples:
        raise InputError(
            f"{row.where} has {samples} samples and {len(explicit)} times; shape {row.shape} and time shape {row.time} "
            "must be equally long"
        )
    times = np.round(explicit * raster).astype(np.int64)
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise InputError(f"{row.where} has times that do not rise from 0 on; correct time shape {row.time}")
    return times


def waveform(times: Times, samples: Values, first: float, last: float, delay: int, raster: int) -> Waveform:
    """Samples (Hz/m) at times within a gradient, with its first and last value where they do not reach its edges."""
    end = -(-int(times[-1]) // raster) * raster
    if times[0] > 0:
        times, samples = np.concatenate([[0], times]), np.concatenate([[first], samples])
    if times[-1] < end:
        times, samples = np.concatenate([times, [end]]), np.concatenate([samples, [last]])
    if len(times) < 2:
        raise InputError("a gradient has a single sample and no length; give it two corners or more")
    return Waveform(samples * MILLITESLA_PER_HERTZ, times.astype(np.int64), delay)


def extrapolated_last(samples: Values) -> float:
    """The value at the end of a gradient sampled at centres, where a file does not say: a line through the last two."""
    return float(samples[-1] if len(samples) < 2 else 1.5 * samples[-1] - 0.5 * samples[-2])
