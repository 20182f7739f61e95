"""Spins as isochromats: points that each carry a magnetisation of their own."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, is_concrete, require_range

from .lattice import golden, lattice
from .occupants import PerVoxel, occupants, spread
from .spin_values import PerSpin, per_spin, places_of, refuse_slow_t2, times


class Isochromats(eqx.Module):
    """Spins at points: every value is one number per spin, or one for all.

    - `position`: mm, on the scanner's axes. - `pd`: equilibrium magnetisation. - `t1`, `t2`: s; T2 is at most 2 T1.
    - `t2_prime`: s; the spins' off-resonances are spread as a Lorentzian of half width 1 / (2π T2'), each spin at its
      `quantile` of it, so that many together decay with exp(−t / T2'). Up to t = 2 T2' equidistant quantiles of 16, 64 and
      256 spins are within 0.20, 0.08 and 0.03 of that; `PhaseGraph` is exact.
    - `off_resonance`: Hz. - `b1`: transmit field, relative to nominal. - `diffusivity`: mm²/s; only 0 so far.

    Raises `ValueError` for NaN, times that are not positive, T2 above 2 T1 (with the first such spin) and for a
    diffusivity other than zero: points do not diffuse.

    Good values: `Isochromats.from_phantom(patient, per_voxel=16)`.
    """

    position: Float[Array, "spin 3"]
    pd: Float[Array, " spin"]
    t1: Float[Array, " spin"]
    t2: Float[Array, " spin"]
    t2_prime: Float[Array, " spin"]
    off_resonance: Float[Array, " spin"]
    b1: Float[Array, " spin"]
    quantile: Float[Array, " spin"]

    def __init__(
        self,
        position: Float[np.ndarray | Array, "spin 3"],
        pd: PerSpin = 1.0,
        t1: PerSpin = np.inf,
        t2: PerSpin = np.inf,
        t2_prime: PerSpin = np.inf,
        off_resonance: PerSpin = 0.0,
        b1: PerSpin = 1.0,
        diffusivity: PerSpin = 0.0,
        quantile: PerSpin | None = None,
    ):
        self.position = places_of(position)
        count = self.position.shape[0]
        self.pd = per_spin("pd", pd, count)
        self.t1, self.t2, self.t2_prime = (
            times(name, values, count) for name, values in (("t1", t1), ("t2", t2), ("t2_prime", t2_prime))
        )
        self.off_resonance = per_spin("off_resonance", off_resonance, count)
        self.b1 = per_spin("b1", b1, count)
        self.quantile = per_spin("quantile", golden(count) if quantile is None else quantile, count)
        refuse_slow_t2(self.t1, self.t2)
        _refuse_diffusion(diffusivity)

    @property
    def count(self) -> int:
        """How many spins."""
        return self.position.shape[0]

    @property
    def detuning(self) -> Float[Array, " spin"]:
        """Off-resonance of each spin with its place in the Lorentzian of T2', Hz."""
        return _detuning(self.off_resonance, self.quantile, self.t2_prime)

    @classmethod
    def from_phantom(
        cls,
        patient: Phantom,
        per_voxel: int = 16,
        *,
        field: float = 3.0,
        off_resonance: PerVoxel = 0.0,
        b1: PerVoxel = 1.0,
    ) -> Isochromats:
        """`per_voxel` spins for every tissue in every voxel that has protons: tissues side by side do not exchange.

        The spins of a voxel sit on a lattice whose projections on every axis are equidistant, so that whole cycles of
        dephasing across a voxel cancel exactly up to `per_voxel` − 1 of them. `pd` is proton density times mm³.
        A tissue's chemical shift adds to its off-resonance: fat precesses more slowly than water, at 3 T by 434 Hz.
        Differentiable in volume fractions and maps; what is in a voxel at all is looked up now, outside jit.

        Good values: 1 for spin echoes without crushers, 16 for balanced sequences, 127 or 251 for spoiled ones; `mri.scan` warns.
        """
        if not 1 <= per_voxel <= 100_000:
            raise InputError(f"per_voxel is {per_voxel}; it must be between 1 and 100000: write 16")
        offsets = lattice(per_voxel)
        step = np.asarray(patient.grid.direction) * np.asarray(patient.grid.spacing)
        pairs = occupants(patient, field, off_resonance, b1)
        made = spread(pairs, jnp.asarray(offsets[:, :3] @ step.T, pairs.pd.dtype))._asdict()
        del made["diffusivity"]  # points do not diffuse
        return cls(**made, quantile=np.tile(offsets[:, 3] + 0.5, len(pairs.pd)))


@jax.jit
def _detuning(off_resonance, quantile, t2_prime):
    # Where neighbours in the tails turn by a whole cycle against each other their phases do not cancel: an error of order
    # N^(-3/4) in spins of equal weight, which no smooth placement of the quantiles changes.
    spread = jnp.tan(jnp.pi * (quantile - 0.5)) / (2 * jnp.pi)
    return off_resonance + spread / t2_prime


def _refuse_diffusion(diffusivity) -> None:
    require_range("diffusivity", diffusivity, 0.0, 1.0, "mm²/s")
    if is_concrete(diffusivity) and np.any(np.asarray(diffusivity) != 0):
        raise InputError(
            f"diffusivity is {np.max(np.asarray(diffusivity)):g} mm²/s; isochromats are points and do not diffuse here: "
            "leave it 0"
        )
