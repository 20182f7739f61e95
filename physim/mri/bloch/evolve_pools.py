"""Pools that exchange through a program: pulses as maps, free precession of two of them in closed form, as in `evolve`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..many_pools import ManyPools
from ..phase import wrapped, wrapped_product
from ..pools import Pools
from ..sequence.program import Pair, Program
from .exchange import Exchange, Mode, modes, propagate
from .exchange_of_many import EXACTLY, exchange_freely, modes_of_many
from .pool_pulses import play_to_pools, pool_pulse_maps


def decaying_modes(
    pools: Pools | ManyPools, program: Program
) -> tuple[Float[Array, "mode axis"], Float[Array, " mode"], Float[Array, " mode"]]:
    """What moments count from (mm), detuning (Hz) and decay (1/s) of what every read-out sums over.

    Liquid pools are as many modes for each spin, each encoded as if it were a spin of its own; beside a semisolid pool,
    which has no transverse magnetisation, there is one.
    """
    if isinstance(pools, ManyPools):
        rates, _ = modes_of_many(pools, program.field)
        places = jnp.tile(pools.position, (rates.shape[-1], 1))
        return places, (pools.detuning + rates.imag.T / (2 * jnp.pi)).reshape(-1), rates.real.T.reshape(-1)
    if pools.second.components == 1:
        return pools.position, pools.detuning, 1 / pools.t2
    both = modes(_across(pools, program.field))
    return (
        jnp.concatenate([pools.position, pools.position]),
        jnp.concatenate([pools.detuning + mode.detuning for mode in both]),
        jnp.concatenate([mode.r2 for mode in both]),
    )


def transverse_modes(pools: Pools | ManyPools, program: Program) -> Float[Array, "2 period mode"]:
    """The magnetisation of every one of `decaying_modes` after each pulse."""
    m = pools_after_pulses(pools, program)
    if isinstance(pools, ManyPools):
        _, weights = modes_of_many(pools, program.field)
        held = jnp.einsum("smp,pts->tms", weights, jax.lax.complex(m[0::3], m[1::3]), precision=EXACTLY)
        held = held.reshape(held.shape[0], -1)
        return jnp.stack([held.real, held.imag])
    if pools.second.components == 1:
        return m[:2]
    return jnp.concatenate([_weighted(mode, m) for mode in modes(_across(pools, program.field))], axis=-1)


def _weighted(mode: Mode, m: Float[Array, "6 period spin"]) -> Float[Array, "2 period spin"]:
    """What a mode holds of the transverse magnetisation of both pools."""
    (a, b), (x, y, _, u, v, _) = (mode.of_first, mode.of_second), m
    return jnp.stack(
        [
            a.real * x - a.imag * y + b.real * u - b.imag * v,
            a.real * y + a.imag * x + b.real * v + b.imag * u,
        ]
    )


def pools_after_pulses(pools: Pools | ManyPools, program: Program) -> Float[Array, "component period spin"]:
    """The magnetisation of every spin after each pulse: x, y, z of the first pool, then of the others, or its z alone."""
    maps = pool_pulse_maps(pools, program)
    dtype = pools.t1.dtype
    periods = program.periods

    def one(m, period):
        pulse, phase, duration, moment = period
        after = play_to_pools(m, maps[pulse], phase, pools.places)
        return _precess(pools, after, duration, moment, program.field), after

    rows = (
        jnp.asarray(periods.pulse),
        jnp.asarray(periods.phase, dtype),
        jax.tree.map(lambda a: jnp.asarray(a, dtype), periods.duration),
        jax.tree.map(lambda a: jnp.asarray(a, dtype), periods.moment),
    )
    _, m = jax.lax.scan(jax.checkpoint(one, prevent_cse=False), pools.at_rest, rows)
    return jnp.moveaxis(m, 0, 1)


def _along(pools: Pools) -> Exchange:
    """Exchange of longitudinal magnetisation."""
    (first, second), (out, back) = pools.relaxing, pools.exchange_rates
    return Exchange(first.r1, second.r1, out, back)


def _across(pools: Pools, field: float) -> Exchange:
    """Exchange of transverse magnetisation, in the frame of the first pool."""
    (first, second), (out, back) = pools.relaxing, pools.exchange_rates
    turning = 2 * jnp.pi * pools.shift(field)
    nothing = jnp.zeros_like(out)
    return Exchange(
        jax.lax.complex(first.r2, nothing),
        jax.lax.complex(second.r2, turning),
        jax.lax.complex(out, nothing),
        jax.lax.complex(back, nothing),
    )


def _precess(pools: Pools | ManyPools, m, duration: Pair, moment: Pair, field: float):
    """Free precession, relaxation, exchange and recovery over a whole period."""
    cycles = wrapped_product(duration, pools.detuning)
    for axis in range(pools.position.shape[1]):
        along = Pair(moment.high[axis], moment.low[axis])
        cycles = cycles + wrapped_product(along, pools.position[:, axis])
    angle = 2 * jnp.pi * wrapped(cycles)
    turn = jax.lax.complex(jnp.cos(angle), -jnp.sin(angle))
    if isinstance(pools, ManyPools):
        rested = exchange_freely(pools, m, duration.value, field)
        across = jax.lax.complex(rested[0::3], rested[1::3]) * turn
        return jnp.stack([across.real, across.imag, rested[2::3]], axis=1).reshape(m.shape)
    (first, second), last = pools.relaxing, len(m) - 1
    z, last_z = propagate(_along(pools), m[2] - first.m0, m[last] - second.m0, duration)
    of_first = jax.lax.complex(m[0], m[1])
    if pools.second.components == 1:
        of_first = of_first * turn * jnp.exp(-duration.value * first.r2)
        return jnp.stack([of_first.real, of_first.imag, first.m0 + z, second.m0 + last_z])
    a, b = propagate(_across(pools, field), of_first, jax.lax.complex(m[3], m[4]), duration)
    a, b = a * turn, b * turn
    return jnp.stack([a.real, a.imag, first.m0 + z, b.real, b.imag, second.m0 + last_z])
