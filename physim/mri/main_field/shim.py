"""Shimming: spherical harmonics taken out of a field by least squares."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_finite, require_shape


class Shim(eqx.Module):
    """What a scanner's shim coils take out of the field in the patient, by least squares.

    - `order`: of the solid harmonics: 0 is the centre frequency alone, 1 adds the three gradients, 2 five quadratic terms.

    Good values: 2, as on a clinical scanner; 0 for a scanner whose shim was left alone.
    """

    order: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        if self.order not in (0, 1, 2):
            raise InputError(f"order is {self.order}; shims of order 0, 1 and 2 are here: write 2")

    def coefficients(
        self,
        field: Float[Array | np.ndarray, "x y z"],
        grid: Grid,
        weight: Float[Array | np.ndarray, "x y z"],
    ) -> Float[Array, " harmonic"]:
        """Amplitude of each harmonic (see `harmonics`) that fits the field best where the weight is large."""
        require_shape("field", field, grid.shape)
        require_finite("field", field)
        require_shape("weight", weight, grid.shape)
        values = jnp.asarray(field)
        basis = self.harmonics(grid).astype(values.dtype).reshape(-1, values.size)
        weighted = basis * jnp.asarray(weight, values.dtype).reshape(-1)
        size = weighted @ basis.T
        # Columns of one length: what is left is as well conditioned as harmonics are.
        scale = 1 / jnp.sqrt(jnp.maximum(jnp.diagonal(size), jnp.finfo(values.dtype).tiny))
        # Unseen harmonics (in a single slice) get nothing: least squares of the smallest norm.
        solved = jnp.linalg.pinv(scale[:, None] * size * scale, rtol=1e-5) @ (
            scale * (weighted @ values.reshape(-1))
        )
        return solved * scale

    def applied(
        self,
        field: Float[Array | np.ndarray, "x y z"],
        grid: Grid,
        weight: Float[Array | np.ndarray, "x y z"],
    ) -> Float[Array, "x y z"]:
        """The field without the harmonics that fit it best; in its own unit. `weight` says where it matters, 0 or more."""
        values = jnp.asarray(field)
        found = self.coefficients(values, grid, weight)
        return values - jnp.tensordot(found, self.harmonics(grid).astype(values.dtype), axes=1)

    def harmonics(self, grid: Grid) -> Float[Array, "harmonic x y z"]:
        """1; x, y, z; xy, yz, zx, x²−y², 2z²−x²−y²: in units of 100 mm about the scanner's centre."""
        x, y, z = jnp.moveaxis(jnp.asarray(grid.centres(), jnp.result_type(float)) / 100, -1, 0)
        orders = (
            (jnp.ones_like(x),),
            (x, y, z),
            (x * y, y * z, z * x, x**2 - y**2, 2 * z**2 - x**2 - y**2),
        )
        return jnp.stack([one for order in orders[: self.order + 1] for one in order])
