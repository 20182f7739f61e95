"""Atoms of a phase graph: voxels without a place, each with tissue values of its own, as in a dictionary."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

PerAtom = int | float | np.floating | Float[np.ndarray | Array, ""] | Float[np.ndarray | Array, " atom"]


class Atoms(eqx.Module):
    """Tissue values of many atoms: each is one number per atom, or one for all.

    - `t1`, `t2`: s; T2 is at most 2 T1. - `pd`: equilibrium magnetisation. - `t2_prime`: s, infinity for none.
    - `off_resonance`: Hz. - `b1`: transmit field, relative to nominal. - `diffusivity`: mm²/s.

    Raises `ValueError` for NaN, times that are not positive (with the first such atom), T2 above 2 T1 and arrays of
    different lengths.

    Good values: `Atoms(t1, t2)` with times of 0.1 to 4 s and 0.01 to 2 s; diffusivity of water at 37 °C 3e-3.
    """

    t1: Float[Array, " atom"]
    t2: Float[Array, " atom"]
    pd: Float[Array, " atom"]
    t2_prime: Float[Array, " atom"]
    off_resonance: Float[Array, " atom"]
    b1: Float[Array, " atom"]
    diffusivity: Float[Array, " atom"]

    def __init__(
        self,
        t1: PerAtom,
        t2: PerAtom,
        pd: PerAtom = 1.0,
        t2_prime: PerAtom = np.inf,
        off_resonance: PerAtom = 0.0,
        b1: PerAtom = 1.0,
        diffusivity: PerAtom = 0.0,
    ):
        given = (t1, t2, pd, t2_prime, off_resonance, b1, diffusivity)
        names = ("t1", "t2", "pd", "t2_prime", "off_resonance", "b1", "diffusivity")
        shapes = {name: np.shape(value) for name, value in zip(names, given, strict=True)}
        count = require_same_length(shapes)
        for name in ("t1", "t2", "t2_prime"):
            _require_positive(name, given[names.index(name)])
        for name in ("pd", "off_resonance", "b1"):
            require_finite(name, given[names.index(name)])
        require_range("diffusivity", diffusivity, 0.0, 1.0, "mm²/s")
        dtype = jnp.result_type(float)
        for name, value in zip(names, given, strict=True):
            setattr(self, name, jnp.broadcast_to(jnp.asarray(value, dtype), (count,)))
        _refuse_slow_t2(self.t1, self.t2)

    @property
    def count(self) -> int:
        """How many atoms."""
        return self.t1.shape[0]


def require_same_length(shapes: dict[str, tuple[int, ...]]) -> int:
    """The number of atoms for which values of these shapes stand."""
    counts = {shape[0] for shape in shapes.values() if shape}
    if any(len(shape) > 1 for shape in shapes.values()) or len(counts) > 1 or 0 in counts:
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise InputError(
            f"the shapes are {told}; each value must be one number, or one for each of the same atoms (at least one): "
            "for a grid of values write numpy.meshgrid(...) and ravel()"
        )
    return max(counts, default=1)


def _require_positive(name: str, value) -> None:
    if not is_concrete(value):
        return
    given = np.asarray(value, float).reshape(-1)
    if not np.all(given > 0):
        first = int(np.argmin(given > 0))
        raise InputError(
            f"{name} of atom {first} is {given[first]:g} s; relaxation times must be above 0 s: "
            "leave the atom out, or write numpy.inf for no relaxation"
        )


def _refuse_slow_t2(t1, t2) -> None:
    if not (is_concrete(t1) and is_concrete(t2)):
        return
    bad = np.asarray(t2) > 2 * np.asarray(t1) * (1 + 1e-6)
    if np.any(bad):
        first = int(np.argmax(bad))
        raise InputError(
            f"T2 of atom {first} is {float(t2[first]):g} s and T1 {float(t1[first]):g} s; T2 is at most 2 T1: "
            "leave such atoms out of the grid: keep = t2 <= 2 * t1"
        )
