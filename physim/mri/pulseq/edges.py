"""First and last values of shaped gradients in files that do not say them (before 1.5).

A gradient that begins with its block goes on from where the one before it ended; the end is on the last sample, or for
samples at centres on the line through the last two.
"""

from __future__ import annotations

from ..sequence.blocks import AXES, Block
from .gradients import CENTRES, extrapolated_last
from .stored import Shapes
from .tables import ShapedRow, Tables


class Edges:
    """Follows the gradients along each axis from block to block."""

    def __init__(self, tables: Tables, shapes: Shapes):
        self._gradients = tables.gradients
        self._shapes = shapes
        self._before: dict[str, float] = dict.fromkeys(AXES, 0.0)

    def of(self, number: int, axis: str) -> tuple[float, float]:
        """First and last value (Hz/m) of a shaped gradient in the block that comes now."""
        row = self._gradients[number]
        assert isinstance(row, ShapedRow)
        first = self._before[axis] if row.delay == 0 else 0.0
        samples = row.amplitude * self._shapes.samples(row.shape, row.where)
        last = extrapolated_last(samples) if row.time == CENTRES else float(samples[-1])
        return (
            first if row.first is None else row.first,
            last if row.last is None else row.last,
        )

    def next_block(self, numbers: dict[str, int], block: Block) -> None:
        """Remembers where the gradients of a block end, if they end with it."""
        for axis, number in numbers.items():
            event = getattr(block, axis)
            ends_here = event is not None and event.end == block.duration
            shaped = ends_here and isinstance(self._gradients[number], ShapedRow)
            self._before[axis] = self.of(number, axis)[1] if shaped else 0.0
