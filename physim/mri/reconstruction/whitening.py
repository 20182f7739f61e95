"""Noise that coils share: its covariance, and the mixture of coils in which it is white."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, require_finite

from .checks import require_covariance

Covariance = Complex[Array | np.ndarray, "coil coil"] | Float[Array | np.ndarray, "coil coil"]


def noise_covariance(noise: Complex[Array | np.ndarray, "coil sample"]) -> Complex[Array, "coil coil"]:
    """Ψ = n nᴴ / (2 N): variance of real and of imaginary part on the diagonal, from samples without signal.

    Raises `ValueError` for NaN and for fewer than twice as many samples as coils. Good values: 1000 samples or more.
    """
    require_finite("noise", noise)
    coils, count = np.shape(noise)
    if count < 2 * coils:
        raise InputError(
            f"noise has {count} samples of {coils} coils; it needs at least {2 * coils}: record noise for longer"
        )
    noise = jnp.asarray(noise)
    return noise @ jnp.conj(noise).T / (2 * count)


def whitening_matrix(covariance: Complex[Array, "coil coil"]) -> Complex[Array, "coil coil"]:
    """L⁻¹ of Ψ = L Lᴴ: coils mixed by it carry independent noise of variance 1."""
    lower = jnp.linalg.cholesky(covariance)
    return jax.scipy.linalg.solve_triangular(lower, jnp.eye(len(covariance), dtype=lower.dtype), lower=True)


def whitened(array: Complex[Array, "coil ..."], covariance: Covariance) -> Complex[Array, "coil ..."]:
    """Samples, images or sensitivities in the mixture of coils in which the noise is white and of variance 1.

    Every reconstruction that is given whitened samples and equally whitened sensitivities takes the covariance into
    account. Source: Pruessmann et al., Magn. Reson. Med. 46 (2001) 638, app. B.
    Raises `ValueError` for NaN and for a covariance that does not fit or is not positive definite.
    """
    require_finite("array", array)
    require_covariance(covariance, np.shape(array)[0])
    array = jnp.asarray(array)
    return jnp.einsum("cd,d...->c...", whitening_matrix(jnp.asarray(covariance, array.dtype)), array)
