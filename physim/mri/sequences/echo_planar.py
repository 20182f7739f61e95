"""Echo-planar imaging: all of k-space behind one pulse."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import replace
from typing import Any

from ..sequence.blocks import Block, Sequence, block
from ..units import picoseconds
from .limits import Limits
from .lines import Slice, Whole, excitation, phase_steps, read_line, require_matrix, thickness
from .timing import wait


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
    line = read_line(columns, width, dwell, limits)
    first = phase_steps(lines, height)[0]
    slots = [abs(line.prephasing), abs(first), abs(pulse.rephasing)]
    encoding = max(limits.moment(moment).end for moment in slots)
    made: dict[str, Any] = {
        "gx": limits.moment(line.prephasing, encoding),
        "gy": limits.moment(first, encoding),
    }
    if pulse.gradient is not None:
        made["gz"] = limits.moment(pulse.rephasing, encoding)
    train = _train(line, lines, height, columns, width, limits)
    one = train[0].duration + (train[1].duration if lines > 1 else 0)
    shortest = pulse.after_centre + encoding + (lines // 2) * one + line.echo
    pause = wait(0 if te is None else picoseconds(te) - shortest, "te")
    definitions = {
        "Name": "EchoPlanar",
        "Matrix": (columns, lines),
        "FOV": (width, height),
        "TE": te,
        **thickness(region),
    }
    return Sequence([block(rf=pulse.rf, gz=pulse.gradient), block(**made), pause, *train], definitions)


def _train(line, lines: int, height: float, columns: int, width: float, limits: Limits) -> list[Block]:
    """Lines there and back; going back, the samples must fall on the same places in k."""
    there = block(gx=line.gradient, adc=line.adc)
    gradient = replace(line.gradient, amplitude=-line.gradient.amplitude)
    back = block(gx=gradient, adc=line.adc)
    correction = _shift(line, columns, width)
    length = max(limits.moment(moment).end for moment in (1 / height, correction))
    blip = limits.moment(1 / height, length)
    turned = limits.moment(correction, length) if abs(correction) > 1e-12 else None
    undone = replace(turned, amplitude=-turned.amplitude) if turned is not None else None
    blocks: list[Block] = []
    for number in range(lines):
        blocks.append(there if number % 2 == 0 else back)
        if number + 1 < lines:
            blocks.append(block(gx=turned if number % 2 == 0 else undone, gy=blip))
    return blocks


def _shift(line, columns: int, width: float) -> float:
    """The moment along x (cycles/mm) that puts backward samples on the grid of the forward ones."""
    forward_end = -line.rewinding
    wanted_first = (columns - 1 - columns // 2) / width
    half_ramp = line.prephasing + (columns // 2 + 0.5) / width  # minus what the ramp adds
    first_backward = forward_end + half_ramp - 0.5 / width
    return wanted_first - first_backward
