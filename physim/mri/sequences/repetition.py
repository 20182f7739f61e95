"""What all gradient echoes share: pulse, encoding, read-out, ending, and the pauses that make TE and TR."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ..sequence.blocks import Block
from ..sequence.events import Trapezoid
from ..units import picoseconds
from .limits import Limits
from .lines import Excitation
from .timing import require_raster, wait

Moments = Float[np.ndarray, "3"] | tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Readout:
    """One passage through k-space.

    - `blocks`: what is played. - `before`, `after`: moments along x, y and z ahead of it and behind it, cycles/mm.
    - `echo`: when TE is counted, ps after the first block began.
    """

    blocks: tuple[Block, ...]
    before: Moments
    after: Moments
    echo: int

    @property
    def duration(self) -> int:
        """ps."""
        return sum(one.duration for one in self.blocks)

    def play(self, phase: float, reads: bool) -> list[Block]:
        """The blocks with the receiver at a phase (rad), or without read-outs."""
        return [
            one
            if one.adc is None
            else replace(one, adc=replace(one.adc, phase_offset=phase) if reads else None)
            for one in self.blocks
        ]


class Lobes:
    """Gradients along three axes with given moments in one block; equal ones are one object."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.known: dict[tuple[float, int], Trapezoid] = {}

    def length(self, moments) -> int:
        """The shortest time in which every one of the moments (cycles/mm) fits, ps."""
        return max(self.limits.moment(float(moment)).end for moment in {*np.ravel(moments), 0.0})

    def block(self, moments: Moments, duration: int) -> Block:
        """All three moments in one block of a duration (ps)."""
        made: dict[str, Any] = {
            axis: self.lobe(float(moment), duration)
            for axis, moment in zip(("gx", "gy", "gz"), moments, strict=True)
            if moment
        }
        return Block(duration, **made)

    def lobe(self, moment: float, duration: int) -> Trapezoid:
        """A trapezoid of a moment (cycles/mm) and a duration (ps)."""
        key = (moment, duration)
        if key not in self.known:
            self.known[key] = self.limits.moment(moment, duration)
        return self.known[key]


def gradient_echoes(
    pulses: Several[Excitation],
    phases: Several[float],
    readouts: Several[Readout],
    reads: Several[bool],
    te: float,
    tr: float,
    limits: Limits,
    name: str = "tr",
) -> list[Block]:
    """One repetition for each of the pulses: pulse, encoding, read-out, ending; TE and TR in s, alike in all; `name` is what
    a caller calls TR.

    Phases are those of pulse and receiver, rad. The pulses may differ in amplitude only.
    """
    lobes = Lobes(limits)
    rephasing = pulses[0].rephasing
    befores = np.array([one.before for one in readouts]) + np.array([0.0, 0.0, rephasing])
    encoding = lobes.length(np.abs(befores).max(axis=0))
    ending = lobes.length(np.abs(np.array([one.after for one in readouts])).max(axis=0))
    first, length = pulses[0], require_raster(name, tr, limits.raster)
    pause = wait(picoseconds(te) - first.after_centre - encoding - readouts[0].echo, "te", limits)
    spent = first.duration + encoding + pause.duration + max(one.duration for one in readouts) + ending
    blocks: list[Block] = []
    for pulse, phase, readout, moments, read in zip(pulses, phases, readouts, befores, reads, strict=True):
        blocks += [pulse.play(phase), lobes.block(tuple(moments), encoding), pause]
        blocks += readout.play(phase, read)
        blocks += [lobes.block(readout.after, ending), wait(length - spent, name, limits)]
    return blocks


def spoiling_phases(count: int, increment: float) -> Float[np.ndarray, " repetition"]:
    """n(n+1)/2 times the increment, rad, within a turn. Source: Zur, Wood and Neuringer, Magn. Reson. Med. 21 (1991) 251."""
    numbers = np.arange(count)
    return np.mod(increment * numbers * (numbers + 1) / 2, 2 * np.pi)
