"""Gradient coils whose fields are not linear in space: spins answer as though they sat somewhere else.

A gradient Gx gives the field Gx x'(r), so that the phase is k·r'(r) and the image shows r' where r is. Each axis deviates by
solid harmonics of degree 3 and 5, of the kind that its coil can make: they satisfy Laplace's equation.

    x' = x + R [c₃ x (ρ² − 4z²) / R³ + c₅ x (ρ⁴ − 12 z²ρ² + 8 z⁴) / R⁵],    y' alike,    ρ² = x² + y²
    z' = z + R [c₃ z (z² − 3/2 ρ²) / R³ + c₅ z (z⁴ − 5 z²ρ² + 15/8 ρ⁴) / R⁵]

Source: Janke et al., Magn. Reson. Med. 52 (2004) 115; Jovicich et al., NeuroImage 30 (2006) 436.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim.core.interpolate import sample
from physim_phantoms import Grid
from physim_phantoms._checks import require_finite, require_range, require_shape

from .eddy_currents import Three, one_number, three_numbers


class GradientNonlinearity(eqx.Module):
    """How far the gradient fields are from linear.

    - `cubic`, `quintic`: deviation of x', y' and z' at the distance `radius` along their own axis, as a fraction of the
      radius, from the harmonics of degree 3 and 5; traced. - `radius`: mm.

    Good values: `GradientNonlinearity(cubic=(-0.05, -0.05, -0.08))`: 2 to 6 mm at 150 mm, as on short magnets.
    """

    cubic: Float[np.ndarray | Array, "3"]
    quintic: Float[np.ndarray | Array, "3"]
    radius: Float[np.ndarray | Array, ""]

    def __init__(
        self,
        cubic: Three = (0.0, 0.0, 0.0),
        quintic: Three = (0.0, 0.0, 0.0),
        radius: float | Float[np.ndarray | Array, ""] = 250.0,
    ):
        self.cubic, self.quintic = three_numbers("cubic", cubic), three_numbers("quintic", quintic)
        self.radius = one_number(radius)
        require_range("cubic", self.cubic, -1.0, 1.0)
        require_range("quintic", self.quintic, -1.0, 1.0)
        require_range("radius", radius, 1.0, 1e4, "mm")

    def places(self, position: Float[Array, "*many 3"]) -> Float[Array, "*many 3"]:
        """Where spins at `position` seem to be, mm."""
        radius = jnp.asarray(self.radius, position.dtype)
        x, y, z = jnp.moveaxis(position / radius, -1, 0)
        across, along = x * x + y * y, z * z
        third = across - 4 * along
        fifth = across * across - 12 * along * across + 8 * along * along
        cubic = [x * third, y * third, z * (along - 1.5 * across)]
        quintic = [
            x * fifth,
            y * fifth,
            z * (along * along - 5 * along * across + 1.875 * across * across),
        ]
        c, q = jnp.asarray(self.cubic, position.dtype), jnp.asarray(self.quintic, position.dtype)
        return position + radius * (c * jnp.stack(cubic, -1) + q * jnp.stack(quintic, -1))


def unwarp(
    image: Float[Array | np.ndarray, "x y z"] | Complex[Array | np.ndarray, "x y z"],
    grid: Grid,
    nonlinearity: GradientNonlinearity,
) -> Float[Array, "x y z"] | Complex[Array, "x y z"]:
    """The image with the geometry of the object: what stood at r' is put back to r, brightness times the Jacobian.

    Trilinear; the true places of one voxel are looked up in the image, so nothing is inverted. An image of one slice is
    corrected within its plane only, and one voxel across every axis of length 1. Where |∂r'/∂r| is not positive the image
    folds and cannot be corrected.

    Good values: magnitude images of 3-D acquisitions, on the grid of the reconstruction.
    """
    require_shape("image", image, grid.shape)
    require_finite("image", image)
    into = np.linalg.inv(np.asarray(grid.direction) * np.asarray(grid.spacing))
    return _unwarped(jnp.asarray(image), grid.centres(), np.asarray(grid.origin), into, nonlinearity)


@eqx.filter_jit
def _unwarped(image, centres, origin, into, nonlinearity: GradientNonlinearity):
    """The corrected image; `into` turns mm into voxels."""
    centres, origin, into = (jnp.asarray(a, jnp.result_type(float)) for a in (centres, origin, into))
    seen = nonlinearity.places(centres)
    slopes = jax.vmap(jax.jacfwd(nonlinearity.places))(centres.reshape(-1, 3))
    thick = np.array(image.shape) > 1
    points = jnp.where(thick, (seen - origin) @ into.T, 0.0)
    local = into @ slopes @ jnp.linalg.inv(into)
    within = jnp.where(np.outer(thick, thick), local, jnp.eye(3, dtype=centres.dtype))
    size = jnp.abs(jnp.linalg.det(within)).reshape(image.shape)
    if jnp.iscomplexobj(image):
        parts = [sample(part, points) for part in (jnp.real(image), jnp.imag(image))]
        return jax.lax.complex(parts[0], parts[1]) * size
    return sample(image, points) * size
