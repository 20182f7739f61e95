"""From one image per coil to one image."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from .checks import require_coil_images, require_coils, require_covariance, require_sensitivities
from .fourier import square_norm
from .whitening import whitening_matrix


@runtime_checkable
class Combination(Protocol):
    """Anything that makes one image of many."""

    def combine(self, images: Complex[Array, "coil x y z"]) -> Complex[Array, "x y z"]:
        """One complex image."""
        ...


class RootSumOfSquares(eqx.Module):
    """√Σ|m_c|²: needs no maps, loses the phase, and has the shading of √Σ|S_c|².

    Nearly optimal at high signal; noise makes a floor that grows with √coils. Source: Roemer et al., Magn. Reson. Med. 16
    (1990) 192. An image of one coil keeps its phase.
    """

    def combine(self, images: Complex[Array, "coil x y z"]) -> Complex[Array, "x y z"]:
        """The combined image, real and not negative if there are several coils."""
        require_coil_images(images)
        if images.shape[0] == 1:
            return jnp.asarray(images[0])
        power = jnp.sum(square_norm(images), axis=0)
        # The root's derivative at zero is infinite; nothing is seen there, so it is taken as zero.
        root = jnp.where(power > 0, jnp.sqrt(jnp.where(power > 0, power, 1)), 0)
        return root.astype(images.dtype)


class SensitivityWeighted(eqx.Module):
    """The combination of least variance among those that show a uniform object as it is.

        m = Sᴴ Ψ⁻¹ y / (Sᴴ Ψ⁻¹ S)

    Source: Roemer et al., Magn. Reson. Med. 16 (1990) 192; Pruessmann et al., Magn. Reson. Med. 42 (1999) 952.

    - `sensitivities`: relative receive field of every coil; where all are 0 the image is 0.
    - `noise_covariance`: Ψ, any unit; the identity unless given.

    Raises `ValueError` for NaN, other numbers of coils, and a covariance that is not positive definite.
    """

    sensitivities: Complex[Array | np.ndarray, "coil x y z"]
    noise_covariance: (
        Complex[Array | np.ndarray, "coil coil"] | Float[Array | np.ndarray, "coil coil"] | None
    ) = None

    def __check_init__(self):
        require_sensitivities(self.sensitivities)
        if self.noise_covariance is not None:
            require_covariance(self.noise_covariance, self.sensitivities.shape[0])

    def combine(self, images: Complex[Array, "coil x y z"]) -> Complex[Array, "x y z"]:
        """The combined image."""
        require_coil_images(images)
        require_coils("images", images.shape[0], self.sensitivities.shape[0])
        maps = jnp.asarray(self.sensitivities, images.dtype)
        if self.noise_covariance is not None:
            whiten = whitening_matrix(jnp.asarray(self.noise_covariance, images.dtype))
            maps, images = (jnp.einsum("cd,dxyz->cxyz", whiten, a) for a in (maps, images))
        seen = jnp.sum(square_norm(maps), axis=0)
        matched = jnp.sum(jnp.conj(maps) * images, axis=0)
        return jnp.where(seen > 0, matched / jnp.where(seen > 0, seen, 1), 0)
