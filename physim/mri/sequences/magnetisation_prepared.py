"""Magnetisation-prepared rapid gradient echo: a train of spoiled gradient echoes behind each inversion."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several

from ..sequence.blocks import Block, Sequence
from ..sequence.events import Rf
from ..units import picoseconds
from .gradient_echo import cartesian, described, line_for
from .limits import Limits
from .lines import Slice, Whole, excitation, phase_steps, require_matrix
from .preparations import Inversion
from .repetition import gradient_echoes, spoiling_phases
from .timing import require_raster, wait


def magnetisation_prepared_gradient_echo(
    matrix: Several[int] = (128, 128, 96),
    field_of_view: Several[float] = (256.0, 256.0, 192.0),
    flip_angle: float = math.radians(8),
    tr: float = 2.0,
    ti: float = 0.9,
    te: float = 3.5e-3,
    *,
    echo_spacing: float = 8e-3,
    inversion: Rf | None = None,
    region: Slice | Whole = Whole(),
    dwell: float = 10e-6,
    rf_spoiling: float = math.radians(117),
    spoiling: float = 4.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A 3-D Cartesian MPRAGE: behind each inversion all lines along z for one line along y, read along x.

    - `matrix`, `field_of_view` (mm): along x, y and z. - `flip_angle`: rad. - `tr`: s, from inversion to inversion.
    - `ti`: s, from the middle of the inversion to that of the pulse of k = 0 along z. - `te`: s, from the middle of a pulse.
    - `echo_spacing`: s, between pulses. - `inversion`: None for `hyperbolic_secant()`. - `region`: a `Slice` is a slab.
    - `rf_spoiling`, `spoiling`: see `spoiled_gradient_echo`. - `dummies`: inversions with their trains without read-out.

    Source: Mugler and Brookeman, Magn. Reson. Med. 15 (1990) 152. Raises `ValueError` where times are too short or a
    gradient is beyond the limits.

    Good values: `magnetisation_prepared_gradient_echo((256, 240, 176), (256.0, 240.0, 176.0), tr=2.3, ti=0.9)`.
    """
    (columns, lines, partitions), view = require_matrix(matrix, field_of_view, 3)
    pulse = excitation(region, flip_angle, limits)
    line = line_for(columns, view[0], dwell, picoseconds(te) - pulse.after_centre, limits)
    spoiler = spoiling * columns / view[0] + line.rewinding
    to_centre = (partitions // 2) * require_raster("echo_spacing", echo_spacing, limits.raster)
    ahead = Inversion(ti, inversion).blocks(to_centre + pulse.before_centre, limits)
    depths = phase_steps(partitions, view[2]).tolist()
    steps = phase_steps(lines, view[1]).tolist()
    readouts = [
        cartesian(line, (step, depth), (spoiler, -step, -depth))
        for step in [steps[0]] * dummies + steps
        for depth in depths
    ]
    count = len(readouts)
    phases = spoiling_phases(count, rf_spoiling).tolist()
    reads = [number >= dummies * partitions for number in range(count)]
    train = gradient_echoes(
        [pulse] * count, phases, readouts, reads, te, echo_spacing, limits, "echo_spacing"
    )
    length, each = require_raster("tr", tr, limits.raster), len(train) // (dummies + lines)
    blocks: list[Block] = []
    for start in range(0, len(train), each):
        shot = [*ahead, *train[start : start + each]]
        spent = sum(one.duration for one in shot)
        blocks += [*shot, wait(length - spent, "tr", limits)]
    definitions = described("MPRAGE", (columns, lines, partitions), view, te, tr)
    return Sequence(blocks, {**definitions, "TI": ti})
