"""What a pulse does to a pair of configurations, from the map that it is for the magnetisation at a voxel's centre.

With F = Σ_k F_k exp(−2πi k·r) and M real, configurations of k and −k belong together: F_k, F*_−k and Z_k. A map

    M⊥' = α M⊥ + β M⊥* + γ Mz + c,      Mz' = Re(δ M⊥) + ε Mz + e

acts on each such triple alike, and c and e add to k = 0. The turns that the pulse's own gradient gives a centre are taken off
the map: they are in the k of the configurations.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ..bloch.pulses import pulse_maps
from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair, Program
from ..spins import Isochromats
from .voxels import PhaseGraph


class Mixing(NamedTuple):
    """α, β, γ, δ, ε, c and e of each different pulse and voxel, for a phase of zero."""

    same: Complex[Array, "pulse spin"]
    conjugate: Complex[Array, "pulse spin"]
    excited: Complex[Array, "pulse spin"]
    stored: Complex[Array, "pulse spin"]
    kept: Float[Array, "pulse spin"]
    gained: Complex[Array, "pulse spin"]
    recovered: Float[Array, "pulse spin"]


def mixing_of(spins: PhaseGraph, program: Program, turns: tuple[Pair, Pair]) -> Mixing:
    """The mixing by all pulses; `turns`: moments of their own gradients before and behind their middles."""
    centres = Isochromats(
        spins.position, spins.pd, spins.t1, spins.t2, off_resonance=spins.off_resonance, b1=spins.b1
    )
    maps = pulse_maps(centres, program.shapes, program.integrator)
    before, behind = (_turn(spins, k) for k in turns)
    a, b = maps[:, 0], maps[:, 1]
    return Mixing(
        jax_complex(a[:, 0] + b[:, 1], b[:, 0] - a[:, 1]) / 2 * behind * before,
        jax_complex(a[:, 0] - b[:, 1], b[:, 0] + a[:, 1]) / 2 * behind * jnp.conj(before),
        jax_complex(a[:, 2], b[:, 2]) * behind,
        jax_complex(maps[:, 2, 0], -maps[:, 2, 1]) * before,
        maps[:, 2, 2],
        jax_complex(a[:, 3], b[:, 3]) * behind,
        maps[:, 2, 3],
    )


def jax_complex(real, imaginary):
    """A complex array of two real ones."""
    return jnp.asarray(real) + 1j * jnp.asarray(imaginary)


def _turn(spins: PhaseGraph, moment: Pair) -> Complex[Array, "pulse spin"]:
    """exp(2πi k·r) at the centres of voxels."""
    cycles = jnp.zeros((moment.high.shape[0], spins.count), spins.t1.dtype)
    for axis in range(3):
        along = Pair(moment.high[:, axis, None], moment.low[:, axis, None])
        cycles = cycles + wrapped_product(along, spins.position[:, axis])
    angle = 2 * jnp.pi * wrapped(cycles)
    return jax_complex(jnp.cos(angle), jnp.sin(angle))


def mixed(mixing: Mixing, theta, plus, minus, along):
    """F_k, F*_−k and Z_k after a pulse of phase `theta` (rad), without what adds to k = 0; rows are configurations."""
    turn = jnp.exp(1j * theta).astype(plus.dtype)
    back = jnp.conj(turn)
    same, conjugate = mixing.same, mixing.conjugate * back**2
    excited, stored = mixing.excited * back, mixing.stored * turn / 2
    return (
        same * plus + conjugate * minus + excited * along,
        jnp.conj(same) * minus + jnp.conj(conjugate) * plus + jnp.conj(excited) * along,
        stored * plus + jnp.conj(stored) * minus + mixing.kept * along,
    )
