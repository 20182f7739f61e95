"""Sensitivities out of the data: ESPIRiT from the calibration region, and Walsh's local eigenvectors."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from physim_phantoms._checks import InputError, require_range

from .checks import require_coil_images
from .fourier import square_norm
from .sampling import Triple, calibration_samples


class Espirit(eqx.Module):
    """Sensitivities as the eigenvectors, of eigenvalue 1, of what all patches of the calibration region have in common.

    Source: Uecker et al., Magn. Reson. Med. 71 (2014) 990. Maps have Σ|S|² = 1 and the phase of their first coil is 0:
    an image by them has the shading of √Σ|S|² and that coil's phase.

    - `calibration`: edges of the full block about k = 0, in lines; static. - `kernel`: edges of a patch; static.
    - `threshold`: singular values below this share of the largest are noise. - `crop`: voxels with a smaller eigenvalue
      are empty, their maps 0.

    Memory: coils² numbers per voxel of a plane of x. Raises `ValueError` for a block that was not acquired or holds
    fewer patches than a patch has lines. Good values: `Espirit((24, 24, 1))`, `Espirit((24, 24, 24), kernel=(5, 5, 5))`.
    """

    calibration: Triple = eqx.field(static=True)
    kernel: Triple = eqx.field(static=True, default=(6, 6, 1))
    threshold: float = 0.02
    crop: float = 0.9

    def __check_init__(self):
        require_range("threshold", self.threshold, 0.0, 1.0)
        require_range("crop", self.crop, 0.0, 1.0)
        places = [n - k + 1 for n, k in zip(self.calibration, self.kernel, strict=True)]
        if min(places) < 1 or np.prod(places) < np.prod(self.kernel):
            raise InputError(
                f"calibration {self.calibration} is too small for patches of {self.kernel}; it must hold at least "
                f"{np.prod(self.kernel)} of them: acquire a larger block, or write a smaller kernel"
            )

    def sensitivities(self, samples: Complex[Array, "coil kx ky kz"]) -> Complex[Array, "coil x y z"]:
        """Maps on the matrix of the samples, of which only the block is used."""
        block = calibration_samples(samples, self.calibration)
        return _espirit(self, jnp.asarray(block), samples.shape[1:])


def walsh(images: Complex[Array, "coil x y z"], width: int = 5) -> Complex[Array, "coil x y z"]:
    """Sensitivities as the first eigenvector of the coils' covariance in a neighbourhood of each voxel.

    Source: Walsh, Gmitro and Marcellin, Magn. Reson. Med. 43 (2000) 682. Σ|S|² = 1, and the first coil's phase is 0.
    `width` is the neighbourhood's edge in voxels, odd; static. Errors: NaN, and images that are not [coil x y z].
    Good values: 5 to 9; images of low resolution are enough.
    """
    require_coil_images(images)
    if width < 1 or width % 2 == 0:
        raise InputError(f"width is {width}; it must be an odd number of voxels, like 5")
    return _walsh(jnp.asarray(images), width)


@partial(jax.jit, static_argnames="width")
def _walsh(images, width: int):
    covariance = jnp.einsum("cxyz,dxyz->xyzcd", images, jnp.conj(images))
    for axis in range(3):
        reach = min(width // 2, covariance.shape[axis] - 1)
        edges = [(0, 0)] * 5
        edges[axis] = (reach, reach)
        padded = jnp.pad(covariance, edges)
        count = covariance.shape[axis]
        covariance = jnp.zeros_like(covariance)
        for start in range(2 * reach + 1):
            covariance = covariance + jax.lax.slice_in_dim(padded, start, start + count, axis=axis)
    vectors = jnp.linalg.eigh(covariance)[1][..., -1]
    return jnp.moveaxis(_referred(vectors), -1, 0)


@partial(jax.jit, static_argnames="matrix")
def _espirit(method: Espirit, block, matrix: Triple):
    kernels = _signal_kernels(method, block)
    lags = _lags(kernels)
    across = [_phases(2 * k, m, block.dtype) for k, m in zip(method.kernel, matrix, strict=True)]

    def plane(row):
        """The eigenvectors in one plane of x, empty where the eigenvalue is low."""
        local = jnp.einsum("abecd,a,yb,ze->yzcd", lags, row, across[1], across[2])
        values, vectors = jnp.linalg.eigh(local)
        return jnp.where(values[..., -1:] > method.crop, _referred(vectors[..., -1]), 0)

    return jnp.moveaxis(jax.lax.map(plane, across[0]), -1, 0)


def _signal_kernels(method: Espirit, block):
    """An orthonormal basis [kernel, px, py, pz, coil] of the patches, those of noise set to zero."""
    places = [n - k + 1 for n, k in zip(method.calibration, method.kernel, strict=True)]
    patches = jnp.stack(
        [
            block[(slice(None), *(slice(s, s + n) for s, n in zip(start, places, strict=True)))].reshape(
                block.shape[0], -1
            )
            for start in np.ndindex(*method.kernel)
        ]
    )
    flat = patches.reshape(-1, patches.shape[-1])
    values, vectors = jnp.linalg.eigh(flat @ jnp.conj(flat).T)
    kept = vectors * (values > method.threshold**2 * values[-1])
    return kept.T.reshape(-1, *method.kernel, block.shape[0])


def _lags(kernels):
    """Autocorrelation [lag x, y, z, coil, coil] of the kernels, over the number of places in a patch."""
    size = [2 * n for n in kernels.shape[1:4]]
    spectra = jnp.fft.fftn(kernels, s=size, axes=(1, 2, 3))
    power = jnp.einsum("nabec,nabed->abecd", spectra, jnp.conj(spectra))
    return jnp.fft.ifftn(power, axes=(0, 1, 2)) / np.prod(kernels.shape[1:4])


def _phases(lags: int, voxels: int, dtype):
    """exp(2πi lag r / L) [voxel, lag], lags in the FFT's order."""
    lag = np.fft.fftfreq(lags, 1 / lags)
    place = (np.arange(voxels) - (voxels - 1) / 2) / voxels
    return jnp.asarray(np.exp(2j * np.pi * place[:, None] * lag), dtype)


def _referred(vectors):
    """Eigenvectors [..., coil] turned so that the first coil is real and not negative."""
    first = vectors[..., :1]
    size = jnp.sqrt(square_norm(first))
    return vectors * jnp.where(size > 0, jnp.conj(first) / jnp.where(size > 0, size, 1), 1)
