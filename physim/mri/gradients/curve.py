"""Piecewise linear functions of time, and their exact integrals: parabolas and cubics between the corners."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ..units import seconds

Side = Literal["left", "right"]


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise linear function, zero outside its corners: times in ps, rising; two equal times are a jump."""

    times: Int[np.ndarray, " knot"]
    values: Float[np.ndarray, " knot"]

    def at(self, times, side: Side = "right") -> Float[np.ndarray, "..."]:
        """The value at `times` (ps); at a jump the limit from a `side`."""
        index, elapsed, slope = self.place(np.asarray(times), side)
        return self.values[index] + slope * elapsed

    def integral(self, times) -> Float[np.ndarray, "..."]:
        """The integral from the first corner to `times` (ps), value times s."""
        index, elapsed, slope = self.place(np.asarray(times), "right")
        return self._once[index] + elapsed * (self.values[index] + 0.5 * slope * elapsed)

    def second_integral(self, times) -> Float[np.ndarray, "..."]:
        """The integral of `integral` from the first corner to `times` (ps), value times s²."""
        index, elapsed, slope = self.place(np.asarray(times), "right")
        inner = self._once[index] + elapsed * (0.5 * self.values[index] + slope * elapsed / 6)
        return self._twice[index] + elapsed * inner

    def delayed(self, delay: int) -> Curve:
        """The same curve `delay` ps later (earlier where negative), with rest before and after it."""
        first, last = int(self.times[0]), int(self.times[-1])
        times = np.concatenate([[first - abs(delay)], self.times + delay, [last + abs(delay)]])
        return Curve(times.astype(np.int64), np.concatenate([[0.0], self.values, [0.0]]))

    def place(self, times, side: Side = "right"):
        """The corner before each time, seconds since then, and the slope there per second."""
        index = np.clip(np.searchsorted(self.times, times, side=side) - 1, 0, len(self.times) - 2)
        length = self.times[index + 1] - self.times[index]
        change = self.values[index + 1] - self.values[index]
        slope = np.where(length > 0, change / np.asarray(seconds(np.maximum(length, 1))), 0.0)
        return index, np.asarray(seconds(times - self.times[index])), slope

    @cached_property
    def _once(self) -> Float[np.ndarray, " knot"]:
        """`integral` at each corner."""
        steps = np.asarray(seconds(np.diff(self.times)))
        return np.concatenate([[0.0], np.cumsum(0.5 * (self.values[1:] + self.values[:-1]) * steps)])

    @cached_property
    def _twice(self) -> Float[np.ndarray, " knot"]:
        """`second_integral` at each corner."""
        steps = np.asarray(seconds(np.diff(self.times)))
        pieces = steps * (self._once[:-1] + steps * (2 * self.values[:-1] + self.values[1:]) / 6)
        return np.concatenate([[0.0], np.cumsum(pieces)])
