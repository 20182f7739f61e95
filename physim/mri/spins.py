"""Spins as isochromats: points that each carry a magnetisation of their own."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from .lattice import golden, lattice
from .units import RATE_PER_PPM

PerSpin = int | float | np.floating | Float[np.ndarray | Array, ""] | Float[np.ndarray | Array, " spin"]


class Isochromats(eqx.Module):
    """Spins at points: every value is one number per spin, or one for all.

    - `position`: mm, on the scanner's axes. - `pd`: equilibrium magnetisation. - `t1`, `t2`: s; T2 is at most 2 T1.
    - `t2_prime`: s; the spins' off-resonances are spread as a Lorentzian of half width 1 / (2π T2'), each spin at its
      `quantile` of it, so that many together decay with exp(−t / T2').
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
        self.position = _require_places(position)
        count = self.position.shape[0]
        self.pd = _per_spin("pd", pd, count)
        self.t1, self.t2, self.t2_prime = (
            _times(name, values, count) for name, values in (("t1", t1), ("t2", t2), ("t2_prime", t2_prime))
        )
        self.off_resonance = _per_spin("off_resonance", off_resonance, count)
        self.b1 = _per_spin("b1", b1, count)
        self.quantile = _per_spin("quantile", golden(count) if quantile is None else quantile, count)
        _refuse_slow_t2(self.t1, self.t2)
        _refuse_diffusion(diffusivity)

    @property
    def count(self) -> int:
        """How many spins."""
        return self.position.shape[0]

    @property
    def detuning(self) -> Float[Array, " spin"]:
        """Off-resonance of each spin with its place in the Lorentzian of T2', Hz."""
        spread = jnp.tan(jnp.pi * (self.quantile - 0.5)) / (2 * jnp.pi)
        return self.off_resonance + spread / self.t2_prime

    @classmethod
    def from_phantom(
        cls,
        patient: Phantom,
        per_voxel: int = 16,
        *,
        field: float = 3.0,
        off_resonance: Float[np.ndarray | Array, "x y z"] | float = 0.0,
        b1: Float[np.ndarray | Array, "x y z"] | float = 1.0,
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
        voxels, tissue, amount = _occupied(patient)
        dtype = jnp.result_type(float)
        offsets = lattice(per_voxel)
        step = np.asarray(patient.grid.direction) * np.asarray(patient.grid.spacing)
        centres = jnp.asarray(patient.grid.centres(), dtype).reshape(-1, 3)[voxels]
        position = centres[:, None] + jnp.asarray(offsets[:, :3] @ step.T, dtype)
        values = {name: patient.values(name, field).astype(dtype)[tissue] for name in ("t1", "t2", "t2_star")}
        density = patient.values("proton_density").astype(dtype)[tissue]
        weight = amount * density * (patient.grid.voxel_volume / per_voxel)
        dephasing = 1 / values["t2_star"] - 1 / values["t2"]

        def each(of_pair):
            return jnp.repeat(of_pair, per_voxel)

        def mapped(values):
            whole = jnp.broadcast_to(jnp.asarray(values, dtype), patient.grid.shape)
            return each(whole.reshape(-1)[voxels])

        shift = patient.values("chemical_shift").astype(dtype)[tissue] * (RATE_PER_PPM * field)
        return cls(
            position.reshape(-1, 3),
            each(weight),
            each(values["t1"]),
            each(values["t2"]),
            each(1 / jnp.maximum(dephasing, 1e-6)),
            mapped(off_resonance) + each(shift),
            mapped(b1),
            quantile=jnp.tile(jnp.asarray(offsets[:, 3] + 0.5, dtype), len(voxels)),
        )


def _occupied(patient: Phantom):
    """Voxel, tissue and volume fraction of every pair of both that has protons."""
    if not is_concrete(patient.ids):
        raise InputError(
            "the tissues of the phantom are traced; make the spins outside jit: only what they are worth may be traced"
        )
    fractions = jnp.concatenate([1 - patient.fractions.sum(0, keepdims=True), patient.fractions])
    seen = np.asarray(fractions) if is_concrete(fractions) else np.ones(fractions.shape)
    protons = np.asarray([float(np.asarray(t.proton_density)) > 0 for t in patient.tissues])
    ids = np.asarray(patient.ids)
    component, *place = np.nonzero((seen > 1e-6) & protons[ids])
    if not component.size:
        raise InputError(f"nothing in this phantom has protons: its tissues are {', '.join(patient.names)}")
    voxels = np.ravel_multi_index(place, patient.grid.shape)
    amount = fractions.reshape(len(ids), -1)[component, voxels].astype(jnp.result_type(float))
    return voxels, ids.reshape(len(ids), -1)[component, voxels], amount


def _require_places(position) -> Float[Array, "spin 3"]:
    places = jnp.asarray(position, jnp.result_type(float))
    if places.ndim != 2 or places.shape[1] != 3 or not places.shape[0]:
        raise InputError(
            f"position has shape {places.shape}; it must be (spins, 3) with at least one spin: "
            "write numpy.zeros((1, 3)) for one at the centre"
        )
    require_finite("position", places)
    return places


def _per_spin(name: str, values, count: int) -> Float[Array, " spin"]:
    given = jnp.asarray(values, jnp.result_type(float))
    if given.shape not in ((), (count,)):
        raise InputError(
            f"{name} has shape {given.shape}; it must be one number, or one for each of {count} spins"
        )
    require_finite(name, given)
    return jnp.broadcast_to(given, (count,))


def _times(name: str, values, count: int) -> Float[Array, " spin"]:
    """Relaxation times, infinity allowed."""
    if is_concrete(values):
        given = np.asarray(values, float)
        if given.size and not np.all(given > 0):
            first = int(np.argmin(given > 0)) if given.ndim else 0
            raise InputError(
                f"{name} of spin {first} is {given.reshape(-1)[first]:g} s; relaxation times must be above 0 s: "
                "leave out what has no signal, or write numpy.inf for no relaxation"
            )
    given = jnp.asarray(values, jnp.result_type(float))
    if given.shape not in ((), (count,)):
        raise InputError(
            f"{name} has shape {given.shape}; it must be one number, or one for each of {count} spins"
        )
    return jnp.broadcast_to(given, (count,))


def _refuse_slow_t2(t1, t2, of_pool: str = "") -> None:
    if not (is_concrete(t1) and is_concrete(t2)):
        return
    bad = np.asarray(t2) > 2 * np.asarray(t1) * (1 + 1e-6)
    if np.any(bad):
        first = int(np.argmax(bad))
        raise InputError(
            f"t2{of_pool} of spin {first} is {float(t2[first]):g} s and its t1 {float(t1[first]):g} s; T2 cannot exceed 2 T1 "
            f"({int(bad.sum())} such spins): check that the two are not exchanged"
        )


def _refuse_diffusion(diffusivity) -> None:
    require_range("diffusivity", diffusivity, 0.0, 1.0, "mm²/s")
    if is_concrete(diffusivity) and np.any(np.asarray(diffusivity) != 0):
        raise InputError(
            f"diffusivity is {np.max(np.asarray(diffusivity)):g} mm²/s; isochromats are points and do not diffuse here: "
            "leave it 0"
        )
