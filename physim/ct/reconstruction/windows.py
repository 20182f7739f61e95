"""Reconstruction kernels: how much of each spatial frequency the ramp filter lets pass."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import InputError

Frequencies = Float[Array, " k"]
Number = float | Float[Array | np.ndarray, ""]


class RamLak(eqx.Module):
    """The bare ramp up to the detector's Nyquist frequency: sharpest, noisiest."""

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        return jnp.ones_like(frequency)


class SheppLogan(eqx.Module):
    """The ramp times sinc(f / 2 Nyquist): a little smoother. Shepp and Logan, IEEE Trans. Nucl. Sci. 21 (1974) 21."""

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        return jnp.sinc(frequency / (2 * nyquist))


class Cosine(eqx.Module):
    """The ramp times cos(π f / 2 Nyquist): between `SheppLogan` and `Hann`."""

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        return jnp.cos(jnp.pi / 2 * jnp.minimum(frequency / nyquist, 1))


class Hamming(eqx.Module):
    """The ramp times 0.54 + 0.46 cos(π f / Nyquist)."""

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        return 0.54 + 0.46 * jnp.cos(jnp.pi * jnp.minimum(frequency / nyquist, 1))


class Hann(eqx.Module):
    """The ramp times a Hann window that reaches zero at `cutoff` times Nyquist: smooth, for noisy data.

    Good values: 1.0 for soft tissue, 0.6 for very noisy data.
    """

    cutoff: Number = 1.0

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        part = frequency / (nyquist * self.cutoff)
        return jnp.where(part < 1, 0.5 * (1 + jnp.cos(jnp.pi * part)), 0)


class Soft(eqx.Module):
    """A smooth kernel like those for soft tissue, whatever the detector: set by its own modulation transfer.

    - `half`, `tenth`: where the factor is 0.5 and 0.1, line pairs per mm. The factor is exp(−a f^p).

    Good values: the defaults for abdomen and brain; a smaller `tenth` for less noise.
    """

    half: Number = 0.38
    tenth: Number = 0.65

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        return _shaped(frequency, self.half, self.tenth, 0.0)


class Sharp(eqx.Module):
    """An edge-enhancing kernel like those for bone and lung: middle frequencies are raised.

    - `half`, `tenth`: as `Soft`. - `boost`: how much is added near 0.6 `half`, where it is most. The factor is
      exp(−a f^p) (1 + boost e x² exp(−x²)) with x = f / (0.6 half).

    Good values: the defaults; `boost` 0 for a sharp kernel without overshoot.
    """

    half: Number = 0.85
    tenth: Number = 1.1
    boost: Number = 0.3

    def gain(self, frequency: Frequencies, nyquist: Number) -> Frequencies:
        """Factor on the ramp at a frequency, in line pairs per mm at the axis."""
        return _shaped(frequency, self.half, self.tenth, self.boost)


Window = RamLak | SheppLogan | Cosine | Hamming | Hann | Soft | Sharp


def require_window(window: object) -> None:
    """Refuses a window's name, or its class, in the place of a window."""
    if isinstance(window, type) or not hasattr(window, "gain"):
        given = f"the class {window.__name__}" if isinstance(window, type) else repr(window)
        like = window.__name__ if isinstance(window, type) else "Sharp"
        raise InputError(f"window is {given}; it must be an object: write window=ct.{like}()")


def _shaped(frequency, half, tenth, boost):
    """exp(−a f^p) raised by a bump, with a and p such that the product is 0.5 at `half` and 0.1 at `tenth`."""

    def bump(f):
        x2 = (f / (0.6 * half)) ** 2
        return 1 + boost * jnp.e * x2 * jnp.exp(-x2)

    fall_half, fall_tenth = jnp.log(bump(half) / 0.5), jnp.log(bump(tenth) / 0.1)
    power = jnp.log(fall_tenth / fall_half) / jnp.log(tenth / jnp.asarray(half))
    # The power of 0 has no derivative in the exponent.
    seen = jnp.maximum(frequency, 1e-6 * half)
    return jnp.exp(-fall_half * (seen / half) ** power) * bump(frequency)
