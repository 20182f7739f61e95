"""The ellipsoid."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import chord, coverage, transforms
from .frame import Matrix, Scalar, Vector, dot, leaf, lengths, rotation_matrix
from .shape import Body, Place, Width


class Ellipsoid(Body):
    """A solid ellipsoid of one value; a sphere when one number is given for the semi-axes.

    - `centre`: mm. - `semi_axes`: three half-diameters above 0, mm. - `rotation`: columns are the ellipsoid's axes in the
      world; none: along the world's. - `value`: the density inside.

    F(k) = value × V × 3 (sin x − x cos x)/x³ × exp(−2πi k·centre), x = 2π |(semi-axis × k) along each axis|; the unit
    ball's transform (Bracewell, The Fourier Transform and Its Applications, 3rd ed., 2000) under an affine map.
    Good values: `Ellipsoid((0.0, 0.0, 0.0), (69.0, 92.0, 90.0), None, 1.0)`.
    Raises `ValueError` for lengths not above 0, values that are not finite, or a matrix that is not a rotation.
    """

    centre: Float[Array | np.ndarray, "3"]
    semi_axes: Float[Array | np.ndarray, "3"]
    rotation: Float[Array | np.ndarray, "3 3"]
    value: Float[Array | np.ndarray, ""]

    def __init__(
        self,
        centre: Vector,
        semi_axes: Scalar | Vector,
        rotation: Matrix | None = None,
        value: Scalar = 1.0,
    ):
        self.centre = leaf("centre", centre, (3,))
        self.semi_axes = lengths("semi_axes", semi_axes, 3)
        self.rotation = rotation_matrix(rotation)
        self.value = leaf("value", value, ())

    @property
    def volume(self) -> Float[Array, ""]:
        """4/3 π abc, mm³."""
        return jnp.asarray(4 / 3 * np.pi * self.semi_axes[0] * self.semi_axes[1] * self.semi_axes[2])

    def profile(self, place: Place) -> Array:
        """1 inside, 0 outside."""
        return jnp.where(dot(self._scaled(place), self._scaled(place)) <= 1, 1.0, 0.0).astype(place[0].dtype)

    def chord(self, start: Place, step: Place) -> Array:
        """The share of the segment inside."""
        return chord.overlap(chord.in_quadric(self._scaled(start), self._scaled(step)))

    def spectrum(self, k: Place) -> Array:
        """V × 3 (sin x − x cos x)/x³."""
        scaled = [a * q for a, q in zip(jnp.asarray(self.semi_axes), k, strict=True)]
        return self.volume * transforms.ball(4 * np.pi**2 * dot(scaled, scaled))

    def cell_mean(self, place: Place, edges: Float[Array, "3 3"]) -> Array:
        """The share of each cell inside."""
        return coverage.quadric(place, tuple(1 / (a * a) for a in jnp.asarray(self.semi_axes)), edges)

    def half_width(self, direction: Float[Array | np.ndarray, "3"]) -> Width:
        """√Σ (semi-axis × direction)²."""
        return sum((a * n) ** 2 for a, n in zip(self.semi_axes, direction, strict=True)) ** 0.5

    def _scaled(self, place: Place) -> Place:
        x, y, z = (u / a for u, a in zip(place, self.semi_axes, strict=True))
        return x, y, z
