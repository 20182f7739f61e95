"""The two units in which a sequence lives: integer picoseconds, and mT/m as a phase rate per mm."""

from __future__ import annotations

from typing import Any

import numpy as np

from physim_phantoms._checks import InputError

GYROMAGNETIC_RATIO = 42.577478518e6  # Hz/T, proton: CODATA 2018
RATE_PER_GRADIENT = GYROMAGNETIC_RATIO * 1e-6  # Hz/mm for 1 mT/m
RATE_PER_PPM = GYROMAGNETIC_RATIO * 1e-6  # Hz for 1 ppm of 1 T
PICOSECONDS = 10**12  # in a second
MICROSECOND = 10**6  # ps


def picoseconds(seconds: float) -> int:
    """A time in whole picoseconds, rounded to the nearest; times in a sequence are integers, so sums of them are exact."""
    if not np.isfinite(seconds):
        raise InputError(f"a time of the sequence is {seconds} s; it must be a finite number of seconds")
    return round(float(seconds) * PICOSECONDS)


def on_raster(seconds: float, raster: int) -> int:
    """A time in picoseconds, rounded up to a multiple of `raster` picoseconds (nearly exact multiples stay)."""
    return -(-(picoseconds(seconds) - 1) // raster) * raster


def seconds(time: int | float | np.ndarray | np.number) -> Any:
    """Picoseconds as seconds."""
    return time / PICOSECONDS
