"""What the samples of a period see: rows of configurations with one k, each a magnetisation per voxel to be encoded.

Where T2' counts, configurations on one side of their echo decay towards later samples and those on the other side grow, all
at the same rate: a row for each side, and read-outs are cut where one changes sides. So the work of encoding does not grow
with the number of configurations of one k.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .intervals import Intervals


class Row(NamedTuple):
    """Configurations of one k for some samples of one period.

    - `members`: F of k, then F of −k, in the numbers of the layer. - `echo`: when they are nearest to k = 0, from the middle
      of the pulse. - `apart`: |time from its echo| of each when the row's
      time begins, s. - `anchor`: that time, s after the middle of the pulse. - `k`: cycles/mm. - `first`, `last`: samples.
    """

    period: int
    members: Int[np.ndarray, " member"]
    apart: Float[np.ndarray, " member"]
    anchor: float
    k: Float[np.ndarray, "3"]
    first: int
    last: int
    echo: float


class Seen(NamedTuple):
    """The configurations of a period that are kept: places among F of k and F of −k, energies, k and dephasing time."""

    place: Int[np.ndarray, " state"]
    energy: Float[np.ndarray, " state"]
    k: Float[np.ndarray, "state 3"]
    tau: Float[np.ndarray, " state"]


def seen_states(keep: Bool[np.ndarray, " pair"], energy, k, tau) -> Seen:
    """F of k and F of −k of the pairs kept, k = 0 once; places count the pairs kept."""
    rows = np.nonzero(keep)[0]
    both = np.concatenate([rows, rows[1:]])
    sign = np.concatenate([np.ones(len(rows)), -np.ones(len(rows) - 1)])
    place = np.concatenate([np.arange(len(rows)), len(rows) + np.arange(1, len(rows))])
    size = np.concatenate([energy[0][rows], energy[1][rows[1:]]])
    return Seen(place, size, sign[:, None] * k[both], sign * tau[both])


def rows_of(
    seen: list[Seen], intervals: Intervals, budget: float, dephases: bool
) -> tuple[list[Row], list[Row], float]:
    """Rows behind and in front of their echoes, and the energy of what is left out, at most `budget`."""
    groups = [_groups(one, period) for period, one in enumerate(seen)]
    flat = [group for some in groups for group in some]
    sizes = np.array([np.sqrt(seen[p].energy[members]).sum() ** 2 for p, members in flat])
    order = np.argsort(sizes)
    spent = np.cumsum(sizes[order])
    drop = set(order[spent <= budget].tolist())
    behind, front = [], []
    for index, (period, members) in enumerate(flat):
        if index in drop:
            continue
        one, two = _cut(period, seen[period], members, intervals, dephases)
        behind += one
        front += two
    return behind, front, float(spent[len(drop) - 1]) if drop else 0.0


def _groups(seen: Seen, period: int):
    """The states of one k each."""
    if not len(seen.place):
        return []
    _, group = np.unique(np.round(seen.k * 1e9).astype(np.int64), axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    return [(period, part) for part in np.split(order, np.nonzero(np.diff(group[order]))[0] + 1)]


def _cut(period: int, seen: Seen, members, intervals: Intervals, dephases: bool):
    """Rows behind their echoes, whose time begins with their first sample, and in front of them, with their last."""
    first, last = int(intervals.offsets[period]), int(intervals.offsets[period + 1])
    begin = float(intervals.halves.behind[intervals.pulse[period]])
    k, tau = seen.k[members[0]], seen.tau[members]
    times = intervals.sample_time[first:last]
    distance = np.linalg.norm(intervals.sample_k[first:last] + k, axis=1)

    def row(side, anchor: float, start: int, stop: int) -> Row:
        echo = float(times[start + np.argmin(distance[start:stop])])
        apart = np.abs(tau[side] + anchor) if dephases else 0 * tau
        return Row(period, seen.place[members[side]], apart, anchor, k, first + start, first + stop, echo)

    if not dephases:
        return [row(slice(None), begin, 0, len(times))], []
    cuts = np.unique(np.concatenate([[0], np.searchsorted(times, -tau), [len(times)]]))
    behind, front = [], []
    for start, stop in pairwise(cuts.tolist()):
        late = tau + times[start] >= 0
        for side, anchor, rows in ((late, times[start], behind), (~late, times[stop - 1], front)):
            if side.any():
                rows.append(row(side, float(anchor), start, stop))
    return behind, front
