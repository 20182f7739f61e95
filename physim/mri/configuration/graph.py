"""The configurations of a sequence that are kept, as frozen arrays: what moves where, and what the samples see."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from ..sequence.program import Pair, Program, Samples
from .gather import inverse_of
from .intervals import Intervals
from .layers import Layer
from .rows import Row

Index = Int[np.ndarray | Array, "..."]
NOWHERE = -1  # the place of what begins with nothing
Numbers = Float[np.ndarray | Array, "..."]


class Moves(eqx.Module):
    """From one pulse to the next, a row for each period: F of k and −k, and Z, of every pair, by the place they come from.

    `b_f`, `b_z`: b-values of where they come from, s/mm², one or six parts; None without diffusion.
    """

    f: Index
    f_uses: Index
    z: Index
    z_uses: Index
    b_f: Numbers | None
    b_z: Numbers | None


class ReadOuts(eqx.Module):
    """Rows of magnetisation for all read-outs, as many in each period, and what the samples are of them.

    - `members`: places [period, row, member]. - `apart`: s from the members' echoes. - `since`: from the pulse's end to
      the time at which a row's time begins, s. - `b`: of members up to there, in parts; None without diffusion.
    - `samples`: one period for each row. - `weight`: with which a sample sees its row. - `origin`: its number.
    """

    members: Index
    uses: Index
    apart: Numbers
    since: Numbers
    b: Numbers | None
    samples: Samples
    weight: Numbers
    origin: Index
    origin_uses: Index


class ConfigurationGraph(eqx.Module):
    """A program with the configurations that are kept of it; `mri.configuration_graph` makes it.

    Give it to `mri.simulate` in place of the sequence, inside `jax.jit` and `jax.grad` as well: structure, timing and
    trajectory are frozen (`turns`: moments of the pulses' own gradients); tissue, flip angles and phases of its `program`
    are traced. Valid for voxels like those it was made for.

    - `truncation_error`: what leaving out configurations is estimated to do to the samples, relative to their root mean
      square: their energies are added up as if they never met with a phase, in a few of the voxels. An estimate, no bound.
    - `kept`, `left_out`: numbers of pairs of configurations, over all pulses. - `rows`: magnetisations encoded.
    """

    program: Program
    turns: tuple[Pair, Pair]
    moves: Moves
    behind: ReadOuts | None
    front: ReadOuts | None
    truncation_error: Numbers
    kept: Index
    left_out: Index
    rows: Index
    dephases: bool = eqx.field(static=True)


class Kept(NamedTuple):
    """Pairs kept of each layer: their places in it, and where the parts of them come from among those kept before."""

    places: list[np.ndarray]
    f: list[np.ndarray]
    z: list[np.ndarray]


def kept_of(layers: list[Layer], keep) -> Kept:
    """Numbers the pairs kept; a place one beyond the last stands for nothing."""
    places, f, z, before = [], [], [], None
    for layer, one in zip(layers, keep, strict=True):
        places.append(np.nonzero(one)[0])
        if before is not None:
            number, count = before
            table = np.concatenate([number, np.where(number == NOWHERE, NOWHERE, number + count), [NOWHERE]])
            f.append(np.stack([table[layer.plus[one]], table[layer.minus[one]]]))
            z.append(np.append(number, NOWHERE)[layer.z[one]])
        number = np.full(len(one), NOWHERE)
        number[places[-1]] = np.arange(one.sum())
        before = number, int(one.sum())
    return Kept(places, f, z)


def moves_of(kept: Kept, b_f: list | None, b_z: list | None) -> Moves:
    """Padded to the most pairs of any period; F of −k lie behind F of k."""
    counts = [len(place) for place in kept.places]
    most = max(counts)
    f = np.full((len(counts), 2 * most), 2 * most)
    z = np.full((len(counts), most), most)
    for period, (sources, stays) in enumerate(zip(kept.f, kept.z, strict=True)):
        spread = np.where(sources >= counts[period], sources - counts[period] + most, sources)
        spread = np.where(sources == NOWHERE, 2 * most, spread)
        f[period].reshape(2, most)[:, : spread.shape[1]] = spread
        z[period, : len(stays)] = np.where(stays == NOWHERE, most, stays)
    uses = lambda index, count: np.stack([inverse_of(one, count, 2) for one in index])
    return Moves(
        f.astype(np.int32),
        uses(f, 2 * most),
        z.astype(np.int32),
        uses(z, most),
        None if b_f is None else np.stack([_halves_padded(b, most) for b in b_f]),
        None if b_z is None else np.stack([np.pad(b, ((0, most - len(b)), (0, 0))) for b in b_z]),
    )


def _halves_padded(values, most: int):
    """Numbers of F of k and of −k, each padded."""
    halves = values.reshape(2, -1, values.shape[1])
    return np.pad(halves, ((0, 0), (0, most - halves.shape[1]), (0, 0))).reshape(2 * most, -1)


def read_outs(
    rows: list[Row], intervals: Intervals, counts: list[int], dephasing, b: list | None
) -> ReadOuts:
    """Rows of all periods, padded; `dephasing` gives the weight of a voxel at k."""
    periods, most = len(counts), max(counts)
    number = np.zeros(periods, int)
    slot = []
    for row in rows:
        slot.append(int(number[row.period]))
        number[row.period] += 1
    each = max(1, int(number.max()))
    width = max(len(row.members) for row in rows)
    members = np.full((periods, each, width), 2 * most)
    apart, since = np.zeros((periods, each, width)), np.zeros((periods, each))
    b_values = None if b is None else np.zeros((periods, each, width, b[0].shape[1]))
    length = np.zeros(periods * each, int)
    parts = []
    ends = intervals.halves.behind[intervals.pulse]
    for index, (row, place) in enumerate(zip(rows, slot, strict=True)):
        at, size, count = (row.period, place), len(row.members), counts[row.period]
        members[at][:size] = np.where(row.members >= count, row.members - count + most, row.members)
        apart[at][:size] = row.apart
        since[at] = row.anchor - ends[row.period]
        if b is not None and b_values is not None:
            b_values[at][:size] = b[index]
        length[row.period * each + place] = row.last - row.first
        k = intervals.sample_k[row.first : row.last] + row.k
        time = intervals.sample_time[row.first : row.last] - row.anchor
        parts.append((row.period * each + place, k, time, dephasing(k), np.arange(row.first, row.last)))
    parts.sort(key=lambda part: part[0])
    k, time, weight, origin = (np.concatenate([part[i] for part in parts]) for i in range(1, 5))
    samples = Samples(
        Pair.of(k),
        Pair.of(time),
        np.zeros(len(time)),
        np.concatenate([[0], np.cumsum(length)]).astype(np.int32),
    )
    flat = members.reshape(periods, -1)
    return ReadOuts(
        flat.reshape(members.shape).astype(np.int32),
        _uses(flat, 2 * most),
        apart,
        since,
        b_values,
        samples,
        weight,
        origin.astype(np.int32),
        inverse_of(origin, len(intervals.sample_time)),
    )


def _uses(index, count: int):
    made = [inverse_of(one, count) for one in index]
    width = max(one.shape[1] for one in made)
    return np.stack([inverse_of(one, count, width) for one in index])
