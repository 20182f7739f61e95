"""Integrals of a gradient times a piecewise linear weight: exact, by parts.

∫ a g dt = [a ∫g] − a' ∬g        on each piece where a is linear
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..gradients.curve import Curve
from ..gradients.eddy_currents import Induced
from ..units import PICOSECONDS, seconds

LONG_AGO, EVER_AFTER = -(10**6) * PICOSECONDS, 10**6 * PICOSECONDS


@dataclass(frozen=True, eq=False)
class Weights:
    """Several functions of time with the same corners, linear between them and constant outside: times in ps, rising."""

    times: Int[np.ndarray, " knot"]
    values: Float[np.ndarray, "knot weight"]

    @classmethod
    def of(cls, times: Float[np.ndarray, " knot"], values: Float[np.ndarray, "knot weight"]) -> Weights:
        """Weights with corners at `times` in s."""
        corners = np.round(np.asarray(times, float) * PICOSECONDS).astype(np.int64)
        return cls(
            np.concatenate([[LONG_AGO], corners, [EVER_AFTER]]),
            np.concatenate([values[:1], values, values[-1:]]),
        )

    def at(self, times) -> Float[np.ndarray, "... weight"]:
        """The weights at `times` (ps)."""
        index, elapsed, slope = self._place(np.asarray(times))
        return self.values[index] + slope * elapsed[..., None]

    def integral(self, gradient: Curve | Induced, times) -> Float[np.ndarray, "... weight"]:
        """The integrals of the weights times a gradient up to `times` (ps)."""
        times = np.asarray(times)
        index, elapsed, slope = self._place(times)
        now = self.values[index] + slope * elapsed[..., None]
        once, twice = gradient.integral(self.times)[:, None], gradient.second_integral(self.times)[:, None]
        steps = np.asarray(seconds(np.diff(self.times)))[:, None]
        slopes = np.diff(self.values, axis=0) / steps
        pieces = np.diff(self.values * once, axis=0) - slopes * np.diff(twice, axis=0)
        whole = np.concatenate([np.zeros((1, self.values.shape[1])), np.cumsum(pieces, axis=0)])
        part = now * gradient.integral(times)[..., None] - self.values[index] * once[index]
        return whole[index] + part - slope * (gradient.second_integral(times)[..., None] - twice[index])

    def _place(self, times):
        index = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        length = np.asarray(seconds(self.times[index + 1] - self.times[index]))
        slope = (self.values[index + 1] - self.values[index]) / length[..., None]
        return index, np.asarray(seconds(times - self.times[index])), slope
