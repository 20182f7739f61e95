"""The gradients of a whole sequence as piecewise linear functions of time, and their exact integrals.

    k(t) = ∫₀ᵗ γ/2π G(t') dt'        cycles/mm

Between corners G is linear, so k is a parabola: no quadrature, and float64 from integer picoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..gradients.curve import Curve
from ..units import RATE_PER_GRADIENT
from .blocks import AXES, Block, Sequence
from .events import Gradient


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
