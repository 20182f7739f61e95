"""Gradient echoes: spoiled (FLASH, SPGR) and balanced (TrueFISP, bSSFP)."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import replace
from typing import Any

import numpy as np

from ..sequence.blocks import Block, Sequence, block
from ..sequence.events import Trapezoid
from ..units import picoseconds
from .limits import Limits
from .lines import (
    Excitation,
    Line,
    Slice,
    Whole,
    excitation,
    phase_steps,
    read_line,
    require_matrix,
    thickness,
)
from .timing import wait


def spoiled_gradient_echo(
    matrix: Several[int] = (128, 128),
    field_of_view: Several[float] = (256.0, 256.0),
    flip_angle: float = math.radians(15),
    tr: float = 10e-3,
    te: float = 4e-3,
    *,
    region: Slice | Whole = Slice(),
    dwell: float = 10e-6,
    rf_spoiling: float = math.radians(117),
    spoiling: float = 4.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A Cartesian spoiled gradient echo, one line per TR: read-out along x, phase encoding along y, slice across z.

    - `matrix`, `field_of_view` (mm): along x and y. - `flip_angle`: rad. - `tr`, `te`: s, from middle of pulse.
    - `rf_spoiling`: rad; pulse n has phase n(n+1)/2 times this, and so has the receiver.
    - `spoiling`: cycles across a voxel along x behind each line. - `dummies`: repetitions without read-out before the first.

    Source: Zur, Wood and Neuringer, Magn. Reson. Med. 21 (1991) 251, for the phases. Raises `ValueError` where the times
    are too short or a gradient is beyond the limits.

    Good values: `spoiled_gradient_echo((256, 256), (220.0, 220.0), region=Slice(3.0))`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    pulse = excitation(region, flip_angle, limits)
    line = read_line(columns, width, dwell, limits)
    spoiler = limits.moment(spoiling * columns / width)
    steps = phase_steps(lines, height)
    numbers = np.arange(dummies + lines)
    phases = rf_spoiling * numbers * (numbers + 1) / 2
    blocks: list[Block] = []
    for number, phase in enumerate(np.mod(phases, 2 * np.pi)):
        step = steps[max(0, number - dummies)]
        blocks += _repetition(
            pulse, line, step, steps, float(phase), number >= dummies, (spoiler, tr, te), limits
        )
    return Sequence(
        blocks,
        _definitions("SpoiledGradientEcho", (columns, lines), (width, height), te, tr) | thickness(region),
    )


def balanced_ssfp(
    matrix: Several[int] = (128, 128),
    field_of_view: Several[float] = (256.0, 256.0),
    flip_angle: float = math.radians(40),
    tr: float = 5e-3,
    *,
    region: Slice | Whole = Whole(),
    dwell: float = 10e-6,
    dummies: int = 0,
    half_pulse: bool = True,
    limits: Limits = Limits(),
) -> Sequence:
    """A Cartesian balanced steady-state free precession, pulses of alternating sign, echo in the middle of TR.

    Every gradient is undone before the next pulse. `half_pulse` begins with half the flip angle half a TR before the first
    pulse, which shortens the approach to steady state. Source: Deimling and Heid, Proc. SMR (1994) 495.

    - `matrix`, `field_of_view` (mm): along x and y. - `flip_angle`: rad. - `tr`: s.

    Good values: `balanced_ssfp((128, 128), (256.0, 256.0), region=Slice(5.0), tr=6e-3, dummies=20)`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    pulse = excitation(region, flip_angle, limits)
    line = read_line(columns, width, dwell, limits)
    steps = phase_steps(lines, height)
    blocks = _half(pulse, tr, limits) if half_pulse else []
    for number in range(dummies + lines):
        step = steps[max(0, number - dummies)]
        phase = math.pi * ((number + half_pulse) % 2)
        blocks += _repetition(pulse, line, step, steps, phase, number >= dummies, (None, tr, tr / 2), limits)
    return Sequence(
        blocks,
        _definitions("BalancedSSFP", (columns, lines), (width, height), tr / 2, tr) | thickness(region),
    )


def _half(pulse: Excitation, tr: float, limits: Limits) -> list[Block]:
    """Half the flip angle, its slice rewound, half a TR before the first pulse."""
    rf = replace(pulse.rf, amplitude=pulse.rf.amplitude / 2)
    blocks = [block(rf=rf, gz=pulse.gradient)]
    spent = pulse.after_centre + pulse.before_centre
    if pulse.gradient is not None:
        # Both sides of the pulse are undone here: the next one dephases its first half anew.
        rephaser = limits.moment(pulse.rephasing)
        winder = limits.moment(pulse.rephasing)
        blocks += [block(gz=rephaser), block(gz=winder)]
        spent += rephaser.end + winder.end
    return [*blocks, wait(picoseconds(tr / 2) - spent, "tr")]


def _repetition(
    pulse: Excitation, line: Line, step: float, steps, phase: float, reads: bool, timing, limits: Limits
) -> list[Block]:
    """Pulse, encoding, line, rewinding (with a spoiler, or balanced), and the pauses that make TE and TR."""
    spoiler, tr, te = timing
    longest = max(abs(steps.min()), abs(steps.max()))
    slots = [abs(line.prephasing), abs(pulse.rephasing), longest]
    encoding = max(limits.moment(moment).end for moment in slots)
    rf = replace(pulse.rf, phase_offset=phase)
    adc = replace(line.adc, phase_offset=phase) if reads else None
    made: dict[str, Any] = {
        "gx": limits.moment(line.prephasing, encoding),
        "gy": limits.moment(step, encoding),
    }
    if pulse.gradient is not None:
        made["gz"] = limits.moment(pulse.rephasing, encoding)
    before = wait(picoseconds(te) - pulse.after_centre - encoding - line.echo, "te")
    ending = _ending(pulse, line, step, spoiler, longest, limits)
    blocks = [
        block(rf=rf, gz=pulse.gradient),
        block(**made),
        before,
        block(gx=line.gradient, adc=adc),
        ending,
    ]
    spent = sum(one.duration for one in blocks)
    return [*blocks, wait(picoseconds(tr) - spent, "tr")]


def _ending(
    pulse: Excitation, line: Line, step: float, spoiler: Trapezoid | None, longest: float, limits: Limits
):
    """The phase encoding undone, and either a spoiler or everything else undone too."""
    if spoiler is not None:
        length = max(spoiler.end, limits.moment(longest).end)
        return block(gx=spoiler, gy=limits.moment(-step, length))
    undoing = [abs(line.rewinding), abs(pulse.rephasing), longest]
    length = max(limits.moment(moment).end for moment in undoing)
    made: dict[str, Any] = {"gx": limits.moment(line.rewinding, length), "gy": limits.moment(-step, length)}
    if pulse.gradient is not None:
        made["gz"] = limits.moment(pulse.rephasing, length)
    return block(**made)


def _definitions(name: str, matrix, field_of_view, te: float, tr: float) -> dict[str, object]:
    return {
        "Name": name,
        "Matrix": tuple(matrix),
        "FOV": tuple(field_of_view),
        "TE": te,
        "TR": tr,
    }
