"""Partial Fourier: the missing side of k-space from the other, as images are real but for a slowly varying phase."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_finite, require_shape

from .checks import require_matrix
from .combine import Combination, RootSumOfSquares
from .fourier import coil_images, fourier, inverse_fourier, normalised, square_norm


class Homodyne(eqx.Module):
    """Lines acquired on one side only count twice; the real part of the image, turned by its phase, is whole.

    Source: Noll, Nishimura and Macovski, IEEE Trans. Med. Imaging 10 (1991) 154, with a linear ramp across the lines of
    which both sides were acquired; these also give the phase. Exact where the phase is constant.

    - `lines`: first line acquired and the one after the last, along `axis`; static. - `phase`: rad, if known.
    - `combination`: of the coils' images, whose phase has been taken out.

    Raises `ValueError` for NaN and for lines that do not reach well over the middle.
    Good values: `Homodyne((24, 64))` for 5/8 of 64 lines.
    """

    lines: tuple[int, int] = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=1)
    phase: Float[Array | np.ndarray, "coil x y z"] | None = None
    combination: Combination = RootSumOfSquares()

    def image(self, samples: Complex[Array, "coil kx ky kz"], grid: Grid) -> Complex[Array, "x y z"]:
        """The combined image; that of one coil is real and signed."""
        require_matrix(samples, grid)
        phase = _checked(self, samples)
        return self.combination.combine(_homodyne(self, jnp.asarray(samples), grid, phase))


class Pocs(eqx.Module):
    """Projections onto convex sets: in turn the image gets its phase, and its k-space the samples that were acquired.

    Source: Haacke, Lindskog and Lin, J. Magn. Reson. 92 (1991) 126. Fields as `Homodyne`; phases may vary faster here.
    Gradients are those of the iterate. Good values: 10 `iterations`; `Pocs((24, 64))` for 5/8 of 64 lines.
    """

    lines: tuple[int, int] = eqx.field(static=True)
    axis: int = eqx.field(static=True, default=1)
    phase: Float[Array | np.ndarray, "coil x y z"] | None = None
    combination: Combination = RootSumOfSquares()
    iterations: int = eqx.field(static=True, default=10)

    def image(self, samples: Complex[Array, "coil kx ky kz"], grid: Grid) -> Complex[Array, "x y z"]:
        """The combined image of the completed k-space, phases included."""
        require_matrix(samples, grid)
        phase = _checked(self, samples)
        return self.combination.combine(_pocs(self, jnp.asarray(samples), grid, phase))


def _checked(method: Homodyne | Pocs, samples):
    """The phase, or None; refuses lines from which the other side does not follow."""
    if method.axis not in (0, 1, 2):
        raise InputError(f"axis is {method.axis}; it must be 0, 1 or 2")
    first, stop = method.lines
    count = samples.shape[1 + method.axis]
    middle = count // 2
    if not 0 <= first < stop <= count or not first < middle < stop - 1 or (first > 0 and stop < count):
        raise InputError(
            f"lines are {method.lines} of {count}; they must hold one end of k-space and reach beyond line {middle}, that of "
            f"k = 0, by some lines: write lines=({max(0, middle - count // 8)}, {count})"
        )
    if method.phase is None:
        return None
    require_shape("phase", method.phase, samples.shape)
    require_finite("phase", method.phase)
    return jnp.exp(1j * jnp.asarray(method.phase)).astype(samples.dtype)


@jax.jit
def _homodyne(method: Homodyne, samples, grid: Grid, phase):
    count = samples.shape[1 + method.axis]
    images = coil_images(samples * _along(_ramp(count, method.lines), method.axis, samples), grid)
    phase = _low_phase(method, samples) if phase is None else phase
    return (images * jnp.conj(phase)).real.astype(samples.dtype)


@jax.jit
def _pocs(method: Pocs, samples, grid: Grid, phase):
    data = normalised(samples, grid)
    line = np.arange(samples.shape[1 + method.axis])
    acquired = (line >= method.lines[0]) & (line < method.lines[1])
    known = _along(acquired, method.axis, samples) > 0
    phase = _low_phase(method, samples) if phase is None else phase

    def step(guess, _):
        images = inverse_fourier(guess)
        real = (images * jnp.conj(phase)).real
        return jnp.where(known, data, fourier(real * phase)), None

    made = jax.lax.scan(step, jnp.where(known, data, 0), length=method.iterations)[0]
    return inverse_fourier(made)


def _ramp(count: int, lines: tuple[int, int]) -> np.ndarray:
    """Weights w with w(k) + w(−k) = 2, and 0 where nothing was acquired."""
    k = np.arange(count) - count // 2
    reach = min(-k[lines[0]], k[lines[1] - 1])  # both sides are there up to here
    side = 1 if lines[0] > 0 else -1
    weights = np.clip(1 + side * k / reach, 0, 2)
    # The line at −M/2 is its own mirror image.
    own = (count % 2 == 0) & (k == -count // 2)
    weights = np.where(own, 1, weights)
    return np.where((np.arange(count) >= lines[0]) & (np.arange(count) < lines[1]), weights, 0)


def _low_phase(method: Homodyne | Pocs, samples):
    """exp(iφ) of the image of the lines of which both sides were acquired, smoothly cut off."""
    count = samples.shape[1 + method.axis]
    k = np.arange(count) - count // 2
    reach = min(-k[method.lines[0]], k[method.lines[1] - 1])
    window = np.where(np.abs(k) <= reach, np.cos(np.pi * k / (2 * (reach + 1))) ** 2, 0)
    low = inverse_fourier(samples * _along(window, method.axis, samples))
    power = square_norm(low)
    return jnp.where(power > 0, low / jnp.sqrt(jnp.where(power > 0, power, 1)), 1)


def _along(values: np.ndarray, axis: int, samples):
    shape = [1, 1, 1, 1]
    shape[1 + axis] = -1
    return jnp.asarray(values.reshape(shape), samples.real.dtype)
