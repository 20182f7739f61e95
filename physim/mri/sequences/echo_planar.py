"""Echo-planar imaging: all of k-space behind one pulse."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import replace

from ..sequence.blocks import Block, Sequence
from ..units import picoseconds, seconds
from .gradient_echo import described
from .limits import Limits, dwell_time
from .lines import Slice, Whole, excitation, over, phase_steps, read_line, require_matrix
from .repetition import Lobes, Readout
from .timing import lateness, wait


def echo_planar(
    matrix: Several[int] = (64, 64),
    field_of_view: Several[float] = (220.0, 220.0),
    flip_angle: float = math.pi / 2,
    te: float | None = None,
    *,
    region: Slice | Whole = Slice(),
    dwell: float = 4e-6,
    limits: Limits = Limits(),
) -> Sequence:
    """Single-shot gradient-echo EPI: lines along x in both directions by turns, blips along y.

    Samples of odd lines run backwards in k. - `te`: s, from the middle of the pulse to k = 0; None for the shortest.
    Source: Mansfield, J. Phys. C 10 (1977) L55.

    Good values: `echo_planar((64, 64), (220.0, 220.0), te=30e-3)`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    pulse = excitation(region, flip_angle, limits)
    time = 0 if te is None else picoseconds(te) - pulse.after_centre
    train = echo_train((columns, lines), (width, height), dwell, time, limits)
    lobes = Lobes(limits)
    moments = (train.before[0], train.before[1], pulse.rephasing)
    encoding = lobes.length(moments)
    shortest = pulse.after_centre + encoding + train.echo
    pause = wait(0 if te is None else picoseconds(te) - shortest, "te", limits)
    te = float(seconds(shortest + pause.duration))
    definitions = over(region, described("EchoPlanar", (columns, lines), (width, height), te))
    return Sequence([pulse.play(), lobes.block(moments, encoding), pause, *train.blocks], definitions)


def echo_train(matrix, field_of_view, dwell: float, time: int, limits: Limits) -> Readout:
    """Lines there and back, whose k = 0 can be read `time` ps after a block began that lies on the raster."""
    (columns, lines), (width, height) = matrix, field_of_view
    length = dwell_time(columns, dwell, limits)
    middle = _sample_at_zero(columns, lines) * length + length // 2
    line = read_line(columns, width, dwell, limits, lateness(time - middle, limits))
    blocks = _train(line, lines, height, columns, width, limits)
    one = blocks[0].duration + (blocks[1].duration if lines > 1 else 0)
    echo = (lines // 2) * one + line.adc.delay + middle
    before = (line.prephasing, float(phase_steps(lines, height)[0]), 0.0)
    return Readout(tuple(blocks), before, (0.0, 0.0, 0.0), echo)


def _sample_at_zero(columns: int, lines: int) -> int:
    """Which sample of the central line lies at k = 0: going back it is another one."""
    return columns // 2 if (lines // 2) % 2 == 0 else columns - 1 - columns // 2


def _train(line, lines: int, height: float, columns: int, width: float, limits: Limits) -> list[Block]:
    """Lines there and back; going back, the samples must fall on the same places in k."""
    end = line.gradient.end
    there = Block(end, gx=line.gradient, adc=line.adc)
    back = Block(end, gx=replace(line.gradient, amplitude=-line.gradient.amplitude), adc=line.adc)
    correction = _shift(line, columns, width)
    lobes = Lobes(limits)
    moments = (correction if abs(correction) > 1e-12 else 0.0, 1 / height, 0.0)
    length = lobes.length(moments)
    turns = [lobes.block((sign * moments[0], moments[1], 0.0), length) for sign in (1.0, -1.0)]
    blocks: list[Block] = []
    for number in range(lines):
        blocks.append(there if number % 2 == 0 else back)
        if number + 1 < lines:
            blocks.append(turns[number % 2])
    return blocks


def _shift(line, columns: int, width: float) -> float:
    """The moment along x (cycles/mm) that puts backward samples on the grid of the forward ones."""
    forward_end = -line.rewinding
    wanted_first = (columns - 1 - columns // 2) / width
    half_ramp = line.prephasing + (columns // 2 + 0.5) / width  # minus what the ramp adds
    first_backward = forward_end + half_ramp - 0.5 / width
    return wanted_first - first_backward
