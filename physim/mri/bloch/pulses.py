"""What a pulse does to each spin, as an affine map: computed once, used wherever the pulse is played.

    M after = A M before + b,       A, b for each spin: 12 numbers

A pulse of another phase is the same map in a frame turned about z.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair, PulseShape
from ..spins import Isochromats
from .exponential import exponential, halvings_of, without_stiffness
from .generators import Relaxing, one_pool
from .integrators import Integrator, Vector
from .step import bloch_step


def pulse_maps(
    spins: Isochromats, shapes: tuple[PulseShape, ...], integrator: Integrator
) -> Float[Array, "pulse 3 4 spin"]:
    """The maps of all pulses, in the order of the shapes and their amplitudes."""
    made = [_group_maps(spins, group, integrator) for group in _alike(shapes)]
    return jnp.concatenate(made)


def _alike(shapes: tuple[PulseShape, ...]) -> list[list[PulseShape]]:
    """Neighbours with arrays of the same sizes together: pulses played to moving spins would compile for each of them."""
    groups: list[list[PulseShape]] = []
    for shape in shapes:
        if groups and jax.tree.map(jnp.shape, groups[-1][0]) == jax.tree.map(jnp.shape, shape):
            groups[-1].append(shape)
        else:
            groups.append([shape])
    return groups


def _group_maps(spins: Isochromats, group: list[PulseShape], integrator: Integrator):
    """The maps of shapes of the same sizes."""

    def of(shape: PulseShape):
        played = (shape.amplitudes, shape.carriers)
        return jax.lax.map(lambda one: _map(spins, shape, one[0], one[1], integrator), played)

    if len(group) == 1:
        return of(group[0])
    made = jax.lax.map(of, jax.tree.map(lambda *rows: jnp.stack(rows), *group))
    return made.reshape(-1, *made.shape[2:])


def _map(spins: Isochromats, shape: PulseShape, amplitude, carrier: Pair, integrator: Integrator):
    """The columns of A and b: what becomes of x, y and z without recovery, and of nothing with it."""
    if shape.doublings:
        end = jnp.moveaxis(_doubled(spins, shape, amplitude, carrier, integrator), 0, 2)[:3]
    else:
        identity = jnp.concatenate([jnp.eye(3), jnp.zeros((3, 1))], axis=1).astype(spins.t1.dtype)
        x, y, z = (jnp.broadcast_to(row[:, None], (4, spins.count)) for row in identity)
        with_recovery = jnp.array([0.0, 0.0, 0.0, 1.0], spins.t1.dtype)[:, None]
        end = _march((x, y, z), spins, shape, amplitude, carrier, integrator, with_recovery)
    x, y = out_of_carrier(end[0], end[1], carrier, shape.duration)
    return jnp.stack([x, y, end[2]])


def _doubled(spins: Isochromats, shape: PulseShape, amplitude, carrier: Pair, integrator: Integrator):
    """A constant pulse: the exponential of one step, doubled."""
    dtype = spins.t1.dtype
    pool = Relaxing(1 / spins.t1, 1 / spins.t2, spins.pd)
    b1, rate = jnp.asarray(shape.b1, dtype)[0], jnp.asarray(shape.rate, dtype)[0]
    x, y, z = nutation(spins, b1[0], rate[0], amplitude, carrier)
    step = integrator.exponent_of([one_pool(x, y, z, pool)] * len(integrator.nodes), shape.step[0])
    return exponential(without_stiffness(step.astype(dtype)), halvings_of(integrator.step), shape.doublings)


def nutation(spins, b1, rate, amplitude, carrier: Pair) -> Vector:
    """What spins turn about in the frame of the carrier, rad/s, from the pulse and the gradients (Hz/mm) at one moment."""
    strength = 2 * jnp.pi * amplitude * spins.b1
    detuning = (spins.detuning - carrier.high) - carrier.low
    z = 2 * jnp.pi * (detuning + jnp.tensordot(rate, spins.position.T, 1))
    return strength * b1[0], strength * b1[1], z


def out_of_carrier(x, y, carrier: Pair, duration: Pair):
    """Transverse magnetisation at the end of a pulse, from the frame of its carrier into that of the scanner."""
    dtype = x.dtype
    high, low = jnp.asarray(carrier.high, dtype), jnp.asarray(carrier.low, dtype)
    angle = 2 * jnp.pi * wrapped(wrapped_product(duration, high) + jnp.asarray(duration.high, dtype) * low)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return x * cosine + y * sine, y * cosine - x * sine


def _march(
    m: Vector,
    spins: Isochromats,
    shape: PulseShape,
    amplitude,
    carrier: Pair,
    integrator: Integrator,
    recovery,
) -> Vector:
    """All steps of a pulse."""
    r1, r2 = 1 / spins.t1, 1 / spins.t2

    def one(m, nodes):
        length, b1, rate = nodes
        rates = [nutation(spins, *node, amplitude, carrier) for node in zip(b1, rate, strict=True)]
        turn, change = integrator.exponent(rates, length)
        return bloch_step(m, turn, change, length, r1, r2, recovery * r1 * spins.pd), None

    dtype = spins.t1.dtype
    nodes = (jnp.asarray(shape.step, dtype), jnp.asarray(shape.b1, dtype), jnp.asarray(shape.rate, dtype))
    return jax.lax.scan(one, m, nodes)[0]


def play(m: Vector, maps: Float[Array, "3 4 spin"], phase) -> Vector:
    """Magnetisation after a pulse of a phase in cycles: its map in the frame that turns with the phase."""
    cosine, sine = jnp.cos(2 * jnp.pi * phase), jnp.sin(2 * jnp.pi * phase)
    x, y = m[0] * cosine - m[1] * sine, m[0] * sine + m[1] * cosine
    a, b, c = (maps[i, 0] * x + maps[i, 1] * y + maps[i, 2] * m[2] + maps[i, 3] for i in range(3))
    return a * cosine + b * sine, -a * sine + b * cosine, c
