"""What a pulse does to each spin, as an affine map: computed once, used wherever the pulse is played.

    M after = A M before + b,       A, b for each spin: 12 numbers

A pulse of another phase is the same map in a frame turned about z.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..sequence.program import PulseShape
from ..spins import Isochromats
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
        return jax.lax.map(lambda amplitude: _map(spins, shape, amplitude, integrator), shape.amplitudes)

    if len(group) == 1:
        return of(group[0])
    made = jax.lax.map(of, jax.tree.map(lambda *rows: jnp.stack(rows), *group))
    return made.reshape(-1, *made.shape[2:])


def _map(spins: Isochromats, shape: PulseShape, amplitude, integrator: Integrator):
    """The columns of A and b: what becomes of x, y and z without recovery, and of nothing with it."""
    identity = jnp.concatenate([jnp.eye(3), jnp.zeros((3, 1))], axis=1).astype(spins.t1.dtype)
    x, y, z = (jnp.broadcast_to(row[:, None], (4, spins.count)) for row in identity)
    with_recovery = jnp.array([0.0, 0.0, 0.0, 1.0], spins.t1.dtype)[:, None]
    end = _march((x, y, z), spins, shape, amplitude, integrator, with_recovery)
    return jnp.stack(end)


def _march(
    m: Vector, spins: Isochromats, shape: PulseShape, amplitude, integrator: Integrator, recovery
) -> Vector:
    """All steps of a pulse."""
    two_pi = 2 * jnp.pi
    r1, r2 = 1 / spins.t1, 1 / spins.t2
    strength = two_pi * amplitude * spins.b1
    place = spins.position.T

    def one(m, nodes):
        length, b1, rate = nodes
        rates = [
            (
                strength * b1[node, 0],
                strength * b1[node, 1],
                two_pi * (spins.detuning + jnp.tensordot(rate[node], place, 1)),
            )
            for node in range(b1.shape[0])
        ]
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
