"""Gradient echoes: spoiled (FLASH, SPGR) and balanced (TrueFISP, bSSFP)."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several

from ..sequence.blocks import Block, Sequence
from ..units import picoseconds
from .limits import Limits
from .lines import (
    Excitation,
    Line,
    Slice,
    Whole,
    excitation,
    over,
    phase_steps,
    read_line,
    require_matrix,
    to_echo,
)
from .repetition import Lobes, Readout, gradient_echoes, spoiling_phases
from .timing import lateness, require_raster, wait


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
    are too short, TR is no multiple of 10 µs, or a gradient is beyond the limits.

    Good values: `spoiled_gradient_echo((256, 256), (220.0, 220.0), region=Slice(3.0))`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    pulse = excitation(region, flip_angle, limits)
    line = line_for(columns, width, dwell, picoseconds(te) - pulse.after_centre, limits)
    spoiler = spoiling * columns / width + line.rewinding
    steps = phase_steps(lines, height)
    readouts = [cartesian(line, (step, 0.0), (spoiler, -step, 0.0)) for step in steps]
    readouts = [readouts[0]] * dummies + readouts
    count = dummies + lines
    reads = [number >= dummies for number in range(count)]
    phases = spoiling_phases(count, rf_spoiling).tolist()
    blocks = gradient_echoes([pulse] * count, phases, readouts, reads, te, tr, limits)
    return Sequence(
        blocks,
        over(region, described("SpoiledGradientEcho", (columns, lines), (width, height), te, tr)),
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

    - `matrix`, `field_of_view` (mm): along x and y. - `flip_angle`: rad. - `tr`: s, a multiple of 20 µs.

    Good values: `balanced_ssfp((128, 128), (256.0, 256.0), region=Slice(5.0), tr=6e-3, dummies=20)`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    require_raster("tr", tr, 2 * limits.raster)
    pulse = excitation(region, flip_angle, limits)
    line = line_for(columns, width, dwell, picoseconds(tr / 2) - pulse.after_centre, limits)
    readouts = [
        cartesian(line, (step, 0.0), (line.rewinding, -step, pulse.rephasing))
        for step in phase_steps(lines, height)
    ]
    readouts = [readouts[0]] * dummies + readouts
    count = dummies + lines
    phases = [math.pi * ((number + half_pulse) % 2) for number in range(count)]
    reads = [number >= dummies for number in range(count)]
    blocks = _half(pulse, tr, limits) if half_pulse else []
    blocks += gradient_echoes([pulse] * count, phases, readouts, reads, tr / 2, tr, limits)
    return Sequence(
        blocks,
        over(region, described("BalancedSSFP", (columns, lines), (width, height), tr / 2, tr)),
    )


def line_for(samples: int, field_of_view: float, dwell: float, time: int, limits: Limits) -> Line:
    """A line whose k = 0 can be read `time` ps after a block began that lies on the raster."""
    late = lateness(time - to_echo(samples, dwell, limits), limits)
    return read_line(samples, field_of_view, dwell, limits, late)


def cartesian(line: Line, steps: tuple[float, float], after) -> Readout:
    """One line with its phase encoding along y and z (cycles/mm)."""
    gradient, adc = line.gradient, line.adc
    played = Block(gradient.end, gx=gradient, adc=adc)
    return Readout((played,), (line.prephasing, *steps), after, line.echo)


def _half(pulse: Excitation, tr: float, limits: Limits) -> list[Block]:
    """Half the flip angle, its slice rewound, half a TR before the first pulse."""
    blocks = [pulse.play(scale=0.5)]
    if pulse.gradient is not None:
        # Both sides of the pulse are undone here: the next one dephases its first half anew.
        lobes = Lobes(limits)
        winder = lobes.block((0.0, 0.0, pulse.rephasing), lobes.length(pulse.rephasing))
        blocks += [winder, winder]
    spent = sum(one.duration for one in blocks)
    return [*blocks, wait(picoseconds(tr / 2) - spent, "tr", limits)]


def described(name: str, matrix, field_of_view, te: float, tr: float | None = None) -> dict[str, object]:
    """The definitions by which an image knows its matrix, field of view (mm) and times (s)."""
    made: dict[str, object] = {"Name": name, "Matrix": tuple(matrix), "FOV": tuple(field_of_view), "TE": te}
    return made if tr is None else {**made, "TR": tr}
