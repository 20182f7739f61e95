"""Images of several coils made into one."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, require_finite

from .covariance import Covariance, Uncorrelated, prewhiten


class Combination(eqx.Module):
    """How images of several coils become one."""

    @abstractmethod
    def combine(
        self, images: Complex[Array, "coil x y z"]
    ) -> Float[Array, "x y z"] | Complex[Array, "x y z"]:
        """One image; real where the combination has no phase."""


class RootSumOfSquares(Combination):
    """√Σ|I_c|²: needs nothing else, keeps the coils' shading, and noise never averages to zero in it.

    Source: Roemer et al., Magn. Reson. Med. 16 (1990) 192.
    """

    def combine(self, images: Complex[Array, "coil x y z"]) -> Float[Array, "x y z"]:
        """Root of the sum of squares; what no coil sees is 0 and has the derivative 0."""
        power = jnp.sum(images.real**2 + images.imag**2, axis=0)
        return jnp.where(power > 0, jnp.sqrt(jnp.where(power > 0, power, 1)), 0)


class Roemer(Combination):
    """The least-noise estimate with known sensitivities s: (sᴴ Ψ⁻¹ I) / (sᴴ Ψ⁻¹ s); free of shading, phase kept.

    - `sensitivity`: of every coil on the grid of the image. - `covariance`: Ψ of the coils' noise.

    Where no coil sees anything (sᴴ Ψ⁻¹ s = 0) the image is 0.
    Source: Roemer et al., Magn. Reson. Med. 16 (1990) 192, eq. 32; Pruessmann et al., 42 (1999) 952 at acceleration 1.

    Good values: `mri.Roemer(mri.sensitivity_maps(scanner.receive, raw.grid), scanner.noise_covariance)`.
    """

    sensitivity: Complex[Array, "coil x y z"]
    covariance: Covariance

    def __init__(self, sensitivity, covariance: Covariance = Uncorrelated()):
        self.sensitivity = jnp.asarray(sensitivity)
        require_finite("sensitivity", self.sensitivity)
        self.covariance = covariance

    def combine(self, images: Complex[Array, "coil x y z"]) -> Complex[Array, "x y z"]:
        """The weighted sum over coils; refuses maps of another shape than the images."""
        if images.shape != self.sensitivity.shape:
            raise InputError(
                f"sensitivity has shape {self.sensitivity.shape} and the coil images {images.shape}; "
                "write mri.Roemer(mri.sensitivity_maps(scanner.receive, grid)) with the grid of the image"
            )
        seen, made = (prewhiten(a.astype(images.dtype), self.covariance) for a in (self.sensitivity, images))
        power = jnp.sum(seen.real**2 + seen.imag**2, axis=0)
        return jnp.sum(jnp.conj(seen) * made, axis=0) * jnp.where(
            power > 0, 1 / jnp.where(power > 0, power, 1), 0
        )


class Adaptive(Combination):
    """Coil weights from the images themselves: the dominant eigenvector of their covariance around each voxel.

    - `size`: edge of that neighbourhood, voxels; odd. - `covariance`: Ψ of the coils' noise.

    Phase is relative to the coil with the most signal in the whole image. The magnitude is that of the root sum of
    squares without its noise floor. Source: Walsh, Gmitro and Marcellin, Magn. Reson. Med. 43 (2000) 682.

    Good values: size 5 for 1 to 2 mm voxels.
    """

    size: int = eqx.field(static=True, default=5)
    covariance: Covariance = Uncorrelated()

    def __check_init__(self):
        if self.size < 1 or self.size % 2 == 0:
            raise InputError(f"size is {self.size}; it must be an odd number of voxels: write 5")

    def combine(self, images: Complex[Array, "coil x y z"]) -> Complex[Array, "x y z"]:
        """vᴴ I with v the dominant eigenvector, of length 1."""
        white = prewhiten(images, self.covariance)
        strongest = jnp.argmax(jnp.sum(jnp.abs(white) ** 2, axis=(1, 2, 3)))
        covariance = jax.vmap(jax.vmap(lambda a: _blurred(a, self.size)))(
            white[:, None] * jnp.conj(white)[None]
        )
        matrix = jnp.moveaxis(covariance, (0, 1), (-2, -1))
        _, vectors = jnp.linalg.eigh(matrix)
        weight = jnp.moveaxis(vectors[..., -1], -1, 0)
        reference = jax.lax.dynamic_index_in_dim(weight, strongest, 0, keepdims=False)
        size = jnp.abs(reference)
        phase = jnp.where(size > 0, reference / jnp.where(size > 0, size, 1), 1)
        return jnp.sum(jnp.conj(weight) * white, axis=0) * phase


def _blurred(values: Complex[Array, "x y z"], size: int) -> Complex[Array, "x y z"]:
    """Sum over a cube around each voxel; nothing lies beyond the edge."""
    for axis in range(3):
        reach = size // 2
        padding = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        padded = jnp.pad(values, padding)
        length = values.shape[axis]
        values = sum(
            (jax.lax.slice_in_dim(padded, i, i + length, axis=axis) for i in range(1, size)),
            jax.lax.slice_in_dim(padded, 0, length, axis=axis),
        )
    return values
