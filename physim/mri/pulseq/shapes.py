"""Shapes as Pulseq stores them: derivatives, runs of equal ones as (value, value, how many more).

A shape of as many stored numbers as samples is not compressed; before revision 1.4 every shape is.
Source: Pulseq file specification, section "Shapes".
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

QUANTUM = 1e-12  # of compressed samples: the last digit that is kept
LARGEST = 1e6  # above this, whole numbers of quanta no longer fit 64 bits


def decompress(
    stored: Float[np.ndarray, " stored"], samples: int, where: str, *, always: bool = False
) -> Float[np.ndarray, " sample"]:
    """The samples of a stored shape; `always` where even equal counts mean compression.

    Raises `ValueError` where the runs do not add up to the number of samples.
    """
    if len(stored) == samples and not always:
        return stored
    values, counts, place = [], [], 0
    for run in np.flatnonzero(stored[1:] == stored[:-1]).tolist():
        if run < place:  # inside a run that is already read
            continue
        values += [stored[place:run], stored[run : run + 1]]
        counts += [np.ones(run - place, np.int64), _run_length(stored, run, samples, where)]
        place = run + 3
    values.append(stored[place:])
    counts.append(np.ones(len(stored[place:]), np.int64))
    lengths = np.concatenate(counts)
    if lengths.sum() != samples:
        raise InputError(
            f"{where} unpacks to {lengths.sum()} samples; it must be the {samples} that it announces: "
            "the file may be cut off or altered, export it again"
        )
    return np.cumsum(np.repeat(np.concatenate(values), lengths))


def _run_length(stored, run: int, samples: int, where: str) -> np.ndarray:
    more = stored[run + 2] if run + 2 < len(stored) else np.nan
    if not (0 <= more <= samples and more == int(more)):
        raise InputError(
            f"{where} repeats {stored[run]:g} {more:g} times more; that must be a whole number from 0 to {samples}: "
            "the file may be cut off or altered, export it again"
        )
    return np.array([int(more) + 2])


def compress(samples: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " stored"]:
    """What to store: derivatives and runs where that is shorter and exact to 10⁻¹², else the samples themselves."""
    if len(samples) <= 4 or np.max(np.abs(samples)) > LARGEST:
        return samples
    whole = np.round(samples / QUANTUM).astype(np.int64)
    steps = np.diff(whole, prepend=0)
    begins = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
    lengths = np.diff(begins, append=len(steps))
    if np.sum(np.where(lengths == 1, 1, 3)) >= len(samples):
        return samples
    stored: list[float] = []
    for value, length in zip(steps[begins].tolist(), lengths.tolist(), strict=True):
        step = value / round(1 / QUANTUM)
        stored += [step] if length == 1 else [step, step, float(length - 2)]
    return np.array(stored)
