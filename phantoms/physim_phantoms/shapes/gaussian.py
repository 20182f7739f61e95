"""The Gaussian blob: smooth in space and in frequency, without end and without truncation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .frame import Matrix, Scalar, Vector, dot, leaf, lengths, rotation_matrix
from .shape import Body, Place, Width


class Gaussian(Body):
    """value × exp(−½ Σ (u/σ)²) along its own axes; reaches to infinity, nothing is cut off.

    - `centre`: mm. - `sigma`: three standard deviations above 0, mm, or one for all. - `rotation`: columns are the axes in
      the world. - `value`: the density at the centre.

    F(k) = value × (2π)^(3/2) σ₁σ₂σ₃ × exp(−2π² Σ (σk)²) × exp(−2πi k·centre); line integrals by the error function.
    `volume` is the effective one, integral over value. Good values: sigma of two voxels or more.
    Raises `ValueError` for lengths not above 0, values that are not finite, or a matrix that is not a rotation.
    """

    centre: Float[Array | np.ndarray, "3"]
    sigma: Float[Array | np.ndarray, "3"]
    rotation: Float[Array | np.ndarray, "3 3"]
    value: Float[Array | np.ndarray, ""]

    def __init__(
        self,
        centre: Vector,
        sigma: Scalar | Vector,
        rotation: Matrix | None = None,
        value: Scalar = 1.0,
    ):
        self.centre = leaf("centre", centre, (3,))
        self.sigma = lengths("sigma", sigma, 3)
        self.rotation = rotation_matrix(rotation)
        self.value = leaf("value", value, ())

    @property
    def volume(self) -> Float[Array, ""]:
        """(2π)^(3/2) σ₁σ₂σ₃, mm³."""
        return jnp.asarray((2 * np.pi) ** 1.5 * self.sigma[0] * self.sigma[1] * self.sigma[2])

    def profile(self, place: Place) -> Array:
        """exp(−½ Σ (u/σ)²)."""
        return jnp.exp(-0.5 * sum((u / s) ** 2 for u, s in zip(place, self.sigma, strict=True)))

    def chord(self, start: Place, step: Place) -> Array:
        """∫₀¹ of the Gaussian along the segment: its height at the nearest point of the line times a difference of erf."""
        p = [u / s for u, s in zip(start, self.sigma, strict=True)]
        d = [u / s for u, s in zip(step, self.sigma, strict=True)]
        squared = dot(d, d)
        moving = squared > jnp.finfo(squared.dtype).tiny ** 0.5
        squared = jnp.where(moving, squared, 1)
        nearest = -dot(p, d) / squared
        foot = [a + nearest * b for a, b in zip(p, d, strict=True)]
        height = jnp.exp(-0.5 * dot(foot, foot))
        slope = jnp.sqrt(squared / 2)
        span = jax.scipy.special.erf(slope * (1 - nearest)) + jax.scipy.special.erf(slope * nearest)
        return jnp.where(moving, height * span * np.sqrt(np.pi) / (2 * slope), self.profile(start))

    def spectrum(self, k: Place) -> Array:
        """(2π)^(3/2) σ₁σ₂σ₃ exp(−2π² Σ (σk)²)."""
        return self.volume * jnp.exp(
            -2 * np.pi**2 * sum((s * q) ** 2 for s, q in zip(self.sigma, k, strict=True))
        )

    def cell_mean(self, place: Place, edges: Float[Array, "3 3"]) -> Array:
        """Mean over each cell by the two-point Gauss-Legendre rule along every edge; fourth order."""
        node = 0.5 / np.sqrt(3)
        total = 0.0
        for corner in np.array(np.meshgrid([-node, node], [-node, node], [-node, node])).reshape(3, 8).T:
            x, y, z = (u + sum(edges[axis, e] * corner[e] for e in range(3)) for axis, u in enumerate(place))
            total = total + self.profile((x, y, z)) / 8
        return jnp.asarray(total)

    def half_width(self, direction: Float[Array | np.ndarray, "3"]) -> Width:
        """Without end."""
        return float("inf")
