"""A program as pulses of an instant and what lies between their middles: moments, times, and samples counted from there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

from ..encoding.plan import is_known
from ..sequence.program import Program, PulseShape


class Halves(NamedTuple):
    """What each different pulse is before and behind the middle of its envelope: times in s, moments in cycles/mm."""

    before: Float[np.ndarray, " pulse"]
    behind: Float[np.ndarray, " pulse"]
    moment_before: Float[np.ndarray, "pulse 3"]
    moment_behind: Float[np.ndarray, "pulse 3"]


class Intervals(NamedTuple):
    """From the middle of each pulse: to that of the next one, and to the samples in between.

    - `time`, `moment`: s and cycles/mm, to the next middle. - `sample_time`, `sample_k`: to each sample.
    - `offsets`: samples of each period, as in `Samples`.
    """

    pulse: np.ndarray
    time: Float[np.ndarray, " period"]
    moment: Float[np.ndarray, "period 3"]
    sample_time: Float[np.ndarray, " sample"]
    sample_k: Float[np.ndarray, "sample 3"]
    offsets: np.ndarray
    halves: Halves


def intervals_of(program: Program) -> Intervals:
    """Looks at a program on the host."""
    looked = (program.shapes, program.periods, program.samples)
    if not is_known(looked):
        raise InputError(
            "the program is traced, and the configurations to keep depend on its numbers; make them outside jit and grad: "
            "graph = mri.configuration_graph(spins, sequence, scanner), then mri.simulate(spins, graph, scanner)"
        )
    halves = _halves(program.shapes)
    pulse = np.asarray(program.periods.pulse)
    free, moment = (
        np.asarray(pair.value, float) for pair in (program.periods.duration, program.periods.moment)
    )
    following = np.append(pulse[1:], pulse[-1])
    behind, next_before = halves.behind[pulse], halves.before[following]
    period = np.asarray(program.samples.period)
    return Intervals(
        pulse,
        behind + free + next_before,
        halves.moment_behind[pulse] + moment + halves.moment_before[following],
        np.asarray(program.samples.time.value, float) + behind[period],
        np.asarray(program.samples.k.value, float) + halves.moment_behind[pulse][period],
        np.asarray(program.samples.offsets),
        halves,
    )


def _halves(shapes: tuple[PulseShape, ...]) -> Halves:
    rows = [[], [], [], []]
    for shape in shapes:
        for values, made in zip(rows, _half(shape), strict=True):
            values += [made] * len(np.asarray(shape.amplitudes))
    return Halves(*(np.array(values, float) for values in rows))


def _half(shape: PulseShape):
    """Times and moments of one pulse up to the middle of its envelope, and from there."""
    step = np.asarray(shape.step, float) * 2**shape.doublings
    size = np.linalg.norm(np.asarray(shape.b1, float), axis=-1).mean(1) * step
    rate = np.asarray(shape.rate, float).mean(1)
    ends = np.cumsum(step)
    total = ends[-1]
    middle = float(((ends - step / 2) * size).sum() / size.sum()) if size.sum() > 0 else total / 2
    early = np.clip(middle - (ends - step), 0, step)
    return middle, total - middle, early @ rate, (step - early) @ rate
