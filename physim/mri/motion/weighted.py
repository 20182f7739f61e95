"""Integrals of a gradient times a piecewise linear weight: exact, by parts.

∫ a g dt = [a ∫g] − a' ∬g        on each piece where a is linear
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
        """Weights with corners at `times` in s; of those within the same picosecond the last one counts."""
        corners = np.round(np.asarray(times, float) * PICOSECONDS).astype(np.int64)
        last = np.append(np.diff(corners) > 0, True)
        corners, values = corners[last], values[last]
        return cls(
            np.concatenate([[LONG_AGO], corners, [EVER_AFTER]]),
            np.concatenate([values[:1], values, values[-1:]]),
        )

    def at(self, times) -> Float[np.ndarray, "... weight"]:
        """The weights at `times` (ps)."""
        index, elapsed, slope = self.place(np.asarray(times))
        return self.values[index] + slope * elapsed[..., None]

    def place(self, times):
        """The corner before each time, seconds since then, and the slopes there per second."""
        index = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        length = np.asarray(seconds(self.times[index + 1] - self.times[index]))
        slope = (self.values[index + 1] - self.values[index]) / length[..., None]
        return index, np.asarray(seconds(times - self.times[index])), slope


@dataclass(frozen=True, eq=False)
class WeightedGradient:
    """A gradient times several weights, to be integrated."""

    gradient: Curve | Induced
    weights: Weights

    def integral(self, times) -> Float[np.ndarray, "... weight"]:
        """The integrals up to `times` (ps)."""
        times, weights, (once, twice, whole) = np.asarray(times), self.weights, self._corners
        index, elapsed, slope = weights.place(times)
        now = weights.values[index] + slope * elapsed[..., None]
        part = now * self.gradient.integral(times)[..., None] - weights.values[index] * once[index]
        return whole[index] + part - slope * (self.gradient.second_integral(times)[..., None] - twice[index])

    @cached_property
    def _corners(self):
        """At each corner of the weights: ∫g, ∬g and the integrals."""
        weights = self.weights
        once = self.gradient.integral(weights.times)[:, None]
        twice = self.gradient.second_integral(weights.times)[:, None]
        steps = np.asarray(seconds(np.diff(weights.times)))[:, None]
        slopes = np.diff(weights.values, axis=0) / steps
        pieces = np.diff(weights.values * once, axis=0) - slopes * np.diff(twice, axis=0)
        whole = np.concatenate([np.zeros((1, weights.values.shape[1])), np.cumsum(pieces, axis=0)])
        return once, twice, whole
