"""The magnetisation of isochromats from pulse to pulse: maps of the pulses, closed forms between them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair, Program
from ..spins import Isochromats
from .pulses import play, pulse_maps


def after_pulses(
    spins: Isochromats, program: Program, components: int
) -> Float[Array, "component period spin"]:
    """The first components of every spin's magnetisation after each pulse."""
    maps = pulse_maps(spins, program.shapes, program.integrator)
    dtype = spins.t1.dtype
    periods = program.periods

    def one(m, period):
        pulse, phase, duration, moment = period
        after = play(m, maps[pulse], phase)
        return precess(spins, after, duration, moment), jnp.stack(after[:components])

    at_rest = (jnp.zeros(spins.count, dtype), jnp.zeros(spins.count, dtype), spins.pd)
    rows = (
        jnp.asarray(periods.pulse),
        jnp.asarray(periods.phase, dtype),
        jax.tree.map(lambda a: jnp.asarray(a, dtype), periods.duration),
        jax.tree.map(lambda a: jnp.asarray(a, dtype), periods.moment),
    )
    _, transverse = jax.lax.scan(jax.checkpoint(one, prevent_cse=False), at_rest, rows)
    return jnp.moveaxis(transverse, 0, 1)


def precess(spins: Isochromats, m, duration: Pair, moment: Pair):
    """Free precession, relaxation and recovery over a whole period."""
    cycles = wrapped_product(duration, spins.detuning)
    for axis in range(spins.position.shape[1]):
        along = Pair(moment.high[axis], moment.low[axis])
        cycles = cycles + wrapped_product(along, spins.position[:, axis])
    angle = 2 * jnp.pi * wrapped(cycles)
    time = duration.value
    size = jnp.exp(-time / spins.t2)
    cosine, sine = size * jnp.cos(angle), size * jnp.sin(angle)
    recovered = spins.pd - (spins.pd - m[2]) * jnp.exp(-time / spins.t1)
    return m[0] * cosine + m[1] * sine, m[1] * cosine - m[0] * sine, recovered
