"""What Cartesian sequences share: an excitation with or without a slice, and a read-out line through k-space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from physim_phantoms._checks import InputError, require_range

from ..sequence.events import Adc, Rf, Trapezoid, Use
from ..units import RATE_PER_GRADIENT, seconds
from .limits import Limits, dwell_time
from .pulses import hard_pulse, sinc_pulse, slice_gradient


@dataclass(frozen=True, eq=False)
class Slice:
    """A slice across z by a windowed sinc: thickness in mm, pulse duration in s, time-bandwidth product."""

    thickness: float = 5.0
    duration: float = 2e-3
    time_bandwidth: float = 4.0


@dataclass(frozen=True, eq=False)
class Whole:
    """No slice: a rectangular pulse that excites everything alike; duration in s."""

    duration: float = 100e-6


def thickness(region: Slice | Whole) -> dict[str, object]:
    """The definition that tells an image how thick its slice is, mm; nothing where there is none."""
    return {"Thickness": region.thickness} if isinstance(region, Slice) else {}


class Excitation(NamedTuple):
    """A pulse, the gradient under it, and the moment (cycles/mm) along z that undoes its dephasing."""

    rf: Rf
    gradient: Trapezoid | None
    rephasing: float

    @property
    def after_centre(self) -> int:
        """From the middle of the pulse to the end of its block, ps."""
        end = self.rf.end if self.gradient is None else self.gradient.end
        return end - self.rf.delay - self.rf.centre

    @property
    def before_centre(self) -> int:
        """From the start of its block to the middle of the pulse, ps."""
        return self.rf.delay + self.rf.centre


def excitation(
    region: Slice | Whole, flip_angle: float, limits: Limits, phase: float = 0.0, use: Use = Use.EXCITATION
) -> Excitation:
    """The pulse for a region."""
    if isinstance(region, Whole):
        return Excitation(hard_pulse(flip_angle, region.duration, phase, use), None, 0.0)
    rf = sinc_pulse(flip_angle, region.duration, region.time_bandwidth, phase, use)
    bandwidth = region.time_bandwidth / float(seconds(rf.duration))
    rf, gradient = slice_gradient(bandwidth, region.thickness, rf, limits)
    half = float(seconds(gradient.flat)) / 2 + float(seconds(gradient.fall)) / 2
    return Excitation(rf, gradient, -gradient.amplitude * RATE_PER_GRADIENT * half)


class Line(NamedTuple):
    """A read-out line: gradient and samples, the moment before it, and when k passes zero (ps after the block began)."""

    gradient: Trapezoid
    adc: Adc
    prephasing: float
    rewinding: float
    echo: int


def read_line(samples: int, field_of_view: float, dwell: float, limits: Limits) -> Line:
    """A line with k from −floor(N/2) / L to (ceil(N/2) − 1) / L."""
    length = dwell_time(samples, dwell, limits)
    flat = -(-samples * length // limits.raster) * limits.raster
    amplitude = 1 / (field_of_view * float(seconds(length)) * RATE_PER_GRADIENT)
    gradient = limits.flat(amplitude, flat)
    ramp = amplitude * RATE_PER_GRADIENT * float(seconds(gradient.rise)) / 2
    before = ramp + (samples // 2 + 0.5) / field_of_view
    total = gradient.area * RATE_PER_GRADIENT
    echo = gradient.rise + (2 * (samples // 2) + 1) * length // 2
    return Line(gradient, Adc(samples, length, gradient.rise), -before, -(total - before), echo)


def phase_steps(lines: int, field_of_view: float) -> np.ndarray:
    """k of each phase-encoding line, cycles/mm, from −floor(N/2) / L on."""
    return (np.arange(lines) - lines // 2) / field_of_view


def require_matrix(matrix, field_of_view) -> tuple[tuple[int, int], tuple[float, float]]:
    """Two numbers of samples and two lengths in mm."""
    if len(matrix) != 2 or any(int(n) != n or n < 1 for n in matrix):
        raise InputError(
            f"matrix is {tuple(matrix)}; it must be two whole numbers of at least 1, like (128, 128)"
        )
    if len(field_of_view) != 2:
        raise InputError(
            f"field_of_view is {tuple(field_of_view)}; it must be two lengths in mm, like (256.0, 256.0)"
        )
    require_range("field_of_view", field_of_view, 1e-2, 1e5, "mm")
    return (int(matrix[0]), int(matrix[1])), (float(field_of_view[0]), float(field_of_view[1]))
