"""Spins as voxels, each with the states of a phase graph in place of many isochromats."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, require_finite, require_range

from ..occupants import PerVoxel, occupants
from ..spin_values import PerSpin, per_spin, places_of, refuse_slow_t2, times
from .diffusing import Diffusivity, PerVoxelDiffusivity, diffusivity_of

Size = float | tuple[float, float, float] | Float[np.ndarray, "3"] | Float[np.ndarray, "3 3"]


class PhaseGraph(eqx.Module):
    """Voxels whose magnetisation is a sum of configurations, exp(−2πi k·r) with a k and a dephasing time of its own each.

    - `position`: of the centres, mm. - `size`: edges of the voxels, mm, the same for all; or a 3 × 3 matrix whose columns
      are the edges. - `pd`, `t1`, `t2`, `t2_prime`, `off_resonance`, `b1`: as of `Isochromats`; `pd` is of a whole voxel.
    - `diffusivity`: mm²/s, a number or a symmetric 3 × 3 tensor for each voxel.
    - `tolerance`: error of the samples that leaving out weak configurations may make, relative to their root mean square;
      `ConfigurationGraph.truncation_error` is what it is estimated to be.

    Within a voxel everything is even: tissue, field, B1 and the profile of a slice are those of its centre. Pulses act as
    they do at the centre, gradients during a pulse wind configurations as if it were played in an instant at the middle of
    its envelope. For fields or slice profiles that change within voxels use `Isochromats`.

    Source: Endres et al., Magn. Reson. Med. 92 (2024) 1189. Raises `ValueError` for what `Isochromats` refuses.

    Good values: `PhaseGraph.from_phantom(patient)`.
    """

    position: Float[Array, "spin 3"]
    pd: Float[Array, " spin"]
    t1: Float[Array, " spin"]
    t2: Float[Array, " spin"]
    t2_prime: Float[Array, " spin"]
    off_resonance: Float[Array, " spin"]
    b1: Float[Array, " spin"]
    diffusivity: PerVoxelDiffusivity
    edges: Float[np.ndarray | Array, "3 3"]
    tolerance: float = eqx.field(static=True)

    def __init__(
        self,
        position: Float[np.ndarray | Array, "spin 3"],
        size: Size = 1.0,
        pd: PerSpin = 1.0,
        t1: PerSpin = np.inf,
        t2: PerSpin = np.inf,
        t2_prime: PerSpin = np.inf,
        off_resonance: PerSpin = 0.0,
        b1: PerSpin = 1.0,
        diffusivity: Diffusivity = 0.0,
        tolerance: float = 1e-3,
    ):
        self.position = places_of(position)
        count = self.position.shape[0]
        self.edges = _edges(size)
        self.pd = per_spin("pd", pd, count)
        self.t1, self.t2, self.t2_prime = (
            times(name, values, count) for name, values in (("t1", t1), ("t2", t2), ("t2_prime", t2_prime))
        )
        self.off_resonance = per_spin("off_resonance", off_resonance, count)
        self.b1 = per_spin("b1", b1, count)
        self.diffusivity = diffusivity_of(diffusivity, count)
        require_range("tolerance", tolerance, 1e-9, 0.5)
        self.tolerance = float(tolerance)
        refuse_slow_t2(self.t1, self.t2)

    @property
    def count(self) -> int:
        """How many voxels."""
        return self.position.shape[0]

    @classmethod
    def from_phantom(
        cls,
        patient: Phantom,
        tolerance: float = 1e-3,
        *,
        field: float = 3.0,
        off_resonance: PerVoxel = 0.0,
        b1: PerVoxel = 1.0,
    ) -> PhaseGraph:
        """A phase graph for every tissue in every voxel that has protons; `pd` is proton density times mm³.

        A tissue's chemical shift adds to its off-resonance. Differentiable in volume fractions and maps; what is in a
        voxel at all is looked up now, outside jit.

        Good values: tolerance 1e-3; 1e-2 for quick looks.
        """
        edges = np.asarray(patient.grid.direction) * np.asarray(patient.grid.spacing)
        pairs = occupants(patient, field, off_resonance, b1)
        return cls(size=edges, tolerance=tolerance, **pairs._asdict())

    def dephasing(self, k: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "..."]:
        """The mean of exp(−2πi k·r) over a voxel about its centre: a box."""
        return np.prod(np.sinc(k @ np.asarray(self.edges, float)), axis=-1)


def _edges(size: Size) -> Float[np.ndarray, "3 3"]:
    """The edges of a voxel as columns, mm."""
    given = np.asarray(size, float)
    if given.shape not in ((), (3,), (3, 3)):
        raise InputError(
            f"size has shape {given.shape}; it must be one edge in mm, three of them, or a 3 × 3 matrix with the edges as "
            "columns: write (2.0, 2.0, 5.0)"
        )
    require_finite("size", given)
    edges = given if given.ndim == 2 else np.diag(np.broadcast_to(given, (3,)))
    if abs(np.linalg.det(edges)) < 1e-12 or (given.ndim < 2 and np.any(given <= 0)):
        raise InputError(
            f"size is {given.tolist()}; the edges of a voxel must be above 0 mm and span a volume: write (2.0, 2.0, 5.0)"
        )
    return edges
