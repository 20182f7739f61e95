"""Light that spreads in a scintillating screen before it is read: the blur of an indirect flat panel."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

from ..geometry.checks import Number


class LightSpread(eqx.Module):
    """Blur with the modulation transfer function 1 / (1 + (f / half_frequency)²) of a screen, f in cycles/mm.

    Works on intensities: photons are drawn before it, so it smooths quantum noise and leaves that of the electronics.
    Light that would leave the panel is reflected: nothing is lost. Linear, and its own transpose.

    - `half_frequency`: where the modulation is a half, 1/mm. - `pixel_size`: (row, column) pitch at the panel, mm.

    Good values: 1.3 /mm for half a millimetre of caesium iodide needles; thicker screens less.
    Raises `ValueError` for numbers that are not positive.
    """

    half_frequency: Number
    pixel_size: tuple[Number, Number]

    def __init__(self, half_frequency: Number = 1.3, *, pixel_size: tuple[Number, Number]):
        require_range("half_frequency", half_frequency, 1e-2, 1e3, "1/mm")
        for pitch in pixel_size:
            require_range("pixel_size", pitch, 1e-3, 1e3, "mm")
        self.half_frequency, self.pixel_size = half_frequency, pixel_size

    def modulation(self, frequency: Float[Array | np.ndarray, "..."]) -> Float[Array, "..."]:
        """Modulation transfer at spatial frequencies, cycles/mm."""
        return 1 / (1 + (jnp.asarray(frequency) / self.half_frequency) ** 2)

    def apply(self, signal: Float[Array, "*stack row column"]) -> Float[Array, "*stack row column"]:
        """The signal after the light has spread."""
        row, column = self.pixel_size
        return mirrored_filter(signal, lambda r, c: self.modulation(jnp.hypot(r / row, c / column)))


def mirrored_filter(
    signal: Float[Array, "*stack row column"], transfer: Callable[..., Array]
) -> Float[Array, "*stack row column"]:
    """Multiplies spatial frequencies, cycles per pixel, by `transfer(row, column)`; the signal continues as its mirror."""
    rows, columns = signal.shape[-2:]
    whole = jnp.concatenate([signal, signal[..., ::-1, :]], axis=-2)
    whole = jnp.concatenate([whole, whole[..., ::-1]], axis=-1)
    r, c = np.fft.fftfreq(2 * rows)[:, None], np.fft.rfftfreq(2 * columns)
    factor = transfer(jnp.asarray(r, signal.dtype), jnp.asarray(c, signal.dtype))
    made = jnp.fft.irfft2(jnp.fft.rfft2(whole) * factor, s=whole.shape[-2:])
    return made[..., :rows, :columns].astype(signal.dtype)
