"""From a sequence to a program: on the host, in integers and float64, before anything is traced."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from physim_phantoms._checks import InputError

from ..bloch.integrators import FourthOrder, Integrator
from ..gradients.system import GradientSystem, Played
from ..motion.motion import Motion, MovedGradients, Still
from ..units import GYROMAGNETIC_RATIO, picoseconds, seconds
from .blocks import Block, Sequence
from .events import Adc, Rf
from .program import Pair, Periods, Program, PulseShape, Samples
from .pulse_nodes import at_nodes
from .waveforms import gradients_of

MERGED = 6  # decimals of Hz/mm to which gradients must agree for two pulses to be one
LONG = 64  # steps from which on a constant pulse is doubled rather than stepped through


class _Played(NamedTuple):
    """A pulse where it is played: when its waveform begins and ends (ps), and its phase there in cycles."""

    rf: Rf
    block: Block
    start: int
    end: int
    phase: float


class _Read(NamedTuple):
    """A read-out where it is played: when its samples begin (ps)."""

    adc: Adc
    start: int


def compile_sequence(
    sequence: Sequence,
    field: float = 3.0,
    integrator: Integrator = FourthOrder(),
    gradients: GradientSystem = GradientSystem(),
    motion: Motion = Still(),
) -> Program:
    """What spins in a field of `field` T see of a sequence; offsets in ppm become Hz here.

    Moments and phases are exact float64 integrals from integer picoseconds; pulses that differ in their phase only are
    kept once. Phases that uniform fields or motion give all spins alike are taken off pulses and read-outs instead. Raises
    `ValueError` where a read-out overlaps a pulse, a pulse has an `rf_shim`, or nothing is ever played or read.

    Good values: the defaults; keep the program where only its numbers change.
    """
    seen = _seen(sequence, field, gradients, motion)
    played, read = _events(sequence, field)
    first_sample = min((one.start for one in read), default=None)
    starts_silent = not played or (first_sample is not None and first_sample < played[0].start)
    shapes, pulse = _pulses(played, seen, field, integrator, starts_silent)
    begins = np.array([0] * starts_silent + [one.end for one in played], np.int64)
    begun = [one.start for one in played][not starts_silent :]
    ends = np.array([*begun, sequence.starts()[-1]], np.int64)
    phases = _wrapped(np.array([one.phase for one in played]) - seen.common([one.start for one in played]))
    periods = Periods(
        np.asarray(pulse, np.int32),
        np.concatenate([np.zeros(int(starts_silent)), phases]),
        Pair.of(seconds(ends - begins)),
        Pair.of(seen.moment(ends) - seen.moment(begins)),
    )
    return Program(
        shapes, periods, _samples(read, seen, begins, ends, field), integrator, field, gradients, motion
    )


def _seen(
    sequence: Sequence, field: float, gradients: GradientSystem, motion: Motion
) -> Played | MovedGradients:
    """The gradients as the spins see them."""
    if not isinstance(motion, Motion):
        raise InputError(
            f"motion is {motion!r}; it must be an object like mri.RigidMotion(...): leave it away for spins at rest"
        )
    if gradients.nonlinearity is not None and not isinstance(motion, Still):
        raise InputError(
            "the spins move and the gradients are not linear in space; that combination is not simulated: "
            "leave out motion, or write GradientSystem(nonlinearity=None)"
        )
    return motion.seen(gradients.played(gradients_of(sequence).axes, field))


def _events(sequence: Sequence, field: float) -> tuple[list[_Played], list[_Read]]:
    played: list[_Played] = []
    read: list[_Read] = []
    larmor = GYROMAGNETIC_RATIO * 1e-6 * field  # MHz
    for number, (start, one) in enumerate(zip(sequence.starts(), sequence, strict=False)):
        if one.rf is not None:
            _require_one_channel(number, one)
            rf = one.rf
            phase = (rf.phase_offset + rf.phase_ppm * larmor) / (2 * np.pi)
            played.append(_Played(rf, one, start + rf.delay, start + rf.end, _wrapped(phase)))
        if one.adc is not None:
            read.append(_Read(one.adc, start + one.adc.delay))
    return played, read


def _require_one_channel(number: int, one: Block) -> None:
    if one.rf_shim is not None:
        raise InputError(
            f"the pulse of block {number} is shimmed over {len(one.rf_shim.magnitudes)} transmit channels; one channel is "
            "simulated: write dataclasses.replace(block, rf_shim=None) for that block"
        )


def _pulses(played, seen: Played | MovedGradients, field: float, integrator: Integrator, starts_silent: bool):
    """The different pulses, and for each period which one begins it."""
    shapes: dict[tuple, tuple] = {}  # key -> arrays of the shape
    strengths: dict[tuple, dict[tuple[float, float], int]] = {}  # amplitudes and carriers of each shape
    keys: dict[int, tuple] = {}  # of arrays that several pulses share
    chosen = []
    if starts_silent:
        nothing = (
            np.zeros(1),
            np.zeros((1, len(integrator.nodes), 2)),
            np.zeros((1, len(integrator.nodes), seen.rate(np.zeros(1)).shape[-1])),
            0,
        )
        shapes[()] = nothing
        strengths[()] = {(0.0, 0.0): 0}
        chosen.append(((), 0))
    digits = (12, 12, 12, 0) if seen.repeats else (12, MERGED, MERGED, 0)
    for one, arrays in zip(played, _steps(played, seen, integrator), strict=True):
        if id(arrays) not in keys:
            keys[id(arrays)] = tuple(np.round(a, n).tobytes() for a, n in zip(arrays, digits, strict=True))
        key = keys[id(arrays)]
        shapes.setdefault(key, arrays)
        known = strengths.setdefault(key, {})
        chosen.append((key, known.setdefault((one.rf.amplitude, _carrier(one.rf, field)), len(known))))
    first = dict(zip(shapes, np.cumsum([0, *(len(strengths[key]) for key in shapes)]), strict=False))
    made = tuple(_shape(arrays, strengths[key]) for key, arrays in shapes.items())
    return made, [int(first[key]) + index for key, index in chosen]


def _shape(arrays, strengths) -> PulseShape:
    step, b1, rate, doublings = arrays
    amplitudes, carriers = np.array(list(strengths), float).T
    whole = Pair.of(step.sum() * 2**doublings)
    return PulseShape(step, b1, rate, amplitudes, Pair.of(carriers), whole, int(doublings))


def _carrier(rf: Rf, field: float) -> float:
    """The frequency offset of a pulse, Hz."""
    return float(rf.frequency_offset + rf.frequency_ppm * GYROMAGNETIC_RATIO * 1e-6 * field)


def _identity(one: _Played) -> tuple:
    """What makes two pulses surely the same shape: the same arrays played over the same gradient events."""
    rf, block = one.rf, one.block
    return (
        *(id(array) for array in (rf.magnitude, rf.phase, rf.times)),
        *(rf.duration, rf.delay),
        *(id(event) for event in (block.gx, block.gy, block.gz, block.rotation)),
    )


def _steps(played, seen: Played | MovedGradients, integrator: Integrator) -> list[tuple]:
    """Lengths, pulse and gradients of the steps of each pulse, at the nodes of the integrator, and how often they double.

    Pulses that are surely the same share one tuple of arrays.
    """
    marks = [_identity(one) if seen.repeats else one.start for one in played]
    different = list(dict(zip(reversed(marks), reversed(played), strict=True)).items())
    nodes = [_nodes(one, integrator) for _, one in different]
    flat = [one.start + times.ravel() for (_, one), (_, times) in zip(different, nodes, strict=True)]
    if not flat:
        return []
    ends = np.cumsum([times.size for times in flat])[:-1]
    rates = np.split(seen.rate(np.concatenate(flat)), ends)
    turns = np.split(seen.common(np.concatenate(flat)), ends)
    before = seen.common(np.array([one.start for _, one in different]))
    made = {}
    for (mark, one), (edges, times), rate, turn, start in zip(
        different, nodes, rates, turns, before, strict=True
    ):
        b1 = at_nodes(one.rf, edges, integrator.nodes)
        if not seen.repeats:
            wave = (b1[..., 0] + 1j * b1[..., 1]) * np.exp(2j * np.pi * (turn - start)).reshape(times.shape)
            b1 = np.stack([wave.real, wave.imag], axis=-1)
        made[mark] = _doubled(np.diff(edges), b1, rate.reshape(*times.shape, -1))
    return [made[mark] for mark in marks]


def _nodes(one: _Played, integrator: Integrator):
    """The steps of a pulse: where they end, and where in them the field is looked at (ps after the pulse begins)."""
    count = max(1, -(-one.rf.duration // picoseconds(integrator.step)))
    edges = np.linspace(0.0, one.rf.duration, count + 1)
    return edges, edges[:-1, None] + np.diff(edges)[:, None] * np.asarray(integrator.nodes)


def _doubled(length, b1, rate) -> tuple:
    """Steps in s; a pulse that stays the same for many, as in continuous saturation, is one step played 2^n times."""
    count = len(length)
    if count < LONG or np.ptp(b1, axis=(0, 1)).max() > 0 or np.ptp(rate, axis=(0, 1)).max() > 0:
        return np.asarray(seconds(length)), b1, rate, 0
    doublings = (count - 1).bit_length()
    return np.array([seconds(length.sum() / 2**doublings)]), b1[:1], rate[:1], doublings


def _samples(read, seen: Played | MovedGradients, begins, ends, field: float) -> Samples:
    larmor = GYROMAGNETIC_RATIO * 1e-6 * field
    times, phases = [np.zeros(0)], [np.zeros(0)]
    for adc, start in read:
        own = adc.times()
        offset = adc.frequency_offset + adc.frequency_ppm * larmor
        phase = (adc.phase_offset + adc.phase_ppm * larmor) / (2 * np.pi) + offset * seconds(own)
        if adc.phase_modulation is not None:
            phase = phase + adc.phase_modulation / (2 * np.pi)
        times.append(start + own)
        phases.append(phase)
    when, phase = np.concatenate(times), np.concatenate(phases)
    period = np.searchsorted(begins, when, side="right") - 1
    late = when > ends[period]
    if np.any(late):
        raise InputError(
            f"the sample at {when[late][0] / 1e12:g} s lies within a pulse; samples during a pulse are not simulated: "
            "move the read-out behind the pulse"
        )
    k = seen.moment(when) - seen.moment(begins)[period]
    phase = phase - seen.common(when)
    offsets = np.searchsorted(period, np.arange(len(begins) + 1)).astype(np.int32)
    time = Pair.of(seconds(when - begins[period]))
    return Samples(Pair.of(k), time, _wrapped(phase), offsets)


def _wrapped(cycles):
    """Phases in cycles, reduced to [-½, ½] before they become float32."""
    return cycles - np.round(cycles)
