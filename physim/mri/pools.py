"""Spins in two pools that exchange magnetisation: solutes, myelin water, and protons of membranes."""

from __future__ import annotations

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .bloch.generators import Relaxing, liquid_and_semisolid, two_liquids
from .lineshapes import Lineshape, SuperLorentzian
from .spin_values import PerSpin, per_spin, places_of, refuse_outside, refuse_slow_t2, times
from .spins import Isochromats
from .units import GYROMAGNETIC_RATIO

FASTEST = 1e6  # 1/s: exchange over which two pools are one


class SecondPool(eqx.Module):
    """What kind of spins the second pool holds; values are one number per spin, or one for all."""

    t1: eqx.AbstractVar[PerSpin]
    t2: eqx.AbstractVar[PerSpin]
    shift: eqx.AbstractVar[PerSpin]

    @property
    @abc.abstractmethod
    def components(self) -> int:
        """How many numbers describe its magnetisation."""

    @abc.abstractmethod
    def generator(self, x, y, z, pools: tuple[Relaxing, Relaxing], k) -> Float[Array, "spin n n"]:
        """The matrices of the equations of both pools; x, y and z (of each pool) in rad/s, k = (k_ab, k_ba) in 1/s."""


class Liquid(SecondPool):
    """Mobile spins with magnetisation along and across the field: amide protons, or water between myelin sheaths.

    - `t1`, `t2`: s, T2 at most 2 T1. - `shift`: of its resonance from the first pool's, ppm of the field.

    Good values: `Liquid(t1=1.0, t2=0.1, shift=3.5)`, amide protons.
    """

    t1: PerSpin = 1.0
    t2: PerSpin = 0.1
    shift: PerSpin = 0.0

    @property
    def components(self) -> int:
        """x, y and z."""
        return 3

    def generator(self, x, y, z, pools, k):
        """See `physim.mri.bloch.generators`."""
        return two_liquids(x, y, z, pools, k)


class Semisolid(SecondPool):
    """Protons of macromolecules: no transverse magnetisation that lives, saturated at π ω₁² g(Δ).

    ω₁ is the field's nutation rate and Δ the distance of the pulse's carrier from the pool's resonance where the spin is;
    modulations of a pulse's phase are not counted as frequency.

    - `t1`, `t2`: s; T2 is the width of the line. - `shift`: of its middle, ppm of the field. - `lineshape`: g.

    Good values: `Semisolid(t1=1.0, t2=10e-6)`, white matter.
    """

    t1: PerSpin = 1.0
    t2: PerSpin = 10e-6
    shift: PerSpin = 0.0
    lineshape: Lineshape = SuperLorentzian()

    @property
    def components(self) -> int:
        """z only."""
        return 1

    def generator(self, x, y, z, pools, k):
        """See `physim.mri.bloch.generators`."""
        offset = z[1] / (2 * jnp.pi)
        saturation = (
            jnp.pi * (x * x + y * y) * self.lineshape(offset, jnp.broadcast_to(self.t2, offset.shape))
        )
        return liquid_and_semisolid(x, y, z[0], pools, k, saturation)


class Pools(eqx.Module):
    """Spins at points, each in two pools that exchange: every value is one number per spin, or one for all.

    - `position`, `pd`, `off_resonance`, `b1`: as in `mri.Isochromats`; `pd` counts both pools together.
    - `t1`, `t2`: of the first pool, s. - `second`: the second pool, `mri.Liquid` or `mri.Semisolid`.
    - `fraction`: of the equilibrium magnetisation that is the second pool's, at least 0 and below 1. A ratio F of the
      second to the first pool, as CEST papers give it, is `fraction = F / (1 + F)`.
    - `exchange`: rate from the second pool to the first, 1/s. At equilibrium as much comes back, so that the rate from the
      first to the second is `exchange · fraction / (1 − fraction)`.

    Raises `ValueError` for NaN, times that are not positive, T2 above 2 T1 (with the first such spin), fractions and rates out
    of range.

    Good values: `Pools(numpy.zeros((1, 3)), t1=1.3, t2=0.08, second=mri.Liquid(1.0, 0.1, 3.5), fraction=1e-3, exchange=30.0)`.
    """

    position: Float[Array, "spin 3"]
    pd: Float[Array, " spin"]
    t1: Float[Array, " spin"]
    t2: Float[Array, " spin"]
    off_resonance: Float[Array, " spin"]
    b1: Float[Array, " spin"]
    second: SecondPool
    fraction: Float[Array, " spin"]
    exchange: Float[Array, " spin"]

    def __init__(
        self,
        position: Float[np.ndarray | Array, "spin 3"],
        pd: PerSpin = 1.0,
        t1: PerSpin = np.inf,
        t2: PerSpin = np.inf,
        off_resonance: PerSpin = 0.0,
        b1: PerSpin = 1.0,
        *,
        second: SecondPool,
        fraction: PerSpin,
        exchange: PerSpin,
    ):
        self.position = places_of(position)
        count = self.position.shape[0]
        self.pd = per_spin("pd", pd, count)
        self.t1, self.t2 = times("t1", t1, count), times("t2", t2, count)
        refuse_slow_t2(self.t1, self.t2)
        self.off_resonance = per_spin("off_resonance", off_resonance, count)
        self.b1 = per_spin("b1", b1, count)
        refuse_outside("fraction", fraction, 0.999, "", "write F / (1 + F) for a ratio F of the two pools")
        refuse_outside("exchange", exchange, FASTEST, " 1/s", "write 0 for none")
        self.fraction = per_spin("fraction", fraction, count)
        self.exchange = per_spin("exchange", exchange, count)
        out = self.exchange_rates[0]
        refuse_outside("exchange · fraction / (1 − fraction)", out, FASTEST, " 1/s", "exchange more slowly")
        self.second = _each(second, count)

    @classmethod
    def from_isochromats(
        cls, spins: Isochromats, *, second: SecondPool, fraction: PerSpin, exchange: PerSpin
    ) -> Pools:
        """Spins of a patient or of a scanner's field, whose `t1` and `t2` become those of the first pool.

        T2' is kept as the off-resonance of each spin. Good values:
        `mri.Pools.from_isochromats(mri.spins_in(patient, scanner), second=mri.Semisolid(), fraction=0.1, exchange=20.0)`.
        """
        return cls(
            *(spins.position, spins.pd, spins.t1, spins.t2, spins.detuning, spins.b1),
            second=second,
            fraction=fraction,
            exchange=exchange,
        )

    @property
    def count(self) -> int:
        """How many spins, each in two pools."""
        return self.position.shape[0]

    @property
    def components(self) -> int:
        """How many numbers describe the magnetisation of one spin."""
        return 3 + self.second.components

    @property
    def places(self) -> tuple[int, ...]:
        """Where the x components stand, each followed by its y, among those of the magnetisation."""
        return (0, 3) if self.second.components == 3 else (0,)

    @property
    def detuning(self) -> Float[Array, " spin"]:
        """Off-resonance of the first pool, Hz."""
        return self.off_resonance

    def shift(self, field: float) -> Float[Array, " spin"]:
        """The resonance of the second pool relative to the first's, Hz, in a field of `field` T."""
        return jnp.asarray(self.second.shift) * (GYROMAGNETIC_RATIO * 1e-6 * field)

    @property
    def relaxing(self) -> tuple[Relaxing, Relaxing]:
        """Relaxation rates and equilibrium magnetisation of both pools."""
        first = Relaxing(1 / self.t1, 1 / self.t2, self.pd * (1 - self.fraction))
        return first, Relaxing(
            1 / jnp.asarray(self.second.t1), 1 / jnp.asarray(self.second.t2), self.pd * self.fraction
        )

    @property
    def exchange_rates(self) -> tuple[Float[Array, " spin"], Float[Array, " spin"]]:
        """From the first pool to the second, and back, 1/s."""
        return self.exchange * self.fraction / (1 - self.fraction), self.exchange

    @property
    def exchanged(self) -> Float[Array, " spin"]:
        """The sum of both rates of exchange, 1/s."""
        out, back = self.exchange_rates
        return out + back

    @property
    def at_rest(self) -> Float[Array, "component spin"]:
        """The magnetisation at equilibrium."""
        first, second = self.relaxing
        nothing = jnp.zeros_like(first.m0)
        silent = (nothing, nothing) if self.second.components == 3 else ()
        return jnp.stack([nothing, nothing, first.m0, *silent, second.m0])

    def generator(self, x, y, z, field: float) -> Float[Array, "spin n n"]:
        """The matrices of the equations of both pools; x, y and z (of the first pool) in rad/s."""
        both = (z, z + 2 * jnp.pi * self.shift(field))
        return self.second.generator(x, y, both, self.relaxing, self.exchange_rates)


def _each(second: SecondPool, count: int) -> SecondPool:
    """The second pool with one value per spin."""
    of_pool = "of the second pool"
    t1, t2 = (times(f"{name} {of_pool}", getattr(second, name), count) for name in ("t1", "t2"))
    refuse_slow_t2(t1, t2, f" {of_pool}")
    shift = per_spin(f"shift {of_pool}", second.shift, count)
    return eqx.tree_at(lambda pool: (pool.t1, pool.t2, pool.shift), second, (t1, t2, shift))
