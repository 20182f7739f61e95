"""Spins in one pool that exchanges with each of several others: water with its solutes, nuclear Overhauser and bound pools."""

from __future__ import annotations

from collections.abc import Sequence as Several

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete

from .bloch.generators import Relaxing, many_liquids
from .pools import FASTEST
from .spin_values import PerSpin, per_spin, places_of, refuse_outside, refuse_slow_t2, times
from .units import GYROMAGNETIC_RATIO


class Solute(eqx.Module):
    """A pool beside the first: every value is one number per spin, or one for all.

    - `t1`, `t2`: s, T2 at most 2 T1. - `shift`: of its resonance from the first pool's, ppm of the field.
    - `fraction`: of the equilibrium magnetisation of all pools together that is its own. - `exchange`: rate from it to the
      first pool, 1/s; at equilibrium as much comes back. A pool of bound protons is a solute with a T2 of some 10 µs.

    Good values: `Solute(t1=1.0, t2=0.1, shift=3.5, fraction=1e-3, exchange=30.0)`, amide protons.
    """

    t1: PerSpin = 1.0
    t2: PerSpin = 0.1
    shift: PerSpin = 0.0
    fraction: PerSpin = 1e-3
    exchange: PerSpin = 30.0


class ManyPools(eqx.Module):
    """Spins at points, each in a first pool and in others that exchange with it, but not with one another.

    - `position`, `pd`, `off_resonance`, `b1`: as in `mri.Isochromats`; `pd` counts all pools together.
    - `t1`, `t2`: of the first pool, s. - `others`: `mri.Solute`s. A ratio Fᵢ of a solute to the first pool, as CEST papers
      give it, is `fraction = Fᵢ / (1 + Σ F)`.

    For one solute, or a semisolid with a line shape, `mri.Pools` is the same, and quicker: here free precession is an
    exponential of a matrix for every period and spin. Meant for spectra of a few spins, not for images.

    Source: McConnell, J. Chem. Phys. 28 (1958) 430. Raises `ValueError` for NaN, times that are not positive, T2 above
    2 T1, no solutes, and fractions and rates out of range.

    Good values: `ManyPools(numpy.zeros((1, 3)), t1=1.0, t2=0.04, others=[mri.Solute(), mri.Solute(shift=2.0, exchange=1e3)])`.
    """

    position: Float[Array, "spin 3"]
    pd: Float[Array, " spin"]
    t1: Float[Array, " spin"]
    t2: Float[Array, " spin"]
    off_resonance: Float[Array, " spin"]
    b1: Float[Array, " spin"]
    others: tuple[Solute, ...]

    def __init__(
        self,
        position: Float[np.ndarray | Array, "spin 3"],
        pd: PerSpin = 1.0,
        t1: PerSpin = np.inf,
        t2: PerSpin = np.inf,
        off_resonance: PerSpin = 0.0,
        b1: PerSpin = 1.0,
        *,
        others: Several[Solute],
    ):
        self.position = places_of(position)
        count = self.position.shape[0]
        self.pd = per_spin("pd", pd, count)
        self.t1, self.t2 = times("t1", t1, count), times("t2", t2, count)
        refuse_slow_t2(self.t1, self.t2)
        self.off_resonance = per_spin("off_resonance", off_resonance, count)
        self.b1 = per_spin("b1", b1, count)
        if not others:
            raise InputError("others is empty; give at least one mri.Solute, or write mri.Isochromats(...)")
        self.others = tuple(_each(one, number, count) for number, one in enumerate(others))
        first = 1 - sum(one.fraction for one in self.others)
        _refuse_alike(self.others)
        refuse_outside("the fraction of all solutes together", 1 - first, 0.999, "", "give smaller fractions")
        for number, (out, _) in enumerate(self.exchange_rates):
            name = f"exchange · fraction / (fraction of the first pool) of solute {number}"
            refuse_outside(name, out, FASTEST, " 1/s", "exchange more slowly")

    @property
    def count(self) -> int:
        """How many spins, each in all pools."""
        return self.position.shape[0]

    @property
    def components(self) -> int:
        """How many numbers describe the magnetisation of one spin."""
        return 3 * (1 + len(self.others))

    @property
    def places(self) -> tuple[int, ...]:
        """Where the x components stand, each followed by its y, among those of the magnetisation."""
        return tuple(range(0, self.components, 3))

    @property
    def detuning(self) -> Float[Array, " spin"]:
        """Off-resonance of the first pool, Hz."""
        return self.off_resonance

    def turning(self, field: float) -> list[Float[Array, " spin"]]:
        """How much faster than the first pool every pool turns in a field of `field` T, rad/s."""
        per_ppm = 2 * np.pi * GYROMAGNETIC_RATIO * 1e-6 * field
        return [jnp.zeros_like(self.t1), *(jnp.asarray(one.shift) * per_ppm for one in self.others)]

    @property
    def relaxing(self) -> tuple[Relaxing, ...]:
        """Relaxation rates and equilibrium magnetisation of all pools."""
        first = 1 - sum(jnp.asarray(one.fraction) for one in self.others)
        rest = (
            Relaxing(1 / jnp.asarray(one.t1), 1 / jnp.asarray(one.t2), self.pd * one.fraction)
            for one in self.others
        )
        return Relaxing(1 / self.t1, 1 / self.t2, self.pd * first), *rest

    @property
    def exchange_rates(self) -> tuple[tuple[Float[Array, " spin"], Float[Array, " spin"]], ...]:
        """From the first pool to each of the others, and back, 1/s."""
        first = 1 - sum(jnp.asarray(one.fraction) for one in self.others)
        return tuple(
            (jnp.asarray(one.exchange) * one.fraction / first, jnp.asarray(one.exchange))
            for one in self.others
        )

    @property
    def exchanged(self) -> Float[Array, " spin"]:
        """The sum of all rates of exchange, 1/s."""
        return sum((out + back for out, back in self.exchange_rates), jnp.zeros_like(self.t1))

    @property
    def at_rest(self) -> Float[Array, "component spin"]:
        """The magnetisation at equilibrium."""
        nothing = jnp.zeros_like(self.t1)
        return jnp.stack([row for pool in self.relaxing for row in (nothing, nothing, pool.m0)])

    def generator(self, x, y, z, field: float) -> Float[Array, "spin n n"]:
        """The matrices of the equations of all pools; x, y and z (of the first pool) in rad/s."""
        return many_liquids(
            x, y, [z + one for one in self.turning(field)], self.relaxing, self.exchange_rates
        )


def _refuse_alike(others: tuple[Solute, ...]) -> None:
    """Two solutes with the same T2, shift and exchange are one: apart they have no modes of their own."""
    kinds = [(one.t2, one.shift, one.exchange) for one in others]
    if not all(is_concrete(value) for kind in kinds for value in kind):
        return
    for last in range(len(kinds)):
        for first in range(last):
            same = [np.asarray(a) == np.asarray(b) for a, b in zip(kinds[first], kinds[last], strict=True)]
            if np.any(np.all(same, axis=0)):
                raise InputError(
                    f"solutes {first} and {last} are alike in T2, shift and exchange; they are one: add their fractions"
                )


def _each(solute: Solute, number: int, count: int) -> Solute:
    """A solute with one value per spin."""
    of_pool = f"of solute {number}"
    t1, t2 = (times(f"{name} {of_pool}", getattr(solute, name), count) for name in ("t1", "t2"))
    refuse_slow_t2(t1, t2, f" {of_pool}")
    refuse_outside(f"fraction {of_pool}", solute.fraction, 0.999, "", "write Fᵢ / (1 + Σ F) for ratios F")
    refuse_outside(f"exchange {of_pool}", solute.exchange, FASTEST, " 1/s", "write 0 for none")
    rest = (
        per_spin(f"{name} {of_pool}", getattr(solute, name), count)
        for name in ("shift", "fraction", "exchange")
    )
    return Solute(t1, t2, *rest)
