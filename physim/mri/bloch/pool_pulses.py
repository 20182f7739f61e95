"""What a pulse does to two pools that exchange: exponentials of the Bloch-McConnell matrix, step by step.

Each step is exp(Ω) with Ω of the Magnus expansion that the integrator stands for: order 2 or 4 in the step, however
fast the exchange. A constant pulse is one exponential, doubled: its length costs nothing but its logarithm.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..many_pools import ManyPools
from ..pools import Pools
from ..sequence.program import Pair, Program, PulseShape
from .exponential import exponential, halvings_of, product, without_stiffness
from .integrators import Integrator
from .pulses import nutation, out_of_carrier


def pool_pulse_maps(pools: Pools | ManyPools, program: Program) -> Float[Array, "pulse n m spin"]:
    """The maps of all pulses, in the order of `pulse_maps`: m = n + 1, the last column is recovery."""
    made = [
        jax.lax.map(
            lambda played, shape=shape: _map(
                pools, shape, played[0], played[1], program.integrator, program.field
            ),
            (shape.amplitudes, shape.carriers),
        )
        for shape in program.shapes
    ]
    return jnp.concatenate(made)


def _map(
    pools: Pools | ManyPools,
    shape: PulseShape,
    amplitude,
    carrier: Pair,
    integrator: Integrator,
    field: float,
):
    """All steps of a pulse, one after another."""
    dtype = pools.t1.dtype
    exchanging = pools.exchanged

    def one(before, nodes):
        length, b1, rate = nodes
        generators = [
            _generator(pools, *node, amplitude, carrier, field) for node in zip(b1, rate, strict=True)
        ]
        exponent = without_stiffness(integrator.exponent_of(generators, length), exchanging * length)
        return product(exponential(exponent, halvings_of(integrator.step), shape.doublings), before), None

    nodes = tuple(jnp.asarray(a, dtype) for a in (shape.step, shape.b1, shape.rate))
    size = 1 + pools.components
    nothing = jnp.broadcast_to(jnp.eye(size, dtype=dtype), (pools.count, size, size))
    whole = jnp.moveaxis(jax.lax.scan(one, nothing, nodes)[0], 0, 2)
    rows = list(whole[:-1])
    for x in pools.places:
        rows[x], rows[x + 1] = out_of_carrier(rows[x], rows[x + 1], carrier, shape.duration)
    return jnp.stack(rows)


def _generator(pools: Pools | ManyPools, b1, rate, amplitude, carrier: Pair, field: float):
    x, y, z = nutation(pools, b1, rate, amplitude, carrier)
    return pools.generator(x, y, z, field)


def play_to_pools(
    m: Float[Array, "component spin"], maps: Float[Array, "n m spin"], phase, places: tuple[int, ...]
) -> Float[Array, "component spin"]:
    """Magnetisation after a pulse of a phase in cycles: its map in the frame that turns with the phase."""
    cosine, sine = jnp.cos(2 * jnp.pi * phase), jnp.sin(2 * jnp.pi * phase)
    turned = _turned(m, places, cosine, -sine)
    after = (maps[:, :-1] * turned).sum(1) + maps[:, -1]
    return _turned(after, places, cosine, sine)


def _turned(m, places: tuple[int, ...], cosine, sine):
    rows = list(m)
    for x in places:
        a, b = rows[x], rows[x + 1]
        rows[x], rows[x + 1] = a * cosine + b * sine, b * cosine - a * sine
    return jnp.stack(rows)
