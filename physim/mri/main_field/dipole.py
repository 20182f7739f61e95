"""The field that a magnetised object adds: a convolution of its susceptibility with the field of one voxel.

    δ(r) = Σ χ(r') D(r − r'),     D = 1/3 − N(0) inside the voxel, −N(r − r') outside

N is the demagnetising tensor of a rectangular voxel along the main field, at its middle: δ is exact at the voxel
centres of an object that is made of such voxels, to first order in χ (1e-5 of δ in tissue). The 1/3 is the sphere of
Lorentz: spins sit in the field between molecules. In k-space D is 1/3 − k_b²/k² (Salomir et al., Concepts Magn. Reson. B 19
(2003) 26; Marques and Bowtell, 25 (2005) 65); here it is computed in space (Jenkinson, Wilson and Jezzard, Magn. Reson.
Med. 52 (2004) 471), so that with doubled axes nothing repeats: beyond the grid lies the background, without end.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid, Phantom
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_shape

AIR = 0.36  # ppm
_NEAR = 4  # voxels: up to there a voxel's field is that of a box in float64, beyond by quadrature
_GAUSS = (0.5 / np.sqrt(3)) * np.array([-1.0, 1.0])


def susceptibility_field(
    source: Phantom | Float[Array | np.ndarray, "x y z"],
    grid: Grid | None = None,
    direction=(0.0, 0.0, 1.0),
    background: float = AIR,
) -> Float[Array, "x y z"]:
    """Relative change of the main field, ppm, by a phantom or by a map of volume susceptibility in ppm (SI).

    - `grid`: where the map is; a phantom brings its own. - `direction`: of the main field, world axes.
    - `background`: susceptibility of everything beyond the grid, ppm; what is uniform everywhere shifts nothing.

    Times γ/2π B₀ (42.58 Hz per ppm and tesla) it is an off-resonance. Differentiable and linear in the map. Memory is
    about 60 bytes a voxel in float32: two axes are padded one plane at a time.
    Raises `ValueError` for a wrong shape, NaN, or a direction of no length.

    Good values: `mri.susceptibility_field(patient)`, on a grid with some air round the head; the neck must go on below
    what you look at, since it is air that lies beyond the grid.
    """
    chi, grid = _given(source, grid)
    along = np.asarray(direction, float)
    if along.shape != (3,) or not np.all(np.isfinite(along)) or not np.linalg.norm(along) > 0:
        raise InputError(f"direction is {direction!r}; it must be three numbers, like (0.0, 0.0, 1.0)")
    along = np.asarray(grid.direction).T @ (along / np.linalg.norm(along))
    return _convolved(chi - background, jnp.asarray(along, chi.dtype), *_kernel_parts(grid, along, chi.dtype))


def _given(source, grid: Grid | None):
    if isinstance(source, Phantom):
        if grid is not None:
            raise InputError("grid is given, but a phantom brings its own; leave grid away")
        return source.map("susceptibility"), source.grid
    if grid is None:
        raise InputError(
            "a map needs to know where it is: write susceptibility_field(chi, grid), or give a phantom"
        )
    require_shape("the susceptibility map", source, grid.shape)
    require_finite("the susceptibility map", source)
    if not is_concrete(grid.spacing):
        raise InputError("the grid is traced; its spacing must be known when the field is computed")
    chi = jnp.asarray(source)
    return (chi if jnp.issubdtype(chi.dtype, jnp.floating) else chi.astype(float)), grid


def _kernel_parts(grid: Grid, along: np.ndarray, dtype):
    """Voxel edges, and the exact kernel around the origin."""
    spacing = np.asarray(grid.spacing, float)
    axis = np.arange(-_NEAR, _NEAR + 1)
    offset = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1) * spacing
    return jnp.asarray(spacing, dtype), jnp.asarray(_box_kernel(offset, spacing, along), dtype)


def _box_kernel(offset: np.ndarray, spacing: np.ndarray, along: np.ndarray):
    """D of a box at offsets from its centre: sums over its corners (Newell et al., J. Geophys. Res. 98 (1993) 9551)."""
    total = np.where(np.all(offset == 0, axis=-1), 1 / 3, 0.0)
    for corner in itertools.product((-0.5, 0.5), repeat=3):
        r = offset - np.array(corner) * spacing
        distance = np.linalg.norm(r, axis=-1)
        sign = -np.prod(np.sign(corner))
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            angle = np.arctan(r[..., j] * r[..., k] / (r[..., i] * distance))
            total = total - sign * along[i] ** 2 * angle / (4 * np.pi)
            mixed = np.log(distance + r[..., k])
            total = total + sign * 2 * along[i] * along[j] * mixed / (4 * np.pi)
    return total


def _far_kernel(offset: Float[Array, "*place 3"], spacing, along) -> Float[Array, "*place"]:
    """D far away: the field of a dipole, averaged over a box by two Gauss points along each axis."""
    total = 0.0
    for node in itertools.product(_GAUSS, repeat=3):
        r = offset - jnp.asarray(node, offset.dtype) * spacing
        square = jnp.sum(r**2, axis=-1)
        square = jnp.where(square > 0, square, 1)
        total = total + (3 * (r @ along) ** 2 / square - 1) / (square * jnp.sqrt(square))
    return total * jnp.prod(spacing) / (8 * 4 * jnp.pi)


@jax.jit
def _convolved(chi, along, spacing, near) -> Float[Array, "x y z"]:
    nx, ny, nz = chi.shape
    spectrum = jnp.fft.rfft(chi, n=2 * nz, axis=2)
    kernel = _half_kernel(chi.shape, along, spacing, near)

    def of_slab(kz):
        values, half = (jax.lax.dynamic_index_in_dim(a, kz, 2, keepdims=False) for a in (spectrum, kernel))
        # D(−r) = D(r), so that the other half of x is the conjugate at −y.
        other = jnp.conj(jnp.roll(half[1:nx][::-1, ::-1], 1, axis=1))
        wide = jnp.fft.fft2(jnp.concatenate([half, other]))
        return jnp.fft.ifft2(jnp.fft.fft2(values, s=(2 * nx, 2 * ny)) * wide)[:nx, :ny]

    shifted = jnp.moveaxis(jax.lax.map(of_slab, jnp.arange(nz + 1)), 0, 2)
    return jnp.fft.irfft(shifted, n=2 * nz, axis=2)[:, :, :nz].astype(chi.dtype)


def _half_kernel(shape, along, spacing, near) -> Complex[Array, "half_x wide_y kz"]:
    """The kernel on doubled axes for x ≥ 0, transformed along z, plane by plane."""
    nx, ny, nz = shape
    y, z = (jnp.asarray(np.r_[np.arange(n), np.arange(-n, 0)], jnp.int32) for n in (ny, nz))

    def of_plane(x):
        index = jnp.stack(jnp.broadcast_arrays(x, y[:, None], z[None]), axis=-1)
        kernel = _far_kernel(index.astype(spacing.dtype) * spacing, spacing, along)
        inside = jnp.all(jnp.abs(index) <= _NEAR, axis=-1)
        place = jnp.clip(index + _NEAR, 0, 2 * _NEAR)
        exact = near[place[..., 0], place[..., 1], place[..., 2]]
        return jnp.fft.rfft(jnp.where(inside, exact, kernel), axis=1)

    return jax.lax.map(of_plane, jnp.arange(nx + 1, dtype=jnp.int32))
