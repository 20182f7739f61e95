"""Saturation transfer (CEST, MT): saturation at a list of offsets, each read out by a 90° pulse."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence as Several
from dataclasses import dataclass, replace

import numpy as np

from physim_phantoms._checks import InputError, require_finite, require_range

from ..sequence.blocks import Block, Sequence, block
from ..sequence.events import Adc, Rf, Use
from ..units import picoseconds
from .limits import Limits, dwell_time
from .lines import without_gradient
from .pulses import RF_RASTER, hard_pulse
from .timing import require_raster, wait


def _require_saturation(amplitude: float, duration: float) -> None:
    require_range("amplitude", amplitude, 0.0, 1e5, "Hz")
    require_range("duration", duration, 1e-6, 100.0, "s")


class Saturation(abc.ABC):
    """What is played before each read-out."""

    @abc.abstractmethod
    def pulse(self) -> Rf:
        """One pulse, on resonance."""

    @abc.abstractmethod
    def blocks(self, pulse: Rf, limits: Limits) -> list[Block]:
        """The whole preparation, made of that pulse."""


@dataclass(frozen=True)
class ContinuousWave(Saturation):
    """One rectangular pulse: amplitude in Hz of nutation (42.58 Hz is 1 µT), duration in s.

    Good values: 2 µT and 2 s for CEST at 3 T.
    """

    amplitude: float = 85.2
    duration: float = 2.0

    def __post_init__(self):
        _require_saturation(self.amplitude, self.duration)

    def pulse(self) -> Rf:
        """The pulse, constant over its duration."""
        length = picoseconds(self.duration)
        corners = np.array([0, length], np.int64)
        return Rf(
            self.amplitude, np.ones(2), np.zeros(2), corners, length, centre=length // 2, use=Use.SATURATION
        )

    def blocks(self, pulse: Rf, limits: Limits) -> list[Block]:
        """That pulse alone."""
        require_raster("duration", self.duration, limits.raster)
        return [block(rf=pulse, raster=limits.raster)]


@dataclass(frozen=True)
class GaussianTrain(Saturation):
    """Gaussian pulses with pauses between them, each with the same phase at its beginning.

        B₁(t) ∝ exp(−(t − T/2)² / 2σ²) − exp(−(T/2)² / 2σ²),      0 < t < T

    - `amplitude`: peak, Hz of nutation. - `duration`: T, s. - `pause`: s between pulses. - `count`: of pulses.
    - `width`: σ / T.

    Good values: 40 pulses of 50 ms and 50 ms pauses at 3 µT peak.
    """

    amplitude: float = 128.0
    duration: float = 50e-3
    pause: float = 50e-3
    count: int = 20
    width: float = 1 / 6

    def __post_init__(self):
        _require_saturation(self.amplitude, self.duration)
        require_range("pause", self.pause, 0.0, 10.0, "s")
        require_range("width", self.width, 0.01, 10.0)
        require_range("count", self.count, 1.0, 1e5)

    def pulse(self) -> Rf:
        """One Gaussian, zero at both ends."""
        length = picoseconds(self.duration)
        times = np.linspace(0, length, 1 + -(-length // (10 * RF_RASTER))).astype(np.int64)
        bell = np.exp(-((times / length - 0.5) ** 2) / (2 * self.width**2))
        shape = (bell - bell[0]) / (1 - bell[0])
        nothing = np.zeros(len(times))
        return Rf(self.amplitude, shape, nothing, times, length, centre=length // 2, use=Use.SATURATION)

    def blocks(self, pulse: Rf, limits: Limits) -> list[Block]:
        """`count` pulses with pauses between them."""
        require_raster("duration", self.duration, limits.raster)
        played = block(rf=pulse, raster=limits.raster)
        pause = Block(require_raster("pause", self.pause, limits.raster))
        return [played, pause] * (self.count - 1) + [played]


def saturation_transfer(
    offsets: Several[float] | np.ndarray,
    saturation: Saturation = ContinuousWave(),
    *,
    recovery: float = 10.0,
    spoiling: float = 2.0,
    dwell: float = 10e-6,
    limits: Limits = Limits(),
) -> Sequence:
    """First a read-out without saturation, then one after saturation at each of `offsets` (ppm): what `z_spectrum` reads.

    - `recovery`: s of rest before each preparation. - `spoiling`: cycles/mm along z that a crusher turns what transverse
      magnetisation the saturation leaves; 0 for none. - `dwell`: s of the one sample, right behind a 90° pulse.

    Raises `ValueError` for no offsets, NaN, and pulses or pauses that are no multiples of 10 µs.

    One spin is not spoiled by a crusher: take several along z, or leave it away.

    Good values: `saturation_transfer(numpy.linspace(-6, 6, 49), ContinuousWave(85.0, 2.0))`.
    """
    require_finite("offsets", offsets)
    places = [float(offset) for offset in offsets]
    if not places:
        raise InputError(
            "offsets is empty; give at least one offset in ppm, such as numpy.linspace(-6, 6, 49)"
        )
    require_range("recovery", recovery, 0.0, 1e3, "s")
    require_range("spoiling", spoiling, 0.0, 100.0, "cycles/mm")
    rest = wait(picoseconds(recovery), "recovery", limits)
    crusher = [block(gz=limits.moment(spoiling), raster=limits.raster)] if spoiling else []
    adc = Adc(1, dwell_time(1, dwell, limits))
    excitation = without_gradient(hard_pulse(math.pi / 2), limits).play()
    read = [excitation, block(adc=adc, raster=limits.raster), *crusher]
    pulse = saturation.pulse()
    blocks = [rest, *read]
    for offset in places:
        blocks += [rest, *saturation.blocks(replace(pulse, frequency_ppm=offset), limits), *crusher, *read]
    return Sequence(blocks, {"Name": "SaturationTransfer", "offsets_ppm": places})
