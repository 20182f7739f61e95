"""An object without symmetry and its k-space by direct summation, straight from the convention's formula."""

import numpy as np

from physim import io


def lopsided(shape, seed=0):
    """A complex object in one corner of the matrix, different along every axis."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape, complex)
    corner = tuple(slice(n // 4, n // 4 + max(1, n // 3)) for n in shape)
    image[corner] = rng.normal(size=image[corner].shape) + 1j * rng.normal(size=image[corner].shape)
    return image


def kspace_of(image, field_of_view):
    """S(k) = Σ m V exp(−2πi k·r) about the middle of the box, ascending k."""
    result = np.asarray(image, complex) * np.prod(field_of_view) / image.size
    for axis, (n, length) in enumerate(zip(image.shape, field_of_view, strict=True)):
        k = (np.arange(n) - n // 2) / length
        r = (np.arange(n) - (n - 1) / 2) * length / n
        wave = np.exp(-2j * np.pi * np.outer(k, r))
        result = np.moveaxis(np.tensordot(wave, result, (1, axis)), 0, axis)
    return result


def image_by_fft(kspace, axes):
    """The centred orthonormal inverse FFT that readers of raw data use."""
    moved = np.fft.ifftshift(kspace, axes=axes)
    return np.fft.fftshift(np.fft.ifftn(moved, axes=axes, norm="ortho"), axes=axes)


def header(matrix, field_of_view, recon=None, **numbers):
    """A header of one encoding; `numbers` go into it."""
    image = (
        None
        if recon is None
        else io.EncodingSpace(
            recon, tuple(v * r / m for v, r, m in zip(field_of_view, recon, matrix, strict=True))
        )
    )
    encoding = io.Encoding(encoded=io.EncodingSpace(matrix, field_of_view), recon=image)
    return io.MRDHeader(encodings=(encoding,), **({"field": 3.0} | numbers))
