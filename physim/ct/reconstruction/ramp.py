"""The ramp filter along detector columns, sampled in space so that no CT number shifts."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .windows import Number, Window


def ramp_matrix(
    columns: int, pitch: Number, window: Window, magnification: Number = 1.0, *, angle: Number = 0.0
) -> Float[Array, "column column"]:
    """Convolution with the ramp filter as a matrix, 1/mm: exact at the ends, where a periodic transform wraps around.

    The ramp is sampled in space, h(0) = 1/4τ², h(n odd) = −1/(π n τ)², Kak and Slaney, Principles of Computerized
    Tomographic Imaging (1988), equation 3.61: sampling it in frequency would lose its mean and shift every CT number.

    - `pitch`: τ, mm on the detector, which is `magnification` times as much as at the axis. - `angle`: between columns
      that are equal angles apart, rad; then h(n) is multiplied by (n α / sin n α)², equation 3.104 there.
    """
    size = 2 * columns
    distance = np.minimum(np.arange(size), size - np.arange(size))
    kernel = np.where(distance % 2 == 1, -1 / (np.pi * np.maximum(distance, 1)) ** 2, 0.0)
    kernel[0] = 0.25
    spectrum = jnp.fft.rfft(jnp.asarray(kernel, float))
    nyquist = magnification / (2 * jnp.asarray(pitch))
    relative = jnp.linspace(0, 1, spectrum.size, dtype=spectrum.real.dtype)
    smoothed = jnp.fft.irfft(spectrum * window.gain(relative * nyquist, nyquist), size)
    apart = jnp.asarray(distance, float) * angle
    bent = smoothed[:columns] / jnp.sinc(apart[:columns] / jnp.pi) ** 2
    offset = np.abs(np.arange(columns)[:, None] - np.arange(columns)[None, :])
    return bent[offset] / pitch


def filtered(
    sino: Float[Array, "view row column"], ramp: Float[Array, "column column"]
) -> Float[Array, "view column row"]:
    """Every detector row convolved, laid out column by column for the back-projection."""
    return jnp.einsum("vrc,ck->vkr", sino, ramp.astype(sino.dtype), precision=jax.lax.Precision.HIGHEST)
