"""Atoms of a phase graph: voxels without a place, each with tissue values of its own, as in a dictionary."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, require_range

from ..spin_values import per_spin, refuse_slow_t2, times

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
        self.t1, self.t2, self.t2_prime = (
            times(name, value, count, "atom")
            for name, value in (("t1", t1), ("t2", t2), ("t2_prime", t2_prime))
        )
        self.pd = per_spin("pd", pd, count, "atom")
        self.off_resonance = per_spin("off_resonance", off_resonance, count, "atom")
        self.b1 = per_spin("b1", b1, count, "atom")
        require_range("diffusivity", diffusivity, 0.0, 1.0, "mm²/s")
        self.diffusivity = per_spin("diffusivity", diffusivity, count, "atom")
        refuse_slow_t2(self.t1, self.t2, kind="atom")

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
