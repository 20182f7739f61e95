"""The finite cylinder."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import chord, coverage, transforms
from .frame import Matrix, Scalar, Vector, leaf, lengths, rotation_matrix
from .shape import Body, Place, Width


class Cylinder(Body):
    """A solid circular cylinder of one value; its axis is the third column of the rotation, z without one.

    - `centre`: mm. - `radius`, `length`: above 0, mm. - `rotation`: `shapes.rotation_onto(axis)` points the cylinder along
      `axis`. - `value`: the density inside.

    F(k) = value × πR²L × 2 J₁(x)/x × sinc(L k_z) × exp(−2πi k·centre), x = 2πR √(k_x² + k_y²), along the cylinder's axes.
    Good values: `Cylinder((0.0, 0.0, 0.0), radius=100.0, length=150.0)`.
    Raises `ValueError` for lengths not above 0, values that are not finite, or a matrix that is not a rotation.
    """

    centre: Float[Array | np.ndarray, "3"]
    radius: Float[Array | np.ndarray, ""]
    length: Float[Array | np.ndarray, ""]
    rotation: Float[Array | np.ndarray, "3 3"]
    value: Float[Array | np.ndarray, ""]

    def __init__(
        self,
        centre: Vector,
        radius: Scalar,
        length: Scalar,
        rotation: Matrix | None = None,
        value: Scalar = 1.0,
    ):
        self.centre = leaf("centre", centre, (3,))
        self.radius = lengths("radius", radius)
        self.length = lengths("length", length)
        self.rotation = rotation_matrix(rotation)
        self.value = leaf("value", value, ())

    @property
    def volume(self) -> Float[Array, ""]:
        """πR²L, mm³."""
        return jnp.asarray(np.pi * self.radius * self.radius * self.length)

    def profile(self, place: Place) -> Array:
        """1 inside, 0 outside."""
        x, y, z = place
        inside = (x * x + y * y <= self.radius * self.radius) & (jnp.abs(z) <= self.length / 2)
        return inside.astype(x.dtype)

    def chord(self, start: Place, step: Place) -> Array:
        """The share of the segment inside."""
        x, y = [(p / self.radius, d / self.radius) for p, d in zip(start[:2], step[:2], strict=True)]
        around = chord.in_quadric((x[0], y[0]), (x[1], y[1]))
        return chord.overlap(around, chord.in_slab(start[2], step[2], jnp.asarray(self.length) / 2))

    def spectrum(self, k: Place) -> Array:
        """πR²L × 2 J₁(x)/x × sinc(L k_z)."""
        x, y, z = k
        across = 4 * np.pi**2 * jnp.asarray(self.radius) ** 2 * (x * x + y * y)
        return self.volume * transforms.disc(across) * jnp.sinc(self.length * z)

    def cell_mean(self, place: Place, edges: Float[Array, "3 3"]) -> Array:
        """The share of each cell inside: the share within the mantle times the share between the ends."""
        weight = jnp.asarray(self.radius) ** -2.0
        mantle = coverage.quadric(place, (weight, weight, 0 * weight), edges)
        return mantle * coverage.slab(
            place[2], jnp.asarray(self.length) / 2, coverage.widths((0.0, 0.0, 1.0), edges)
        )

    def half_width(self, direction: Float[Array | np.ndarray, "3"]) -> Width:
        """R √(n_x² + n_y²) + |n_z| L / 2."""
        x, y, z = direction
        return self.radius * (x * x + y * y) ** 0.5 + abs(z) * self.length / 2
