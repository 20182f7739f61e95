"""Phase-sensitive inversion recovery: the sign of the magnetisation, by a reference with the same phase."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import require_shape

from .checks import require_coil_images
from .fourier import square_norm


def phase_sensitive(
    inverted: Complex[Array, "coil x y z"], reference: Complex[Array, "coil x y z"]
) -> Float[Array, "x y z"]:
    """The signed image of an inversion recovery, given coil images of a second acquisition without inversion.

        m = Re Σ_c R_c* I_c / √Σ_c |R_c|²

    The reference takes out the phase of coils and field and weights the coils; the result has the shading of √Σ|S|², as
    the root of the sum of squares. 0 where the reference is. Source: Kellman et al., Magn. Reson. Med. 47 (2002) 372.
    Raises `ValueError` for NaN and images of different shapes.
    Good values: a reference of low flip angle, smoothed where it is noisy.
    """
    require_coil_images(inverted)
    require_coil_images(reference)
    require_shape("reference", reference, inverted.shape)
    power = jnp.sum(square_norm(reference), axis=0)
    signed = jnp.sum((jnp.conj(reference) * inverted).real, axis=0)
    return jnp.where(power > 0, signed / jnp.sqrt(jnp.where(power > 0, power, 1)), 0)
