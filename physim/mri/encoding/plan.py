"""How large the grids of a non-uniform encoding must be: decided on the host, from the extremes of spins and samples."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from physim_phantoms._checks import InputError, is_concrete

from ..sequence.program import Samples
from .gridding import Layout
from .segments import Segments, time_segments
from .window import Window, smooth, window_for

SLACK = 1.001  # by which positions and k may exceed what was planned for
OVERSAMPLINGS = (1.25, 1.5, 2.0)


class Sizes(NamedTuple):
    """What shapes need. Axes are in the order `axes`, those without encoding first, with one grid point.

    - `points`: of the grid that spins are spread on. - `padded`: of the transform. - `kept`: points of the transform around
      k = 0 from which samples are interpolated. - `samples`: most in a period. - `segments`: of time.
    """

    window: Window
    tolerance: float
    axes: tuple[int, int, int]
    points: tuple[int, int, int]
    padded: tuple[int, int, int]
    kept: tuple[int, int, int]
    samples: int
    segments: int

    @property
    def space(self) -> Layout:
        """Of the grid in space, whose middle is the spins' centre."""
        return Layout(self.points, self.window.width, _middles(self.points))

    @property
    def frequency(self) -> Layout:
        """Of the grid in k-space, whose middle is the samples' centre."""
        return Layout(self.kept, self.window.width, _middles(self.kept))


class Extremes(NamedTuple):
    """Of spins and samples, float64: middles and half-widths of positions in mm, half-widths of k within a period in
    cycles/mm, and (lowest, highest) of time, detuning and R₂; how many spins there are, in how many chunks, and how many
    samples in each period."""

    middle: np.ndarray
    reach: np.ndarray
    k: np.ndarray
    times: tuple[float, float]
    detuning: tuple[float, float]
    r2: tuple[float, float]
    spins: int
    counts: np.ndarray
    chunks: int


def is_known(*trees) -> bool:
    """Whether all numbers can be looked at now."""
    return all(is_concrete(leaf) for leaf in jax.tree.leaves(trees))


def extremes(samples: Samples, position, detuning, r2, chunks: int) -> Extremes:
    """Looks at all spins and samples."""
    place, k = np.asarray(position, np.float64), np.asarray(samples.k.value, np.float64)
    offsets = np.asarray(samples.offsets)
    counts = np.diff(offsets)
    low, high = place.min(0), place.max(0)
    starts = offsets[:-1][counts > 0]
    half = (np.maximum.reduceat(k, starts, 0) - np.minimum.reduceat(k, starts, 0)) / 2
    both = lambda a: (float(np.min(np.asarray(a, np.float64))), float(np.max(np.asarray(a, np.float64))))
    time = both(samples.time.value)
    middle, reach, spins = (low + high) / 2, (high - low) / 2, len(place)
    return Extremes(middle, reach, half.max(0), time, both(detuning), both(r2), spins, counts, chunks)


def planned(tolerance: float, found: Extremes, double: bool) -> tuple[Sizes, Segments] | None:
    """Sizes and segments of the quickest choice of oversampling; None where time segmentation fails."""
    segments = time_segments(tolerance / 3, found.times, found.detuning, found.r2)
    if segments is None:
        return None
    choices = [_sizes(tolerance, s, found, segments.number) for s in _oversamplings(tolerance, double)]
    return min(choices, key=lambda sizes: cost(sizes, found)), segments


def cost(sizes: Sizes, found: Extremes) -> float:
    """Nanoseconds on one core, roughly: windows of spins and samples, transforms, factors."""
    taps = float(np.prod([sizes.window.width for n in sizes.points if n > 1] or [1]))
    periods, samples = int((found.counts > 0).sum()), int(found.counts.sum())
    lanes = 2 * sizes.segments
    at_points = (periods * found.spins + found.chunks * samples) * (120 + lanes * (6 + 0.12 * taps))
    points = float(np.prod(sizes.padded))
    return at_points + found.chunks * periods * sizes.segments * points * (6 + 0.6 * np.log2(points + 1))


def direct_cost(found: Extremes) -> float:
    """Nanoseconds of the direct sum on one core, roughly: 8 operations for each spin and sample."""
    return 0.45 * found.spins * float(found.counts.sum())


def negligible(tolerance: float) -> float:
    """Cycles of k r that may be left out along an axis: their phase is a hundredth of the tolerance."""
    return tolerance / (200 * np.pi)


def _oversamplings(tolerance: float, double: bool) -> list[float]:
    """Those whose rounding stays below the tolerance, or the largest."""
    rounding = 1e-16 if double else 6e-8
    fit = [s for s in OVERSAMPLINGS if _rounding(tolerance, s, rounding) < tolerance / 4]
    return fit or [OVERSAMPLINGS[-1]]


def _rounding(tolerance: float, oversampling: float, unit: float) -> float:
    try:
        return window_for(tolerance * 0.7, oversampling).amplification ** 2 * unit
    except InputError:
        return np.inf


def _sizes(tolerance: float, oversampling: float, found: Extremes, segments: int) -> Sizes:
    window = window_for(tolerance * 0.7, oversampling)
    reach = SLACK**2 * found.k * found.reach
    points, padded, kept = [], [], []
    for axis in range(3):
        if reach[axis] < negligible(tolerance):
            for sizes in (points, padded, kept):
                sizes.append(1)
            continue
        points.append(int(np.ceil(4 * oversampling * reach[axis])) + window.width + 3)
        least = (window.width + 6) / (1 - 1 / oversampling)
        padded.append(smooth(int(np.ceil(max(oversampling * points[-1], least)))))
        kept.append(2 * int(np.ceil(SLACK * padded[-1] / (2 * oversampling))) + window.width + 3)
    order = tuple(sorted(range(3), key=lambda axis: (points[axis] > 1, -points[axis])))
    ordered = lambda values: tuple(values[axis] for axis in order)
    return Sizes(
        window,
        tolerance,
        ordered((0, 1, 2)),  # type: ignore[arg-type]
        ordered(points),  # type: ignore[arg-type]
        ordered(padded),  # type: ignore[arg-type]
        ordered(kept),  # type: ignore[arg-type]
        int(found.counts.max()),
        segments,
    )


def _middles(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return shape[0] // 2, shape[1] // 2, shape[2] // 2
