"""The box."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import chord, coverage
from .frame import Matrix, Scalar, Vector, leaf, lengths, rotation_matrix
from .shape import Body, Place, Width


class Box(Body):
    """A solid box of one value; a cube when one number is given for the size.

    - `centre`: mm. - `size`: the three edge lengths above 0, mm. - `rotation`: columns are the box's axes in the world;
      none: along the world's. - `value`: the density inside.

    F(k) = value × Π edge sinc(edge × k) × exp(−2πi k·centre), sinc(t) = sin(πt)/(πt), along the box's axes.
    Voxels of a box along the grid's axes are exact. Good values: `Box((0.0, 0.0, 0.0), (20.0, 20.0, 5.0))`.
    Raises `ValueError` for lengths not above 0, values that are not finite, or a matrix that is not a rotation.
    """

    centre: Float[Array | np.ndarray, "3"]
    size: Float[Array | np.ndarray, "3"]
    rotation: Float[Array | np.ndarray, "3 3"]
    value: Float[Array | np.ndarray, ""]

    def __init__(
        self,
        centre: Vector,
        size: Scalar | Vector,
        rotation: Matrix | None = None,
        value: Scalar = 1.0,
    ):
        self.centre = leaf("centre", centre, (3,))
        self.size = lengths("size", size, 3)
        self.rotation = rotation_matrix(rotation)
        self.value = leaf("value", value, ())

    @property
    def volume(self) -> Float[Array, ""]:
        """Product of the edges, mm³."""
        return jnp.asarray(self.size[0] * self.size[1] * self.size[2])

    def profile(self, place: Place) -> Array:
        """1 inside, 0 outside."""
        inside = [jnp.abs(u) <= edge / 2 for u, edge in zip(place, self.size, strict=True)]
        return (inside[0] & inside[1] & inside[2]).astype(place[0].dtype)

    def chord(self, start: Place, step: Place) -> Array:
        """The share of the segment inside."""
        return chord.overlap(*map(chord.in_slab, start, step, jnp.asarray(self.size) / 2))

    def spectrum(self, k: Place) -> Array:
        """Π edge sinc(edge × k)."""
        x, y, z = (jnp.sinc(edge * q) for edge, q in zip(self.size, k, strict=True))
        return self.volume * x * y * z

    def cell_mean(self, place: Place, edges: Float[Array, "3 3"]) -> Array:
        """The share of each cell inside: the product over the three pairs of faces, exact except where faces meet askew."""
        axes = (-1,) + (1,) * place[0].ndim
        normal = jnp.eye(3, dtype=edges.dtype)
        extents = coverage.widths(
            (normal[0].reshape(axes), normal[1].reshape(axes), normal[2].reshape(axes)), edges
        )
        half = jnp.asarray(self.size).reshape(axes) / 2
        shares = coverage.slab(jnp.stack(jnp.broadcast_arrays(*place)), half, extents)
        return shares[0] * shares[1] * shares[2]

    def half_width(self, direction: Float[Array | np.ndarray, "3"]) -> Width:
        """Σ |direction| × edge / 2."""
        return sum(abs(n) * edge / 2 for n, edge in zip(direction, self.size, strict=True))
