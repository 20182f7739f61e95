"""Configurations of all voxels from pulse to pulse, and the rows of magnetisation that read-outs see."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair
from .diffusing import left_of
from .gather import GATHER
from .graph import ConfigurationGraph
from .pulses import Mixing, jax_complex, mixed, mixing_of
from .voxels import PhaseGraph


def rows_after_pulses(
    spins: PhaseGraph, graph: ConfigurationGraph
) -> list[Complex[Array, "period row spin"] | None]:
    """The rows of all periods behind their echoes, and in front of them."""
    program = graph.program
    mixing = mixing_of(spins, program, graph.turns)
    dtype = spins.t1.dtype
    own = lambda tree: jax.tree.map(lambda a: jnp.asarray(a, dtype), tree)
    reads = [
        None if one is None else (one.members, one.uses, *own((one.apart, one.since, one.b)))
        for one in (graph.behind, graph.front)
    ]
    moves = graph.moves
    periods = program.periods
    rows = (
        jnp.asarray(periods.pulse),
        2 * jnp.pi * jnp.asarray(periods.phase, dtype),
        own(periods.duration),
        (moves.f, moves.f_uses, moves.z, moves.z_uses, *own((moves.b_f, moves.b_z))),
        reads,
    )
    pairs = moves.z.shape[1]
    nothing = jnp.zeros((pairs, spins.count), jnp.result_type(dtype, jnp.complex64))
    along = _added(nothing, spins.pd)

    def one(states, row):
        pulse, theta, duration, move, read = row
        after = _pulsed(spins, mixing, pulse, theta, states)
        table = jnp.concatenate([after[0], jnp.conj(after[1])])
        seen = [None if some is None else _row(spins, graph.dephases, table, some) for some in read]
        return _moved(spins, table, after[2], duration, move), seen

    return jax.lax.scan(jax.checkpoint(one), (nothing, nothing, along), rows)[1]


def _pulsed(spins: PhaseGraph, mixing: Mixing, pulse, theta, states):
    """After a pulse; relaxation during it adds to k = 0."""
    now = jax.tree.map(lambda a: a[pulse], mixing)
    plus, minus, along = mixed(now, theta, *states)
    gained = now.gained * jnp.exp(-1j * theta).astype(plus.dtype)
    return _added(plus, gained), _added(minus, jnp.conj(gained)), _added(along, now.recovered)


def _added(states, first):
    """States with something added to those of k = 0."""
    return jnp.concatenate([states[:1] + first, states[1:]])


def _moved(spins: PhaseGraph, table, along, duration: Pair, move):
    """Over an interval: decay, precession, diffusion, and every configuration to its new place."""
    f, f_uses, z, z_uses, b_f, b_z = move
    left = jnp.exp(-duration.value / spins.t1)
    table = table * _turned(spins, duration)
    along = along * left
    if b_f is not None:
        table = table * left_of(b_f, spins.diffusivity)
        along = along * left_of(b_z, spins.diffusivity)
    moved = GATHER.apply((), (f, f_uses), table)
    pairs = along.shape[0]
    stayed = GATHER.apply((), (z, z_uses), along)
    return moved[:pairs], jnp.conj(moved[pairs:]), _added(stayed, spins.pd * (1 - left))


def _turned(spins: PhaseGraph, duration: Pair):
    """Decay and precession over a time."""
    angle = 2 * jnp.pi * wrapped(wrapped_product(duration, spins.off_resonance))
    size = jnp.exp(-duration.value / spins.t2)
    return jax_complex(size * jnp.cos(angle), -size * jnp.sin(angle))


def _row(spins: PhaseGraph, dephases: bool, table, read):
    """The magnetisation of each row of a period, when its time begins."""
    members, uses, apart, since, b = read
    gathered = GATHER.apply((), (members.reshape(-1), uses), table).reshape(*members.shape, -1)
    if dephases:
        gathered = gathered * jnp.exp(-apart[:, :, None] / spins.t2_prime)
    if b is not None:
        gathered = gathered * left_of(b, spins.diffusivity)
    return gathered.sum(1) * jax.vmap(lambda time: _turned(spins, Pair(time, jnp.zeros_like(time))))(since)
