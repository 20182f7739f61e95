"""From voxels and a sequence to the graph of configurations: made once, on the host."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from physim_phantoms._checks import InputError

from ..encoding.plan import is_known
from ..motion.motion import Still
from ..sequence.blocks import Sequence
from ..sequence.program import Pair, Program
from .diffusing import product_of
from .diffusion import Clock, clock_of, longitudinal_b, transverse_b
from .graph import ConfigurationGraph, kept_of, moves_of, read_outs
from .importance import importance_of, kept_pairs
from .intervals import Intervals, intervals_of
from .labels import QUANTUM, whole_windings
from .layers import Tissues, layers_of
from .pulses import mixing_of
from .rows import rows_of, seen_states
from .voxels import PhaseGraph

LOOKED_AT = 12  # voxels by which configurations are weighed
MOST = 4096  # pairs of configurations that are followed up at a time
FLOOR = 1e-3  # of the tolerance: what is weaker is not followed up
DENSE = 0.1  # cycles across a voxel between the samples that are looked at
MILLISECONDS = 1e3


def graph_of(spins: PhaseGraph, program: Program, sequence: Sequence | None) -> ConfigurationGraph:
    """The configurations that are kept for these voxels; the sequence is asked for if they diffuse."""
    _require_plain(program)
    intervals = intervals_of(program)
    turns = Pair.of(intervals.halves.moment_before), Pair.of(intervals.halves.moment_behind)
    if not is_known(spins):
        raise InputError(
            "the voxels are traced, and the configurations to keep depend on their values; make them outside jit and grad: "
            "graph = mri.configuration_graph(spins, sequence, scanner), then mri.simulate(spins, graph, scanner)"
        )
    with jax.ensure_compile_time_eval():
        tissues = _tissues(spins, program, intervals, turns)
    clock = _clock(spins, sequence, program, intervals)
    dephases = _dephases(spins, intervals)
    edges = np.asarray(spins.edges, float)
    windings = np.concatenate([intervals.moment @ edges, MILLISECONDS * intervals.time[:, None]], axis=1)
    windings = whole_windings(windings if dephases else windings[:, :3])
    layers = layers_of(windings, tissues, FLOOR * spins.tolerance, MOST)
    k = [QUANTUM * layer.label[:, :3] @ np.linalg.inv(edges) for layer in layers]
    tau = [QUANTUM / MILLISECONDS * layer.label[:, 3:].sum(1) for layer in layers]
    visible = [_visible(spins, tissues, intervals, period, one) for period, one in enumerate(k)]
    importance = importance_of(layers, tissues, visible)
    budget = spins.tolerance**2 / 2
    keep, gone = kept_pairs(layers, importance, budget)
    seen = [seen_states(*of_layer) for of_layer in zip(keep, importance.seen, k, tau, strict=True)]
    behind, front, unread = rows_of(seen, intervals, budget, dephases)
    chosen = [one[kept] for one, kept in zip(k, keep, strict=True)]
    counts = [len(one) for one in chosen]
    read = lambda rows: read_outs(rows, intervals, counts, spins.dephasing, _row_b(clock, rows, chosen))
    return ConfigurationGraph(
        program,
        turns,
        moves_of(kept_of(layers, keep), *_interval_b(clock, intervals, chosen)),
        read(behind) if behind else None,
        read(front) if front else None,
        np.asarray(np.sqrt(gone + unread + importance.lost)),
        np.asarray(sum(counts)),
        np.asarray(sum(len(one) for one in keep) - sum(counts)),
        np.asarray(len(behind) + len(front)),
        dephases,
    )


def _require_plain(program: Program) -> None:
    system = program.gradients
    if not isinstance(program.motion, Still):
        what = type(program.motion).__name__
    elif system.concomitant is not None or system.nonlinearity is not None:
        what = "gradients with concomitant fields or nonlinearity"
    else:
        return
    raise InputError(
        f"a PhaseGraph does not follow {what}: its configurations are waves that a whole voxel shares; use isochromats: "
        "write mri.spins_in(patient, scanner, per_voxel=16)"
    )


def _clock(
    spins: PhaseGraph, sequence: Sequence | None, program: Program, intervals: Intervals
) -> Clock | None:
    """The course of the gradients, for voxels that diffuse."""
    if not np.any(np.asarray(spins.diffusivity)):
        return None
    if sequence is None:
        raise InputError(
            f"diffusivity is up to {float(np.max(np.asarray(spins.diffusivity))):g} mm²/s, and a compiled program does not have "
            "the course of its gradients; give the sequence itself, or write diffusivity=0.0"
        )
    return clock_of(sequence, program, intervals, product_of(spins.diffusivity))


def _dephases(spins: PhaseGraph, intervals: Intervals) -> bool:
    """Whether T2' matters within the sequence."""
    return float(np.sum(intervals.time) * np.max(1 / np.asarray(spins.t2_prime))) > 1e-2 * spins.tolerance


def _looked_at(spins: PhaseGraph) -> PhaseGraph:
    """Voxels with the extremes of all values, and some others."""
    values = [np.asarray(a) for a in (spins.t1, spins.t2, spins.b1, np.abs(spins.off_resonance))]
    ends = [int(pick(one)) for one in values for pick in (np.argmin, np.argmax)]
    order = np.random.default_rng(0).permutation(spins.count).tolist()
    rows = np.array(list(dict.fromkeys([*order[:4], *ends, *order[4:LOOKED_AT]]))[:LOOKED_AT])
    return eqx.tree_at(
        lambda one: jax.tree.leaves(eqx.tree_at(lambda s: s.edges, one, None)),
        spins,
        replace_fn=lambda a: jnp.asarray(a)[rows],
    )


def _tissues(spins: PhaseGraph, program: Program, intervals: Intervals, turns) -> Tissues:
    """What pulses and intervals do to some voxels."""
    some = _looked_at(spins)
    mixing = jax.tree.map(np.asarray, _mixing(some, program, turns))
    back = np.exp(-2j * np.pi * np.asarray(program.periods.phase, float))[:, None]
    pulse = intervals.pulse
    free = np.asarray(program.periods.duration.value, float)[:, None]
    t1, t2, shift = (np.asarray(a, float) for a in (some.t1, some.t2, some.off_resonance))
    return Tissues(
        mixing.same[pulse],
        mixing.conjugate[pulse] * back**2,
        mixing.excited[pulse] * back,
        mixing.stored[pulse] * back.conj(),
        mixing.kept[pulse],
        np.exp(-free / t2 - 2j * np.pi * shift * free),
        np.exp(-free / t1),
    )


_mixing = eqx.filter_jit(mixing_of)


def _visible(spins: PhaseGraph, tissues: Tissues, intervals: Intervals, period: int, k):
    """Σ over the samples of a period of the squared weight of F of k and of −k, [2, pair, voxel]."""
    first, last = int(intervals.offsets[period]), int(intervals.offsets[period + 1])
    voxels = tissues.kept.shape[1]
    if first == last:
        return np.zeros((2, len(k), voxels))
    samples = intervals.sample_k[first:last]
    steps = np.abs(np.diff(samples, axis=0) @ np.asarray(spins.edges)).max(initial=1e-9)
    stride = max(1, int(DENSE / steps))
    weight = lambda sign: stride * (spins.dephasing(sign * k[:, None] + samples[::stride]) ** 2).sum(1)
    made = np.stack([weight(1), weight(-1)])
    made[1, 0] = 0
    return np.repeat(made[:, :, None], voxels, axis=2)


def _row_b(clock: Clock | None, rows, k):
    """b of the members of each row up to the sample at which they are nearest to their echo."""
    if clock is None:
        return None
    return [transverse_b(clock, row.period, row.echo, _signed(k[row.period])[row.members]) for row in rows]


def _signed(k):
    return np.concatenate([k, -k])


def _interval_b(clock: Clock | None, intervals: Intervals, k):
    """b of F and of Z over each interval."""
    if clock is None:
        return None, None
    times = intervals.time
    f = [transverse_b(clock, period, times[period], _signed(one)) for period, one in enumerate(k)]
    z = [longitudinal_b(clock, times[period], one) for period, one in enumerate(k)]
    return f, z
