"""What Cartesian sequences share: an excitation with or without a slice, and a read-out line through k-space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from physim_phantoms._checks import InputError, require_range

from ..sequence.blocks import Block
from ..sequence.events import Adc, Rf, Trapezoid, Use
from ..units import MICROSECOND, RATE_PER_GRADIENT, on_raster, seconds
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


def over(region: Slice | Whole, definitions: dict[str, object]) -> dict[str, object]:
    """Definitions with how thick the slice is (mm), alone and as third number of the field of view; as they are without one.

    An image without slice is as thick as the patient.
    """
    made = dict(definitions)
    if isinstance(region, Slice):
        view = made.get("FOV")
        if isinstance(view, tuple) and len(view) == 2:
            made["FOV"] = (*view, region.thickness)
        made["Thickness"] = region.thickness
    return made


class Excitation(NamedTuple):
    """A pulse, the gradient under it, and the moment (cycles/mm) along z that undoes its dephasing.

    - `duration`: of its block, ps. The middle of the pulse lies on the raster, so that what follows can as well.
    """

    rf: Rf
    gradient: Trapezoid | None
    rephasing: float
    duration: int

    @property
    def after_centre(self) -> int:
        """From the middle of the pulse to the end of its block, ps."""
        return self.duration - self.before_centre

    @property
    def before_centre(self) -> int:
        """From the start of its block to the middle of the pulse, ps."""
        return self.rf.delay + self.rf.centre

    def play(self, phase: float = 0.0, scale: float = 1.0) -> Block:
        """The block: the pulse turned by a further phase (rad), its amplitude times `scale`."""
        rf = replace(self.rf, phase_offset=self.rf.phase_offset + phase, amplitude=self.rf.amplitude * scale)
        return Block(self.duration, rf=rf, gz=self.gradient)


def excitation(
    region: Slice | Whole, flip_angle: float, limits: Limits, phase: float = 0.0, use: Use = Use.EXCITATION
) -> Excitation:
    """The pulse for a region; its duration is rounded up so that its middle lies on the raster."""
    if isinstance(region, Whole):
        even = on_raster(region.duration, 2 * MICROSECOND)
        return without_gradient(hard_pulse(flip_angle, float(seconds(even)), phase, use), limits)
    even = float(seconds(on_raster(region.duration, 2 * limits.raster)))
    rf = sinc_pulse(flip_angle, even, region.time_bandwidth, phase, use)
    rf, gradient = slice_gradient(region.time_bandwidth / even, region.thickness, rf, limits)
    half = float(seconds(gradient.flat)) / 2 + float(seconds(gradient.fall)) / 2
    return Excitation(rf, gradient, -gradient.amplitude * RATE_PER_GRADIENT * half, gradient.end)


def without_gradient(rf: Rf, limits: Limits) -> Excitation:
    """A pulse alone, delayed until its middle lies on the raster."""
    rf = replace(rf, delay=-rf.centre % limits.raster)
    return Excitation(rf, None, 0.0, -(-rf.end // limits.raster) * limits.raster)


class Line(NamedTuple):
    """A read-out line: gradient and samples, the moment before it, and when k passes zero (ps after the block began)."""

    gradient: Trapezoid
    adc: Adc
    prephasing: float
    rewinding: float
    echo: int


def to_echo(samples: int, dwell: float, limits: Limits) -> int:
    """From the start of the first sample to the middle of the one at k = 0, ps."""
    return (2 * (samples // 2) + 1) * dwell_time(samples, dwell, limits) // 2


def read_line(samples: int, field_of_view: float, dwell: float, limits: Limits, late: int = 0) -> Line:
    """A line with k from −floor(N/2) / L to (ceil(N/2) − 1) / L, its samples `late` ps after the ramp."""
    length = dwell_time(samples, dwell, limits)
    flat = -(-(late + samples * length) // limits.raster) * limits.raster
    amplitude = 1 / (field_of_view * float(seconds(length)) * RATE_PER_GRADIENT)
    gradient = limits.flat(amplitude, flat)
    ramp = amplitude * RATE_PER_GRADIENT * float(seconds(gradient.rise / 2 + late))
    before = ramp + (samples // 2 + 0.5) / field_of_view
    total = gradient.area * RATE_PER_GRADIENT
    echo = gradient.rise + late + to_echo(samples, dwell, limits)
    return Line(gradient, Adc(samples, length, gradient.rise + late), -before, -(total - before), echo)


def phase_steps(lines: int, field_of_view: float) -> np.ndarray:
    """k of each phase-encoding line, cycles/mm, from −floor(N/2) / L on."""
    return (np.arange(lines) - lines // 2) / field_of_view


def require_matrix(matrix, field_of_view, dimensions: int = 2) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Numbers of samples and lengths in mm, one for each dimension."""
    words = {
        2: ("two", "(128, 128)", "(256.0, 256.0)"),
        3: ("three", "(128, 128, 96)", "(256.0, 256.0, 192.0)"),
    }
    number, samples, lengths = words[dimensions]
    if len(matrix) != dimensions or any(int(n) != n or n < 1 for n in matrix):
        raise InputError(
            f"matrix is {tuple(matrix)}; it must be {number} whole numbers of at least 1, like {samples}"
        )
    if len(field_of_view) != dimensions:
        raise InputError(
            f"field_of_view is {tuple(field_of_view)}; it must be {number} lengths in mm, like {lengths}"
        )
    require_range("field_of_view", field_of_view, 1e-2, 1e5, "mm")
    return tuple(int(n) for n in matrix), tuple(float(length) for length in field_of_view)
