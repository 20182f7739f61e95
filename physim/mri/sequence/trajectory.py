"""Where in k-space samples lie, as a reconstruction takes it: since the last excitation, turned round by refocusing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

from .blocks import Sequence
from .events import Rf, Use
from .waveforms import Gradients, gradients_of


def kspace_of(sequence: Sequence) -> Float[np.ndarray, "sample 3"]:
    """k of every sample, cycles/mm: zero in the middle of an excitation, −k in the middle of a refocusing pulse.

    Pulses of an unknown use count as excitations up to 90.01° and as refocusing beyond. Raises `ValueError` for samples
    before the first pulse: nothing says where they lie.
    """
    curve = gradients_of(sequence)
    middles, starts_at, _ = states(sequence, curve)
    times = sample_times(sequence)
    index = np.searchsorted(middles, times) - 1
    if np.any(index < 0):
        raise InputError(
            f"{np.sum(index < 0)} samples come before the first excitation; they have no place in k-space: "
            "leave them out of the reconstruction, or put the pulse before them"
        )
    return curve.moment(times) - starts_at[index]


def states(sequence: Sequence, curve: Gradients):
    """Middles of the pulses that set or turn k (ps), the moment from which k counts after each, and which ones set it."""
    middles, sets = [], []
    for start, one in zip(sequence.starts(), sequence, strict=False):
        if one.rf is not None and (effect := _effect(one.rf)) is not Use.OTHER:
            middles.append(start + one.rf.delay + one.rf.centre)
            sets.append(effect is Use.EXCITATION)
    counted, begins = np.zeros(3), []
    for moment, sets_k in zip(curve.moment(np.array(middles, np.int64)), sets, strict=True):
        counted = moment if sets_k else 2 * moment - counted
        begins.append(counted)
    return np.array(middles, np.int64), np.array(begins).reshape(-1, 3), np.array(sets, bool)


def _effect(rf: Rf) -> Use:
    """Whether a pulse starts k, turns it round, or leaves it alone."""
    if rf.use in (Use.EXCITATION, Use.REFOCUSING):
        return rf.use
    if rf.use is not Use.UNDEFINED:
        return Use.OTHER
    return Use.EXCITATION if _flip(rf) < 0.5001 * np.pi else Use.REFOCUSING


def _flip(rf: Rf) -> float:
    """The flip angle on resonance, rad."""
    times = np.linspace(0, rf.duration, 501)
    wave = rf.at(times)
    area = np.trapezoid(wave, times / 1e12, axis=0)
    return float(2 * np.pi * abs(rf.amplitude) * np.hypot(*area))


def sample_times(sequence: Sequence) -> Float[np.ndarray, " sample"]:
    """When each sample is read, ps."""
    times = [
        start + one.adc.delay + one.adc.times()
        for start, one in zip(sequence.starts(), sequence, strict=False)
        if one.adc is not None
    ]
    return np.concatenate(times) if times else np.zeros(0)
