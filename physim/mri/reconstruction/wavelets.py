"""Orthonormal wavelets with periodic edges: Haar's, and Daubechies' of four taps."""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError

Image = Complex[Array, "x y z"] | Float[Array, "x y z"]
Coefficients = tuple[
    Array, tuple[tuple[Array, ...], ...]
]  # the coarse image, then bands of detail, finest first

HAAR = (math.sqrt(0.5), math.sqrt(0.5))
DAUBECHIES_4 = tuple(
    (a + b * math.sqrt(3)) / (4 * math.sqrt(2)) for a, b in ((1, 1), (3, 1), (3, -1), (1, -1))
)


class Wavelet(eqx.Module):
    """A separable orthonormal wavelet transform of an image; its inverse is its adjoint.

    Source: Daubechies, Ten Lectures on Wavelets (1992), ch. 6; Mallat, IEEE Trans. Pattern Anal. 11 (1989) 674. Axes are
    halved as long as they are even and longer than the filter; axes of one voxel are left alone.

    - `taps`: the low-pass filter; static. `HAAR` or `DAUBECHIES_4`. - `levels`: how often the image is halved; static.

    Good values: `Wavelet()`, 3 levels of Daubechies' wavelet on axes divisible by 8.
    """

    taps: tuple[float, ...] = eqx.field(static=True, default=DAUBECHIES_4)
    levels: int = eqx.field(static=True, default=3)

    def __check_init__(self):
        if self.levels < 1:
            raise InputError(f"levels is {self.levels}; it must be at least 1, like 3")
        if len(self.taps) % 2 or abs(sum(t * t for t in self.taps) - 1) > 1e-6:
            raise InputError(
                f"taps are {self.taps}; they must be an even number with squares of sum 1: write HAAR or DAUBECHIES_4"
            )

    def analyse(self, image: Image) -> Coefficients:
        """Coefficients of the image, as many as it has voxels."""
        details = []
        for _ in range(self.levels):
            bands = [image]
            for axis in self._axes(image.shape):
                bands = [half for band in bands for half in self._split(band, axis)]
            image = bands[0]
            details.append(tuple(bands[1:]))
        return image, tuple(details)

    def synthesise(self, coefficients: Coefficients, shape: tuple[int, ...]) -> Image:
        """The image of this shape with these coefficients."""
        image, details = coefficients
        axes = []
        for _ in details:
            axes.append(self._axes(shape))
            shape = tuple(n // 2 if axis in axes[-1] else n for axis, n in enumerate(shape))
        for level, halved in zip(reversed(details), reversed(axes), strict=True):
            bands = [image, *level]
            for axis in reversed(halved):
                pairs = zip(bands[::2], bands[1::2], strict=True)
                bands = [self._joined(low, high, axis) for low, high in pairs]
            image = bands[0]
        return image

    def _axes(self, shape: tuple[int, ...]) -> list[int]:
        return [axis for axis, n in enumerate(shape) if n % 2 == 0 and n >= len(self.taps)]

    def _split(self, image, axis: int):
        """Low and high half along an axis."""
        pairs = jnp.moveaxis(image, axis, -1)
        pairs = pairs.reshape(*pairs.shape[:-1], -1, 2)
        even, odd = pairs[..., 0], pairs[..., 1]
        low = high = 0
        for lag, (a, b, c, d) in enumerate(self._taps()):
            e, o = jnp.roll(even, -lag, -1), jnp.roll(odd, -lag, -1)
            low, high = low + a * e + b * o, high + c * e + d * o
        return jnp.moveaxis(low, -1, axis), jnp.moveaxis(high, -1, axis)  # type: ignore[arg-type]

    def _joined(self, low, high, axis: int):
        """The transpose, and inverse, of `_split`."""
        low, high = jnp.moveaxis(low, axis, -1), jnp.moveaxis(high, axis, -1)
        even = odd = 0
        for lag, (a, b, c, d) in enumerate(self._taps()):
            lows, highs = jnp.roll(low, lag, -1), jnp.roll(high, lag, -1)
            even, odd = even + a * lows + c * highs, odd + b * lows + d * highs
        pairs = jnp.stack([even, odd], axis=-1)  # type: ignore[arg-type]
        return jnp.moveaxis(pairs.reshape(*pairs.shape[:-2], -1), -1, axis)

    def _taps(self):
        """For every lag of pairs: what even and odd voxels give to the low and to the high half."""
        h = self.taps
        g = [(-1) ** n * h[len(h) - 1 - n] for n in range(len(h))]
        return [(h[n], h[n + 1], g[n], g[n + 1]) for n in range(0, len(h), 2)]
