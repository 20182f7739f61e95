"""Whether a voxel has spins enough: what comes back of magnetisation that should stay dephased.

A voxel is an even box, B(q) = Π sinc(q_i) of q cycles across its edges. Its spins sum to L(q) = Σ exp(2πi q·x) / N instead,
which is 0 with B for whole cycles up to N − 1 and 1 again at multiples of N. Of what a pulse made transverse, and what stays so
through the pulses up to a sample (a factor cos²(α/2) each, and exp(−t/T2*)), the share |L − B| is wrong.

Longer ways through stored or refocused magnetisation have less of it, and are not looked at.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from physim_phantoms import Grid
from physim_phantoms._checks import is_concrete

from .lattice import lattice
from .sequence.program import Program
from .spins import Isochromats

SHARE = 0.02  # of the largest signal that may come back unsaid
ENCODED = 0.75  # cycles across a voxel that are the encoding's own
FEWEST = 16  # spins per voxel, where a sequence does not need more
NUMBERS = (17, 31, 61, 127, 251, 509, 1021, 2003)  # primes: whole cycles that a spoiler winds come back last
ROOM = 4_000_000  # spins at most, unless asked for: some 0.5 GB
MOST = 32  # read-outs that are looked at: those nearest to k = 0


class DephasingWarning(UserWarning):
    """A voxel has too few spins for what the gradients wind across it: dephased magnetisation comes back in the image."""


class _Ways(NamedTuple):
    """What stays transverse from one pulse to a later sample: cycles across the voxel's edges, how much of it is left, and
    the number of its read-out."""

    cycles: Float[np.ndarray, "way 3"]
    left: Float[np.ndarray, " way"]
    readout: Int[np.ndarray, " way"]


def warn_of_dephasing(program: Program, spins: Isochromats, per_voxel: int, grid: Grid) -> None:
    """One `DephasingWarning` where more than 2 % of the signal is magnetisation that came back; nothing where traced.

    Good values: after `spins_in`, with the program that is to be played.
    """
    if not all(map(is_concrete, jax.tree.leaves((program, spins)))):
        return
    ways = _ways(program, spins, _edges(grid))
    share, cycles = _returned(ways, per_voxel)
    if share <= SHARE:
        return
    enough = next((n for n in NUMBERS if n > per_voxel and _returned(ways, n)[0] <= SHARE / 2), None)
    more = "" if enough is None else f"write per_voxel={enough}, or "
    warnings.warn(
        f"gradients wind {cycles:.3g} cycles across a voxel before magnetisation has decayed, and {per_voxel} spins per voxel "
        f"bring {100 * share:.2g} % of the signal back there, which a patient would not: {more}"
        "take phase graphs, spins=mri.voxels_in(patient, scanner)",
        DephasingWarning,
        stacklevel=3,
    )


def spins_enough(program: Program, single: Isochromats, grid: Grid) -> int:
    """How many spins per voxel a program needs, of one number for all voxels: at least 16, and `ROOM` spins at most in all.

    `single` has one spin per voxel and tissue. What is traced gets 16.

    Good values: `spins_in(patient, scanner, spins_enough(program, spins_in(patient, scanner, 1), patient.grid))`.
    """
    if not all(map(is_concrete, jax.tree.leaves((program, single)))):
        return FEWEST
    ways = _ways(program, single, _edges(grid))
    fitting = [n for n in (FEWEST, *NUMBERS) if n * single.count <= ROOM] or [FEWEST]
    return next((n for n in fitting if _returned(ways, n)[0] <= SHARE / 2), fitting[-1])


def _edges(grid: Grid) -> Float[np.ndarray, "3 3"]:
    return np.asarray(grid.direction) * np.asarray(grid.spacing)


def _returned(ways: _Ways, count: int) -> tuple[float, float]:
    """The share of a read-out's signal that `count` spins get wrong, root of the sum of squares, and the cycles of most of it."""
    if not len(ways.left):
        return 0.0, 0.0
    points = lattice(count)[:, :3]
    far = np.abs(ways.cycles).max(axis=1) > ENCODED
    summed = np.array([np.exp(2j * np.pi * (points @ one)).mean() for one in ways.cycles])
    wrong = ways.left * far * np.abs(summed - np.sinc(ways.cycles).prod(axis=1))
    whole = np.sqrt(np.bincount(ways.readout, wrong**2).max())
    return float(whole), float(np.abs(ways.cycles[np.argmax(wrong)]).max())


def _ways(program: Program, spins: Isochromats, edges: Float[np.ndarray, "3 3"]) -> _Ways:
    """All ways of which enough is left to matter, from every pulse to the samples nearest to k = 0."""
    pulse = np.asarray(program.periods.pulse)
    flips, own, lasting = (values[pulse] for values in _pulses(program))
    own = own @ edges
    free = np.asarray(program.periods.moment.value)[:, :3] @ edges
    wound = (
        np.concatenate([np.zeros((1, 3)), np.cumsum(own + free, axis=0)])[:-1] + own / 2
    )  # at middles of pulses
    passed = np.asarray(program.periods.duration.value) + lasting
    middles = np.concatenate([[0.0], np.cumsum(passed)])[:-1] + lasting / 2
    read, fresh, since = _read(program, own, edges, lasting)
    keeps, makes = np.cos(flips / 2) ** 2, np.abs(np.sin(flips))
    rates, weights = _decays(spins)
    cycles, left, kept = [np.zeros((0, 3))], [np.zeros(0)], np.ones(len(read))
    for back in range(1, int(read.max(initial=0)) + 1):
        kept = kept * np.where(read >= back, keeps[np.maximum(read - back + 1, 0)], 0.0)
        first = np.maximum(read - back, 0)
        time = middles[read] + since - middles[first]
        bound = kept * (np.exp(-time[:, None] * rates) @ weights)
        if bound.max() < SHARE:
            break
        cycles.append(wound[read] - wound[first] + fresh)
        left.append(bound * makes[first] / max(makes.max(), 1e-6))
    number = np.tile(np.arange(len(read)), len(left) - 1)
    return _Ways(np.concatenate(cycles), np.concatenate(left), number)


def _pulses(program: Program):
    """Flip angle on resonance (rad), moment (cycles/mm) and duration (s) of every pulse."""
    flips, moments, durations = [], [], []
    for shape in program.shapes:
        times, step = 2**shape.doublings, np.asarray(shape.step)
        area = np.linalg.norm((step[:, None] * np.asarray(shape.b1).mean(axis=1)).sum(axis=0)) * times
        moment = (step[:, None] * np.asarray(shape.rate).mean(axis=1)).sum(axis=0)[:3] * times
        length = float(shape.duration.high) + float(shape.duration.low)
        resonant = np.abs(np.asarray(shape.carriers.value)) * length < 1
        flips.append(np.where(resonant, 2 * np.pi * np.abs(np.asarray(shape.amplitudes)) * area, 0.0))
        moments += [moment] * len(flips[-1])
        durations += [length] * len(flips[-1])
    return np.concatenate(flips), np.array(moments), np.array(durations)


def _read(program: Program, own, edges, lasting):
    """Of the read-outs nearest to k = 0: their periods, and the cycles and times of that sample since the pulse's middle."""
    period = np.asarray(program.samples.period)
    k = np.asarray(program.samples.k.value)[:, :3] @ edges + own[period] / 2
    order = np.argsort(np.linalg.norm(k, axis=1), kind="stable")
    _, first = np.unique(period[order], return_index=True)
    chosen = order[np.sort(first)[:MOST]]
    time = np.asarray(program.samples.time.value)[chosen] + lasting[period[chosen]] / 2
    return period[chosen], k[chosen], time


def _decays(spins: Isochromats):
    """Rates 1/T2*, 1/s, and the share of the protons that has each."""
    rate = np.asarray(1 / spins.t2 + 1 / spins.t2_prime, float)
    rates, which = np.unique(np.round(rate, 6), return_inverse=True)
    weights = np.bincount(which, np.asarray(spins.pd, float))
    return rates, weights / max(weights.sum(), 1e-30)
