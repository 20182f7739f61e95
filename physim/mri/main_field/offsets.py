"""Off-resonance of the main field: none, given, or from the patient's own susceptibility."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid, Phantom
from physim_phantoms._checks import require_finite, require_shape

from ..coils.on_grid import at_points
from ..contrasts import Number
from ..units import GYROMAGNETIC_RATIO
from .dipole import susceptibility_field
from .shim import Shim


class MainField(eqx.Module):
    """How far the main field is from its nominal value."""

    @abstractmethod
    def off_resonance(
        self, patient: Phantom, field: Number, position: Float[Array, "spin 3"]
    ) -> Float[Array, " spin"]:
        """Hz at positions in mm, with this patient in a scanner of `field` T."""


class Homogeneous(MainField):
    """The nominal field everywhere."""

    def off_resonance(
        self, patient: Phantom, field: Number, position: Float[Array, "spin 3"]
    ) -> Float[Array, " spin"]:
        """0 Hz."""
        return jnp.zeros(position.shape[0], position.dtype)


class FieldMap(MainField):
    """A given off-resonance in Hz on a grid, interpolated linearly; beyond it the outermost values go on.

    Raises `ValueError` for a map of another shape than the grid, and for NaN.

    Good values: a measured map, in Hz.
    """

    grid: Grid
    values: Float[Array | np.ndarray, "x y z"]

    def __check_init__(self):
        require_shape("the field map", self.values, self.grid.shape)
        require_finite("the field map", self.values)

    def off_resonance(
        self, patient: Phantom, field: Number, position: Float[Array, "spin 3"]
    ) -> Float[Array, " spin"]:
        """The map at positions in mm."""
        return at_points(jnp.asarray(self.values), self.grid, position)


class SusceptibilityField(MainField):
    """What the patient's tissues, bones and air do to the field (see `susceptibility_field`), after shimming on them.

    - `shim`: fitted where there are protons. - `direction`: of the main field, world axes.

    Computed on the patient's grid and interpolated linearly to the spins, so that they also dephase within a voxel. Beyond
    the grid lies air: let it reach well below what is imaged. Tissues' T2' may already hold part of the same dephasing.

    Good values: `mri.Scanner(b0=mri.SusceptibilityField())`.
    """

    shim: Shim = Shim(2)
    direction: tuple[float, float, float] = eqx.field(static=True, default=(0.0, 0.0, 1.0))

    def map(self, patient: Phantom, field: Number) -> Float[Array, "x y z"]:
        """Hz on the patient's grid, after shimming."""
        shift = susceptibility_field(patient, direction=self.direction)
        hertz = shift * 1e-6 * GYROMAGNETIC_RATIO * field
        return self.shim.applied(hertz, patient.grid, patient.map("proton_density"))

    def off_resonance(
        self, patient: Phantom, field: Number, position: Float[Array, "spin 3"]
    ) -> Float[Array, " spin"]:
        """The map at positions in mm."""
        return at_points(self.map(patient, field), patient.grid, position)
