"""Noise power spectra from an ensemble of regions: how strong the noise is, and how coarse."""

from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

Images = Float[Array | np.ndarray, "x y z"]


class Polynomial(eqx.Module):
    """Takes the best polynomial of a degree out of every region: 0 its mean, 1 a slope, 2 a bowl such as cupping.

    What the polynomial takes of the noise is given back evenly: of a region of n values with k coefficients, white noise
    loses k / n. Good values: degree 0 for noise-only images, 1 or 2 for scans of uniform water.
    """

    degree: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if self.degree not in range(5):
            raise InputError(f"degree is {self.degree}; it must be a whole number from 0 to 4, like 1")

    def remove(self, regions: Float[Array, "region *place"]) -> Float[Array, "region *place"]:
        """The regions less their trends, scaled by √(n / (n − k))."""
        shape = regions.shape[1:]
        # A fixed orthonormal basis of the polynomials on these places.
        axes = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape), indexing="ij")
        powers = np.stack(
            np.meshgrid(*(np.arange(self.degree + 1),) * len(shape), indexing="ij"), -1
        ).reshape(-1, len(shape))
        used = [
            p for p in powers if p.sum() <= self.degree and all(e < n for e, n in zip(p, shape, strict=True))
        ]
        terms = np.stack(
            [np.prod([a**e for a, e in zip(axes, p, strict=True)], axis=0).ravel() for p in used]
        )
        basis = jnp.asarray(np.linalg.qr(terms.T)[0], regions.dtype)
        flat = regions.reshape(len(regions), -1)
        left = flat - jnp.einsum("rb,nb->rn", jnp.einsum("rn,nb->rb", flat, basis), basis)
        count = flat.shape[1]
        return (left * np.sqrt(count / (count - len(used)))).reshape(regions.shape)


class NoisePower(eqx.Module):
    """A noise power spectrum: `power` in the image's unit squared times mm per axis, at `frequencies`, 1/mm, in FFT order."""

    frequencies: tuple[Float[Array, "_"], ...]
    power: Float[Array, "..."]

    @jax.jit
    def variance(self) -> Float[Array, ""]:
        """Its integral over all frequencies: the variance of the image."""
        cell = 1.0
        for f, n in zip(self.frequencies, self.power.shape, strict=True):
            cell = cell * (f[1] if n > 1 else 1.0)
        return jnp.sum(self.power) * cell


def noise_power(
    regions: Float[Array | np.ndarray, "region *place"],
    spacing: Sequence[float] | Float[Array | np.ndarray, " axis"],
    detrend: Polynomial = Polynomial(1),
) -> NoisePower:
    """The noise power spectrum Π spacing / n · ⟨|DFT(region − trend)|²⟩ of square or cubic regions alike.

    Regions "region x y" give the spectrum of two dimensions, "region x y z" of three (mm³). The mean of the detrended regions
    of an ensemble is taken as noise, so structure that all of them share must have been subtracted before, as by
    the difference of two scans / √2. ICRU Report 87 (2012); Siewerdsen, Cunningham and Jaffray, Med. Phys. 29 (2002) 2655.

    - `spacing`: of the values along each axis of a region, mm. - `detrend`: what is subtracted from every region.

    Good values: 64² regions, at least 50 of them: the spectrum at one frequency is good to 1/√regions.
    Raises `ValueError` for NaN, no region, regions smaller than 4 values and spacings that do not fit.
    """
    require_finite("regions", regions)
    values = jnp.asarray(regions)
    values = values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(float)
    shape = values.shape[1:]
    if not values.shape[0] or not shape or int(np.prod(shape)) < 4:
        raise InputError(f"regions has shape {values.shape}; it must be (regions, x, y), like (100, 64, 64)")
    if len(spacing) != len(shape):
        raise InputError(
            f"spacing has {len(spacing)} numbers for regions with {len(shape)} axes; give one for each, in mm"
        )
    require_range("spacing", np.asarray(spacing) if is_concrete(spacing) else spacing, 1e-6, 1e6, "mm")
    return _spectrum(values, tuple(spacing), detrend)


@jax.jit
def _spectrum(values, spacing, detrend: Polynomial) -> NoisePower:
    shape, axes = values.shape[1:], tuple(range(1, values.ndim))
    transform = jnp.fft.fftn(detrend.remove(values), axes=axes)
    power = jnp.mean(jnp.abs(transform) ** 2, axis=0) / np.prod(shape)
    frequencies = []
    for n, step in zip(shape, spacing, strict=True):
        power = power * step
        frequencies.append(jnp.fft.fftfreq(n).astype(power.dtype) / step)
    return NoisePower(tuple(frequencies), power)


def radial(
    spectrum: NoisePower, bins: int = 32, highest: float | None = None
) -> tuple[Float[Array, " bin"], Float[Array, " bin"]]:
    """Mean frequency and mean power within rings of |f|, from 0 (left out itself: detrending emptied it) to `highest`.

    - `highest`: 1/mm; the smallest axis' Nyquist frequency unless given. Rings without a frequency are 0 at frequency 0.
    """
    return _rings(spectrum, bins, highest)


@partial(jax.jit, static_argnums=1)
def _rings(spectrum: NoisePower, bins: int, highest):
    length = jnp.sqrt(sum(f**2 for f in jnp.meshgrid(*spectrum.frequencies, indexing="ij")))
    top = jnp.asarray(
        highest
        if highest is not None
        else jnp.min(jnp.stack([jnp.max(jnp.abs(f)) for f in spectrum.frequencies]))
    )
    ring = jnp.clip(jnp.floor(length / top * bins), 0, bins)
    inside = (ring.ravel()[None, :] == jnp.arange(bins)[:, None]) & (length.ravel() > 0)
    share = inside / jnp.maximum(inside.sum(axis=1, keepdims=True), 1)
    return share @ length.ravel(), share @ spectrum.power.ravel()


def patches(
    image: Images, grid: Grid, size: int, *, centres: Sequence[Sequence[float]] | np.ndarray | None = None
) -> Float[Array, "region size size"]:
    """Square regions of `size` × `size` voxels in every plane around the centres (x, y), mm.

    Without centres, eight around the grid's middle at a distance of `size` voxels, whose corners do not meet.
    Raises `ValueError` for regions that leave the grid.
    """
    require_finite("image", image)
    spacing, origin = np.asarray(grid.spacing), np.asarray(grid.origin)
    if centres is None:
        middle, reach = np.asarray(grid.centre)[:2], 1.5 * size * spacing[:2]
        turns = 2 * np.pi * np.arange(8) / 8
        centres = middle + reach * np.stack([np.cos(turns), np.sin(turns)], -1)
    cut = []
    for x, y in np.asarray(centres):
        first = np.round((np.array([x, y]) - origin[:2]) / spacing[:2] - (size - 1) / 2).astype(int)
        if np.any(first < 0) or np.any(first + size > grid.shape[:2]):
            raise InputError(
                f"a region of {size} voxels around ({x:g}, {y:g}) mm leaves the grid of {grid.shape[:2]} voxels of "
                f"{spacing[0]:g} mm; take a smaller size or centres further inside"
            )
        cut.append(image[first[0] : first[0] + size, first[1] : first[1] + size])
    stacked = jnp.stack([jnp.asarray(c) for c in cut])
    return jnp.moveaxis(stacked, 3, 1).reshape(-1, size, size)
