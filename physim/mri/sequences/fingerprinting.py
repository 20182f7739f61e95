"""Magnetic resonance fingerprinting: an inversion and a train of changing flip angles."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence as Several
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError, require_range

from ..sequence.blocks import Block, Sequence
from ..sequence.events import Adc
from ..units import MICROSECOND, picoseconds
from .gradient_echo import line_for
from .limits import Limits, dwell_time
from .lines import Excitation, Slice, Whole, excitation, over
from .preparations import Inversion, prepared
from .radial import along_spokes
from .repetition import Readout, gradient_echoes
from .spiral import interleaved
from .spokes import GoldenSpokes


class Acquisition(abc.ABC):
    """What is read in each repetition of a fingerprint."""

    @abc.abstractmethod
    def readouts(self, count: int, to_echo: int, spoiling: float, limits: Limits) -> list[Readout]:
        """One for each repetition; TE is `to_echo` ps behind the pulse's block."""


@dataclass(frozen=True, eq=False)
class SingleSample(Acquisition):
    """One sample at TE and no encoding: the signal of a voxel, for dictionaries. `dwell` in s, a multiple of 2 µs."""

    dwell: float = 10e-6

    def readouts(self, count: int, to_echo: int, spoiling: float, limits: Limits) -> list[Readout]:
        """The same each time."""
        adc = Adc(1, dwell_time(1, self.dwell, limits))
        delay = round((to_echo - adc.dwell // 2) % limits.raster / MICROSECOND) * MICROSECOND
        adc = replace(adc, delay=delay)
        block = Block(-(-adc.end // limits.raster) * limits.raster, adc=adc)
        one = Readout((block,), (0.0, 0.0, 0.0), (0.0, 0.0, spoiling), delay + adc.dwell // 2)
        return [one] * count


@dataclass(frozen=True, eq=False)
class SpiralInterleaves(Acquisition):
    """One interleaf of a spiral each time, in turn; see `spiral`."""

    matrix: int = 128
    field_of_view: float = 256.0
    interleaves: int = 24
    dwell: float = 2e-6

    def readouts(self, count: int, to_echo: int, spoiling: float, limits: Limits) -> list[Readout]:
        """The interleaves over and over."""
        shape = (self.matrix, self.field_of_view, self.interleaves, self.dwell)
        made = interleaved(*shape, spoiling, limits)
        return [made[number % len(made)] for number in range(count)]


@dataclass(frozen=True, eq=False)
class RadialSpokes(Acquisition):
    """One spoke each time by the golden angle; see `radial`."""

    matrix: int = 128
    field_of_view: float = 256.0
    dwell: float = 10e-6

    def readouts(self, count: int, to_echo: int, spoiling: float, limits: Limits) -> list[Readout]:
        """All directions differ."""
        line = line_for(self.matrix, self.field_of_view, self.dwell, to_echo, limits)
        return along_spokes(line, GoldenSpokes(count), spoiling)


def fingerprinting(
    flip_angles: Several[float] | Float[np.ndarray, " repetition"] | None = None,
    tr: float = 12e-3,
    te: float = 2e-3,
    *,
    inversion: Inversion | None = Inversion(20e-3),
    acquisition: Acquisition = SingleSample(),
    region: Slice | Whole = Whole(),
    spoiling: float = 1.0,
    limits: Limits = Limits(),
) -> Sequence:
    """FISP fingerprinting: an inversion, then one pulse and one read-out per TR, dephased alike after each.

    - `flip_angles`: rad, one for each repetition; None for `half_sine_flip_angles()`. - `tr`, `te`: s, from middle of pulse.
    - `inversion`: to the first pulse, or None. - `acquisition`: `SingleSample`, `SpiralInterleaves`, `RadialSpokes`.
    - `spoiling`: cycles/mm along z at the end of each repetition; pulses all have one phase.

    Source: Jiang et al., Magn. Reson. Med. 74 (2015) 1621. Raises `ValueError` where times are too short or a gradient is
    beyond the limits.

    Good values: `fingerprinting(acquisition=SpiralInterleaves(128, 256.0), region=Slice(5.0), tr=14e-3, spoiling=1.6)`.
    """
    flips = half_sine_flip_angles() if flip_angles is None else np.asarray(flip_angles, float)
    if flips.ndim != 1 or not len(flips):
        raise InputError(
            f"flip_angles have shape {flips.shape}; give one for each repetition: numpy.radians([10.0, 20.0, 30.0])"
        )
    require_range("flip_angles", flips, -4 * math.pi, 4 * math.pi, "rad")
    pulse = excitation(region, 1.0, limits)
    readouts = acquisition.readouts(len(flips), picoseconds(te) - pulse.after_centre, spoiling, limits)
    count = len(flips)
    pulses = [_scaled(pulse, flip) for flip in flips.tolist()]
    blocks = gradient_echoes(pulses, [0.0] * count, readouts, [True] * count, te, tr, limits)
    ahead = prepared(inversion, pulse.before_centre, limits)
    definitions: dict[str, object] = {"Name": "Fingerprinting", "TE": te, "TR": tr}
    return Sequence([*ahead, *blocks], over(region, definitions))


def half_sine_flip_angles(
    count: int = 500,
    peaks: Several[float] = (math.radians(35), math.radians(45), math.radians(70), math.radians(25)),
    lowest: float = math.radians(4),
) -> Float[np.ndarray, " repetition"]:
    """Flip angles in half-sine lobes of equal length, rad: lowest + (peak − lowest) sin(π (n + ½) / N).

    Source: the lobes of Jiang et al., Magn. Reson. Med. 74 (2015) 1621, figure 1. Good values: 500 repetitions.
    """
    if count < len(peaks) or not len(peaks):
        raise InputError(f"count is {count} for {len(peaks)} lobes; there must be a repetition for each")
    parts = np.array_split(np.arange(count), len(peaks))
    lobes = [
        lowest + (peak - lowest) * np.sin(np.pi * (np.arange(len(part)) + 0.5) / len(part))
        for part, peak in zip(parts, peaks, strict=True)
    ]
    return np.concatenate(lobes)


def _scaled(pulse: Excitation, flip: float) -> Excitation:
    """The pulse of one radian with another flip angle: its shape stays one object, so it is compiled once."""
    return pulse._replace(rf=replace(pulse.rf, amplitude=pulse.rf.amplitude * flip))
