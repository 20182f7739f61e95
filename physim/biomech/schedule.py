"""When growth stops for a picture, a fraction or an operation: the steps of a course, laid out on the host."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .therapy import Radiotherapy, Resection, Treatment

SOON = 1e-9  # days: instants that are nearer are one


class Span(NamedTuple):
    """Steps without a picture or an operation between them.

    - `resections`: numbers of the events that come first. - `start`, `stop`: of each step, days.
    - `fractions`: for each event of radiotherapy, before which steps one of its fractions is given.
    - `picture`: whether a volume is taken at the end.
    """

    resections: tuple[int, ...]
    start: Float[np.ndarray, " step"]
    stop: Float[np.ndarray, " step"]
    fractions: Bool[np.ndarray, "therapy step"]
    picture: bool


def spans_of(days: list[float], events: tuple[Treatment, ...], longest: float) -> list[Span]:
    """The course from day 0 to the last of `days`, in steps of at most `longest` days that no instant lies within.

    What happens on the day of a picture happens after it.
    """
    operations = {n: event.days[0] for n, event in enumerate(events) if isinstance(event, Resection)}
    therapies = [event.days for event in events if isinstance(event, Radiotherapy)]
    cuts = _distinct([0.0, *days, *(day for day in operations.values() if day < days[-1])])
    spans = [] if days[0] > 0 else [Span((), *_nothing(len(therapies)), picture=True)]
    for begin, end in itertools.pairwise(cuts):
        first = tuple(n for n, day in operations.items() if abs(day - begin) <= SOON)
        given = [day for some in therapies for day in some if begin - SOON <= day < end - SOON]
        edges = _steps(_distinct([begin, *given, end]), longest)
        start = edges[:-1]
        given_at = [np.isclose(start[:, None], some, rtol=0, atol=SOON).any(1) for some in therapies]
        fractions = np.array(given_at, bool).reshape(len(therapies), len(start))
        picture = any(abs(day - end) <= SOON for day in days)
        spans.append(Span(first, start, edges[1:], fractions, picture))
    return spans


def _nothing(therapies: int):
    return np.zeros(0), np.zeros(0), np.zeros((therapies, 0), bool)


def _distinct(instants) -> list[float]:
    """Ascending, without those that repeat."""
    found: list[float] = []
    for one in sorted(instants):
        if not found or one - found[-1] > SOON:
            found.append(float(one))
    return found


def _steps(instants: list[float], longest: float) -> Float[np.ndarray, " edge"]:
    """The edges of equal steps between instants; as many in all as fill chunks of equal numbers (see `chunked`)."""
    lengths = np.diff(instants)
    counts = np.maximum(1, np.ceil(lengths / longest - SOON).astype(int))
    chunks, chunk = chunked(int(counts.sum()))
    for _ in range(chunks * chunk - int(counts.sum())):
        counts[np.argmax(lengths / counts)] += 1
    pieces = [
        np.linspace(a, b, n, endpoint=False)
        for (a, b), n in zip(itertools.pairwise(instants), counts, strict=True)
    ]
    return np.concatenate([*pieces, [instants[-1]]])


def chunked(steps: int) -> tuple[int, int]:
    """Chunks and steps of each, about the root of the number of steps both, and together no fewer."""
    chunk = math.ceil(math.sqrt(steps))
    return -(-steps // chunk), chunk
