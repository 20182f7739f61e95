"""The gradients of a whole sequence as piecewise linear functions of time, and their exact integrals.

    k(t) = ∫₀ᵗ γ/2π G(t') dt'        cycles/mm

Between corners G is linear, so k is a parabola: no quadrature, and float64 from integer picoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..units import RATE_PER_GRADIENT, seconds
from .blocks import AXES, Block, Sequence
from .events import Gradient


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise linear function, zero outside its corners: times in ps, rising; two equal times are a jump."""

    times: Int[np.ndarray, " knot"]
    values: Float[np.ndarray, " knot"]

    def at(self, times, side: str = "right") -> Float[np.ndarray, "..."]:
        """The value at `times` (ps); at a jump the limit from a `side`."""
        index, elapsed, slope = self._place(np.asarray(times), side)
        return self.values[index] + slope * elapsed

    def integral(self, times) -> Float[np.ndarray, "..."]:
        """The integral from the first corner to `times` (ps), value times s."""
        index, elapsed, slope = self._place(np.asarray(times), "right")
        return self._integrals()[index] + elapsed * (self.values[index] + 0.5 * slope * elapsed)

    def _integrals(self) -> Float[np.ndarray, " knot"]:
        steps = np.asarray(seconds(np.diff(self.times)))
        return np.concatenate([[0.0], np.cumsum(0.5 * (self.values[1:] + self.values[:-1]) * steps)])

    def _place(self, times, side):
        """The corner before each time, seconds since then, and the slope there per second."""
        index = np.clip(np.searchsorted(self.times, times, side=side) - 1, 0, len(self.times) - 2)
        length = self.times[index + 1] - self.times[index]
        change = self.values[index + 1] - self.values[index]
        slope = np.where(length > 0, change / np.asarray(seconds(np.maximum(length, 1))), 0.0)
        return index, np.asarray(seconds(times - self.times[index])), slope


@dataclass(frozen=True, eq=False)
class Gradients:
    """The three gradients of a sequence on the scanner's axes, Hz/mm."""

    axes: tuple[Curve, Curve, Curve]

    def rate(self, times) -> Float[np.ndarray, "... 3"]:
        """Hz/mm at `times` (ps); at a jump, what comes after it."""
        return np.stack([curve.at(times) for curve in self.axes], axis=-1)

    def moment(self, times) -> Float[np.ndarray, "... 3"]:
        """k at `times` (ps, fractions allowed), cycles/mm."""
        return np.stack([curve.integral(times) for curve in self.axes], axis=-1)


def gradients_of(sequence: Sequence) -> Gradients:
    """The gradients of all blocks, rotated to the scanner's axes."""
    starts = sequence.starts()
    known: dict[int, tuple] = {}
    times: list[list] = [[], [], []]
    values: list[list] = [[], [], []]
    for start, one in zip(starts, sequence, strict=False):
        for axis, corners, rates in _played(one, known):
            times[axis].append(corners + start)
            values[axis].append(rates)
    last = max(starts[-1], 1)
    return Gradients(tuple(_joined(t, v, last) for t, v in zip(times, values, strict=True)))  # type: ignore[arg-type]


def _joined(times, values, last: int) -> Curve:
    """One curve from zero to the end of the sequence."""
    corners = np.concatenate([[0], *times, [last]]).astype(np.int64)
    return Curve(corners, np.concatenate([[0.0], *values, [0.0]]))


def _played(one: Block, known: dict[int, tuple]):
    """Axis, corners (ps after the block began) and Hz/mm of what a block plays."""
    if one.rotation is not None:
        return _rotated(one)
    made = []
    for axis, name in enumerate(AXES):
        event = getattr(one, name)
        if event is not None:
            if id(event) not in known:
                known[id(event)] = _closed(event)
            made.append((axis, *known[id(event)]))
    return made


def _closed(gradient: Gradient):
    """A gradient's corners and Hz/mm, with jumps from and to zero at its ends where it does not begin or end there."""
    times, values = gradient.knots()
    if values[0] != 0:
        times, values = np.concatenate([times[:1], times]), np.concatenate([[0.0], values])
    if values[-1] != 0:
        times, values = np.concatenate([times, times[-1:]]), np.concatenate([values, [0.0]])
    return times, values * RATE_PER_GRADIENT


def _rotated(one: Block):
    """What a block with a rotation plays on the scanner's axes: limits from both sides at every corner of any axis."""
    curves = {
        axis: Curve(*_closed(event))
        for axis, name in enumerate(AXES)
        if (event := getattr(one, name)) is not None
    }
    if not curves:
        return []
    corners = np.unique(np.concatenate([curve.times for curve in curves.values()]))
    own = np.zeros((2 * len(corners), 3))
    for axis, curve in curves.items():
        inside = (corners >= curve.times[0]) & (corners <= curve.times[-1])
        for first, side in enumerate(("left", "right")):
            beyond = corners == (curve.times[0] if side == "left" else curve.times[-1])
            own[first::2, axis] = np.where(inside & ~beyond, curve.at(corners, side), 0.0)
    rates = own @ np.asarray(one.rotation, float).T
    return [(axis, np.repeat(corners, 2), rates[:, axis]) for axis in range(3)]
