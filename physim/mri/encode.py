"""Fourier encoding: signal density in space to k-space samples and back.

    S(k) = ∫ m(r) exp(−2πi k·r) dr,        k in cycles/mm along the grid's axes, r from the middle of the box.

Samples sit at k = (n − floor(M/2)) / L for n = 0 ... M−1, with L the edge of the box (the field of view) and M the acquired
matrix. Voxel centres sit at r = (i − (N−1)/2) L/N. Both are measured from the middle of the box, so that images of
different matrices over one box lie exactly on top of each other in the world.

The voxel values are taken as samples of a band-limited function. A phantom's values are averages over voxels, so its
k-space is that of the object times Π sinc(k h) along each axis: the apodisation of a voxel of size h.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_range


class Cartesian(eqx.Module):
    """A fully sampled Cartesian acquisition over the patient's box.

    - `voxel_size`: acquired resolution along x, y and z, mm; not below the patient grid's spacing. None acquires at the
      patient grid. The matrix is rounded to whole samples, so the resolution in force is `raw.grid.spacing`.

    Good values: `Cartesian()` for a 3-D scan, `Cartesian((1.0, 1.0, 3.0))` for thick slices.
    """

    voxel_size: tuple[float, float, float] | None = eqx.field(static=True)

    def __init__(self, voxel_size: Sequence[float] | None = None):
        if voxel_size is not None:
            if len(voxel_size) != 3:
                raise InputError(
                    f"voxel_size is {tuple(voxel_size)}; it must be three numbers in mm, like (1.0, 1.0, 3.0)"
                )
            require_range("voxel_size", voxel_size, 1e-3, 1e3, "mm")
            voxel_size = tuple(float(size) for size in voxel_size)  # type: ignore[assignment]
        self.voxel_size = voxel_size  # type: ignore[assignment]

    def grid(self, patient: Grid) -> Grid:
        """The acquired image grid: same box as the patient's, `M` voxels along each axis."""
        if self.voxel_size is None:
            return patient
        spacing, extent = np.asarray(patient.spacing), patient.extent
        if np.any(np.array(self.voxel_size) < spacing * (1 - 1e-6)):
            raise InputError(
                f"voxel_size is {self.voxel_size} mm, finer than the patient's grid of {tuple(map(float, spacing))} mm; "
                "acquire no finer than that, or make the patient on a finer grid"
            )
        matrix = np.maximum(1, np.round(extent / np.array(self.voxel_size)).astype(int))
        return same_box(patient, (int(matrix[0]), int(matrix[1]), int(matrix[2])))


def same_box(grid: Grid, matrix: tuple[int, int, int]) -> Grid:
    """The grid with `matrix` voxels over the box of `grid`."""
    spacing = grid.extent / np.array(matrix)
    corner = grid.centre - np.asarray(grid.direction) @ (spacing * (np.array(matrix) - 1) / 2)
    return Grid(matrix, spacing, corner, np.asarray(grid.direction))


def encode(
    density: Float[Array, "x y z"] | Complex[Array, "x y z"], grid: Grid, matrix: tuple[int, int, int]
) -> Complex[Array, "kx ky kz"]:
    """K-space samples of a signal density given on `grid`, cropped to `matrix`; signal units times mm³."""
    return _encoded(density, np.asarray(np.prod(np.asarray(grid.spacing)), float), matrix)


@eqx.filter_jit
def _encoded(density: Array, voxel: Float[np.ndarray | Array, ""], matrix: tuple[int, int, int]) -> Array:
    samples = density
    for axis, count in enumerate(matrix):
        ramp = _ramp(density.shape[axis], count, axis)
        samples = _crop(jnp.fft.fft(samples, axis=axis), count, axis) * jnp.conj(ramp).astype(
            _complex(density)
        )
    return samples * jnp.asarray(voxel, _real(density))


def decode(
    samples: Complex[Array, "kx ky kz"], grid: Grid, shape: tuple[int, int, int]
) -> Complex[Array, "x y z"]:
    """The image whose k-space is `samples` inside the acquired matrix and zero outside, on `shape` voxels over the box."""
    voxel = np.prod(np.asarray(grid.spacing)) * np.prod(samples.shape) / np.prod(shape)
    return _decoded(samples, np.asarray(voxel, float), shape)


@eqx.filter_jit
def _decoded(samples: Array, voxel: Float[np.ndarray | Array, ""], shape: tuple[int, int, int]) -> Array:
    image = samples
    for axis, count in enumerate(shape):
        ramp = _ramp(count, samples.shape[axis], axis)
        image = jnp.fft.ifft(_spread(image * ramp.astype(samples.dtype), count, axis), axis=axis)
    return image / jnp.asarray(voxel, _real(samples))


def _indices(count: int) -> np.ndarray:
    """Sample numbers n − floor(M/2), in the order in which they are stored."""
    return np.arange(count) - count // 2


def _ramp(voxels: int, samples: int, axis: int) -> np.ndarray:
    """exp(2πi k r₀) with r₀ the first voxel's centre: moves the FFT's origin from voxel 0 to the middle of the box."""
    ramp = np.exp(2j * np.pi * _indices(samples) * (-(voxels - 1) / 2) / voxels)
    return np.expand_dims(ramp, tuple(a for a in range(3) if a != axis))


def _crop(spectrum: Array, count: int, axis: int) -> Array:
    """The `count` lowest frequencies of an FFT along an axis, in ascending order; contiguous slices only."""
    negative = count // 2
    length = spectrum.shape[axis]
    return jnp.concatenate(
        [_slice(spectrum, length - negative, length, axis), _slice(spectrum, 0, count - negative, axis)],
        axis=axis,
    )


def _spread(samples: Array, count: int, axis: int) -> Array:
    """The inverse of `_crop`: ascending frequencies into FFT order, zeros where nothing was acquired."""
    acquired = samples.shape[axis]
    negative = acquired // 2
    shape = list(samples.shape)
    shape[axis] = count - acquired
    zeros = jnp.zeros(shape, samples.dtype)
    return jnp.concatenate(
        [_slice(samples, negative, acquired, axis), zeros, _slice(samples, 0, negative, axis)], axis=axis
    )


def _slice(array: Array, start: int, stop: int, axis: int) -> Array:
    return array[(slice(None),) * axis + (slice(start, stop),)]


def _complex(array: Array):
    return jnp.result_type(array.dtype, jnp.complex64)


def _real(array: Array):
    return jnp.finfo(array.dtype).dtype
