"""Several gradient echoes behind each pulse, all read in one direction: for T2* and susceptibility weighting."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np

from physim_phantoms._checks import InputError

from ..sequence.blocks import Block, Sequence
from ..units import RATE_PER_GRADIENT, picoseconds, seconds
from .gradient_echo import described, line_for
from .limits import Limits
from .lines import Excitation, Line, Slice, Whole, excitation, over, phase_steps, require_matrix
from .repetition import Lobes, Readout, gradient_echoes, spoiling_phases
from .timing import wait


@dataclass(frozen=True, eq=False)
class FlowCompensated:
    """Two lobes along x and z instead of one: their first moments vanish at the first echo."""

    def ahead(self, pulse: Excitation, line: Line, steps, te: int, limits: Limits) -> list[list[Block]]:
        """For each phase-encoding step the two blocks right before the line."""
        duration = 2 * limits.raster
        while True:
            along_x = _bipolar(*_line_moments(line), line.echo, duration)
            along_z = _bipolar(*_slice_moments(pulse, te), line.echo, duration)
            lobes = Lobes(limits)
            needed = lobes.length([*along_x, *along_z, *np.abs(steps)])
            if needed <= duration:
                break
            duration += limits.raster
        first = lobes.block((along_x[0], 0.0, along_z[0]), duration)
        return [[first, lobes.block((along_x[1], step, along_z[1]), duration)] for step in steps]


def multi_echo_gradient_echo(
    matrix: Several[int] = (128, 128),
    field_of_view: Several[float] = (256.0, 256.0),
    flip_angle: float = math.radians(15),
    tr: float = 30e-3,
    echo_times: Several[float] = (5e-3, 12e-3, 19e-3),
    *,
    region: Slice | Whole = Slice(),
    dwell: float = 20e-6,
    flow: FlowCompensated | None = None,
    rf_spoiling: float = math.radians(117),
    spoiling: float = 4.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A Cartesian spoiled gradient echo with several echoes, each read in the same direction after a fly-back.

    Every echo is an image of its own: read-outs carry the label ECO.

    - `echo_times`: s, rising, multiples of 10 µs apart.
    - `flow`: `FlowCompensated()` gives spins that move evenly along x and z the phase of resting ones at the first echo.
    - others: see `spoiled_gradient_echo`.

    Source: Haacke et al., Magn. Reson. Med. 52 (2004) 612. Raises `ValueError` where times are too short or a gradient is
    beyond the limits.

    Good values: `multi_echo_gradient_echo((256, 192), (220.0, 165.0), tr=40e-3, echo_times=(10e-3, 20e-3, 30e-3))`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    times = _times(echo_times, limits)
    pulse = excitation(region, flip_angle, limits)
    line = line_for(columns, width, dwell, times[0] - pulse.after_centre, limits)
    spoiler, steps = spoiling * columns / width + line.rewinding, phase_steps(lines, height).tolist()
    echoes = _echoes(line, times, limits)
    if flow is None:
        readouts = [
            Readout(tuple(echoes), (line.prephasing, step, 0.0), (spoiler, -step, 0.0), line.echo)
            for step in steps
        ]
    else:
        pairs = flow.ahead(pulse, line, steps, times[0], limits)
        nothing = (0.0, 0.0, -pulse.rephasing)  # the slice is rephased by the two lobes
        readouts = [
            Readout((*pair, *echoes), nothing, (spoiler, -step, 0.0), line.echo + 2 * pair[0].duration)
            for step, pair in zip(steps, pairs, strict=True)
        ]
    readouts = [readouts[0]] * dummies + readouts
    count = len(readouts)
    phases = spoiling_phases(count, rf_spoiling).tolist()
    reads = [number >= dummies for number in range(count)]
    te = float(seconds(times[0]))
    blocks = gradient_echoes([pulse] * count, phases, readouts, reads, te, tr, limits)
    definitions = described("MultiEchoGradientEcho", (columns, lines), (width, height), te, tr)
    return Sequence(blocks, over(region, {**definitions, "EchoTimes": tuple(echo_times)}))


def _times(echo_times: Several[float], limits: Limits) -> list[int]:
    """Echo times in ps."""
    times = [picoseconds(time) for time in echo_times]
    gaps = np.diff(times)
    if not times or np.any(gaps <= 0) or np.any(gaps % limits.raster):
        raise InputError(
            f"echo_times are {tuple(echo_times)} s; they must rise, multiples of {limits.raster / 1e6:g} µs apart: "
            "write for example (5e-3, 12e-3, 19e-3)"
        )
    return times


def _echoes(line: Line, times: list[int], limits: Limits) -> list[Block]:
    """Lines with a fly-back and a pause between them."""
    lobes = Lobes(limits)
    back = line.prephasing + line.rewinding
    fly_back = lobes.block((back, 0.0, 0.0), lobes.length(back))
    blocks: list[Block] = []
    for number, time in enumerate(times):
        if number:
            spent = line.gradient.end + fly_back.duration
            blocks += [fly_back, wait(time - times[number - 1] - spent, "echo_times", limits)]
        label = (("SET", "ECO", number),)
        blocks.append(Block(line.gradient.end, gx=line.gradient, adc=line.adc, labels=label))
    return blocks


def _line_moments(line: Line) -> tuple[float, float]:
    """∫ G dt and ∫ G t dt of a line up to its echo, t from the echo on: cycles/mm and cycles s/mm."""
    rise, echo = float(seconds(line.gradient.rise)), float(seconds(line.echo))
    rate = line.gradient.amplitude * RATE_PER_GRADIENT
    flat = echo - rise
    return -line.prephasing, -rate * (rise / 2 * (echo - 2 * rise / 3) + flat**2 / 2)


def _slice_moments(pulse: Excitation, te: int) -> tuple[float, float]:
    """The same for the slice gradient from the middle of the pulse on."""
    if pulse.gradient is None:
        return 0.0, 0.0
    half, fall = float(seconds(pulse.gradient.flat)) / 2, float(seconds(pulse.gradient.fall))
    rate, start = pulse.gradient.amplitude * RATE_PER_GRADIENT, -float(seconds(te))
    ramp = rate * fall / 2
    return -pulse.rephasing, rate * half * (start + half / 2) + ramp * (start + half + fall / 3)


def _bipolar(zeroth: float, first: float, echo: int, duration: int) -> tuple[float, float]:
    """Two lobes of a duration, one after the other up to the line, that cancel a zeroth and a first moment."""
    length, end = float(seconds(duration)), -float(seconds(echo))
    early, late = end - 1.5 * length, end - 0.5 * length
    second = (first - zeroth * early) / (early - late)
    return -zeroth - second, second
