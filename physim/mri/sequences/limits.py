"""What the gradient system of a scanner can do."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from physim_phantoms._checks import InputError, require_range

from ..gradients.curve import Curve
from ..sequence.blocks import AXES, Sequence
from ..sequence.events import Trapezoid
from ..sequence.waveforms import gradients_of
from ..units import RATE_PER_GRADIENT, on_raster, picoseconds


@dataclass(frozen=True, eq=False)
class Limits:
    """Largest gradient (mT/m) and slew rate (mT/m/s), and the raster of gradients and read-outs (ps).

    Good values: the defaults, a clinical 3 T scanner.
    """

    gradient: float = 40.0
    slew: float = 170e3
    raster: int = 10_000_000
    dwell_raster: int = 100_000

    def __post_init__(self):
        require_range("gradient", self.gradient, 1e-3, 1e4, "mT/m")
        require_range("slew", self.slew, 1.0, 1e8, "mT/m/s")

    def ramp(self, amplitude: float) -> int:
        """The shortest ramp to an amplitude (mT/m), ps on the raster."""
        return max(self.raster, on_raster(abs(amplitude) / self.slew, self.raster))

    def flat(self, amplitude: float, flat: int, delay: int = 0) -> Trapezoid:
        """A trapezoid of an amplitude (mT/m) that is flat for `flat` ps."""
        self._require(amplitude)
        ramp = self.ramp(amplitude)
        return Trapezoid(amplitude, ramp, flat, ramp, delay)

    def moment(self, moment: float, duration: int | None = None) -> Trapezoid:
        """A trapezoid with ∫ γ/2π G dt = `moment` (cycles/mm): the shortest, or one that lasts `duration` ps.

        Raises `ValueError` where the duration is too short for the moment within the limits.
        """
        area = moment / RATE_PER_GRADIENT  # mT/m s
        if duration is None:
            duration = self._shortest(abs(area))
        ramp = self._ramp_within(area, duration)
        if ramp is None:
            raise InputError(
                f"a gradient moment of {moment:g} cycles/mm does not fit into {duration / 1e9:g} ms at {self.slew:g} mT/m/s; "
                "allow more time (a longer TE or TR), or a larger Limits(slew=...)"
            )
        amplitude = area / ((duration - ramp) / 1e12)
        self._require(amplitude)
        return Trapezoid(amplitude, ramp, duration - 2 * ramp, ramp)

    def _shortest(self, area: float) -> int:
        peak = min(self.gradient, math.sqrt(area * self.slew))
        ramp = self.ramp(peak)
        flat = max(0.0, area / self.gradient - ramp / 1e12) if peak >= self.gradient else 0.0
        total = 2 * ramp + on_raster(flat, self.raster)
        while not self._fits(area, total):
            total += self.raster
        return total

    def _fits(self, area: float, duration: int) -> bool:
        ramp = self._ramp_within(area, duration)
        if ramp is None:
            return False
        return bool(abs(area) / ((duration - ramp) / 1e12) <= self.gradient * (1 + 1e-9))

    def _ramp_within(self, area: float, duration: int) -> int | None:
        """The shortest ramp, on the raster, with which a trapezoid of this area keeps to the slew rate, or None."""
        ramp, half = self.raster, duration // 2 // self.raster * self.raster
        while ramp <= half:
            amplitude = abs(area) / ((duration - ramp) / 1e12)
            if amplitude / (ramp / 1e12) <= self.slew * (1 + 1e-9):
                return ramp
            ramp = max(ramp + self.raster, self.ramp(amplitude))
        return None

    def _require(self, amplitude: float) -> None:
        if abs(amplitude) > self.gradient * (1 + 1e-9):
            raise InputError(
                f"a gradient of {abs(amplitude):.4g} mT/m is needed, above the limit of {self.gradient:g} mT/m; allow more "
                "time, a larger voxel or a lower bandwidth, or a larger Limits(gradient=...)"
            )

    def check(self, sequence: Sequence) -> None:
        """Raises `ValueError` for the first block with a gradient, slew rate or jump beyond the limits, on the scanner's axes.

        A jump, as between blocks that do not go on where the one before ended, may be what one raster step allows.
        """
        found = [
            one for axis, curve in enumerate(gradients_of(sequence).axes) for one in self._beyond(axis, curve)
        ]
        if found:
            time, said = min(found)
            starts = sequence.starts()
            # At the end of a block a gradient is still that block's; a jump there is told of the next one, if there is one.
            number = min(bisect_right(starts, time), len(sequence)) - 1
            raise InputError(said.format(block=number, after=(time - starts[number]) / 1e6))

    def _beyond(self, axis: int, curve: Curve) -> Iterator[tuple[int, str]]:
        """The first gradient, slew rate and jump of an axis beyond the limits: when (ps), and what to say of it."""
        name, values = AXES[axis], curve.values / RATE_PER_GRADIENT
        times, first = np.unique(curve.times, return_index=True)
        before, behind = values[first], values[np.append(first[1:], len(values)) - 1]
        size = np.maximum(abs(before), abs(behind))
        rate = abs(before[1:] - behind[:-1]) / (np.diff(times) / 1e12)
        jump = abs(behind - before)
        for amount, limit, said in (
            (size, self.gradient * (1 + 1e-9), f"reaches {{:.4g}} mT/m; the limit is {self.gradient:g} mT/m"),
            (rate, self.slew * (1 + 1e-6), f"changes at {{:.4g}} mT/m/s; the limit is {self.slew:g} mT/m/s"),
            (
                jump,
                self.slew * self.raster / 1e12,
                "jumps by {:.4g} mT/m; let it go on where the block before ended",
            ),
        ):
            if np.any(amount > limit):
                place = int(np.argmax(amount > limit))
                what = said.format(amount[place])
                yield (
                    int(times[place]),
                    f"{name} of block {{block}} {what} ({{after:g}} µs after the block began)",
                )


def dwell_time(count: int, dwell: float, limits: Limits) -> int:
    """The dwell time on the raster, ps, that is nearest to `dwell` seconds."""
    steps = max(1, round(picoseconds(dwell) / limits.dwell_raster))
    if count < 1:
        raise InputError(f"a read-out has {count} samples; it must have at least 1")
    return steps * limits.dwell_raster
