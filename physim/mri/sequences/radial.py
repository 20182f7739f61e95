"""Radial gradient echoes: every read-out is a spoke through the middle of k-space."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import replace
from typing import Any

import numpy as np

from physim_phantoms._checks import InputError

from ..sequence.blocks import Block, Sequence
from ..units import picoseconds
from .gradient_echo import described, line_for
from .limits import Limits
from .lines import Line, Slice, Whole, excitation, over, require_matrix
from .repetition import Readout, gradient_echoes, spoiling_phases
from .spokes import GoldenSpokes, Spokes


def radial(
    matrix: int = 128,
    field_of_view: float = 256.0,
    flip_angle: float = math.radians(15),
    tr: float = 10e-3,
    te: float = 4e-3,
    *,
    spokes: Spokes = GoldenSpokes(),
    region: Slice | Whole = Slice(),
    dwell: float = 10e-6,
    rf_spoiling: float = math.radians(117),
    spoiling: float = 1.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A radial spoiled gradient echo: one spoke per TR through k = 0, its samples as those of a Cartesian line.

    Behind each spoke k goes back to zero, and a spoiler along z follows that is the same in all repetitions.

    - `matrix`, `field_of_view` (mm): along a spoke. - `tr`, `te`: s, from middle of pulse; TE is when k is zero.
    - `spokes`: `GoldenSpokes`, `UniformSpokes`, `KooshBall` for three dimensions, `StackOfStars`.
    - `spoiling`: cycles/mm along z. - others: see `spoiled_gradient_echo`.

    Source: Lauterbur, Nature 242 (1973) 190. Raises `ValueError` where times are too short or a gradient is beyond the limits.

    Good values: `radial(256, 220.0, spokes=GoldenSpokes(377), region=Slice(3.0))`.
    """
    (samples, _), (length, _) = require_matrix((matrix, 1), (field_of_view, 1.0))
    pulse = excitation(region, flip_angle, limits)
    line = line_for(samples, length, dwell, picoseconds(te) - pulse.after_centre, limits)
    readouts = along_spokes(line, spokes, spoiling)
    readouts = [readouts[0]] * dummies + readouts
    count = len(readouts)
    phases = spoiling_phases(count, rf_spoiling).tolist()
    reads = [number >= dummies for number in range(count)]
    blocks = gradient_echoes([pulse] * count, phases, readouts, reads, te, tr, limits)
    definitions = described("Radial", (samples, samples), (length, length), te, tr)
    return Sequence(blocks, over(region, definitions))


def along_spokes(line: Line, spokes: Spokes, spoiling: float) -> list[Readout]:
    """The line turned into every direction."""
    directions, depths = spokes.directions(), spokes.partitions()
    if directions.ndim != 2 or directions.shape[1:] != (3,) or len(depths) != len(directions):
        raise InputError(
            f"spokes give directions of shape {directions.shape} and {len(depths)} partitions; they must be (spokes, 3) "
            "and one for each spoke"
        )
    made = []
    for direction, depth in zip(directions, depths.tolist(), strict=True):
        before, after = line.prephasing * direction, line.rewinding * direction
        before[2] += depth
        after[2] += spoiling - depth
        made.append(Readout((_turned(line, direction),), before, after, line.echo))
    return made


def _turned(line: Line, direction: Several[float] | np.ndarray) -> Block:
    """The line along a direction: the same trapezoid on every axis, scaled."""
    gradients: dict[str, Any] = {
        axis: replace(line.gradient, amplitude=line.gradient.amplitude * float(part))
        for axis, part in zip(("gx", "gy", "gz"), direction, strict=True)
        if part
    }
    return Block(line.gradient.end, adc=line.adc, **gradients)
