"""Filtered back-projection of parallel rays: ramp filter, voxel-driven back-projection, weights of uneven views.

Kak and Slaney, Principles of Computerized Tomographic Imaging (1988), chapter 3: f(x, y) = ∫ q_θ(x cos θ + y sin θ) dθ
over half a turn, where q_θ is the projection convolved with the band-limited ramp.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim.core import linear_pair
from physim_phantoms import Grid

from .geometry import ParallelBeam
from .joseph import hat
from .ray_kernel import ray_kernel

_HIGHEST = jax.lax.Precision.HIGHEST


class RamLak(eqx.Module):
    """The bare ramp up to the detector's Nyquist frequency: sharpest, noisiest."""

    def gain(self, frequency: Float[Array, " k"]) -> Float[Array, " k"]:
        """Factor on the ramp at a frequency relative to Nyquist, 0..1."""
        return jnp.ones_like(frequency)


class SheppLogan(eqx.Module):
    """The ramp times sinc(f / 2 Nyquist): a little smoother."""

    def gain(self, frequency: Float[Array, " k"]) -> Float[Array, " k"]:
        """Factor on the ramp at a frequency relative to Nyquist, 0..1."""
        return jnp.sinc(frequency / 2)


class Hann(eqx.Module):
    """The ramp times a Hann window that reaches zero at `cutoff` times Nyquist: smooth, for noisy data.

    Good values: 1.0 for soft tissue, 0.6 for very noisy data.
    """

    cutoff: Float[Array | np.ndarray, ""] | float = 1.0

    def gain(self, frequency: Float[Array, " k"]) -> Float[Array, " k"]:
        """Factor on the ramp at a frequency relative to Nyquist, 0..1."""
        return jnp.where(frequency < self.cutoff, 0.5 * (1 + jnp.cos(jnp.pi * frequency / self.cutoff)), 0)


Window = RamLak | SheppLogan | Hann


def filtered_back_projection(
    sino: Float[Array, "view row column"], grid: Grid, geometry: ParallelBeam, window: Window = Hann()
) -> Float[Array, "x y z"]:
    """The image whose line integrals are `sino`, per mm; views may be uneven but must see every direction.

    Detector rows are interpolated linearly onto the grid's planes. Differentiable in everything.
    """
    dtype = sino.dtype
    ramp = ramp_matrix(geometry.detector_shape[1], geometry.pixel_size[1], window).astype(dtype)
    weights = jnp.asarray(view_weights(jnp.asarray(geometry.angles)), dtype)
    planes = plane_weights(grid, geometry, dtype)
    filtered = jnp.einsum("vrc,ck->vkr", sino * weights[:, None, None], ramp, precision=_HIGHEST)
    lines = jnp.einsum("vkr,zr->vkz", filtered, planes, precision=_HIGHEST)
    return _SMEAR.apply((grid.shape[:2], lines.shape[:2]), _places(grid, geometry, dtype), lines)


def ramp_matrix(columns: int, pitch, window: Window) -> Float[Array, "column column"]:
    """Convolution with the ramp filter as a matrix, 1/mm: exact at the ends, where a periodic transform wraps around.

    The ramp is sampled in space, h(0) = 1/4τ², h(n odd) = −1/(π n τ)² (Kak and Slaney, equation 61): sampling it in
    frequency would lose its mean and shift every CT number.
    """
    size = 2 * columns
    distance = np.minimum(np.arange(size), size - np.arange(size))
    kernel = np.where(distance % 2 == 1, -1 / (np.pi * np.maximum(distance, 1)) ** 2, 0.0)
    kernel[0] = 0.25
    spectrum = jnp.fft.rfft(jnp.asarray(kernel, float))
    gain = window.gain(jnp.linspace(0, 1, spectrum.size, dtype=spectrum.real.dtype))
    smoothed = jnp.fft.irfft(spectrum * gain, size)
    offset = np.abs(np.arange(columns)[:, None] - np.arange(columns)[None, :])
    return smoothed[offset] / pitch


def view_weights(angles: Float[Array, " view"]) -> Float[Array, " view"]:
    """The share of half a turn that each view stands for, rad: half the gaps to its neighbours modulo π."""
    folded = jnp.mod(angles, jnp.pi)
    order = jnp.argsort(folded)
    gaps = _gaps(folded[order])
    return (0.5 * (gaps + jnp.roll(gaps, 1)))[jnp.argsort(order)]


def _gaps(folded):
    """From each of the sorted angles to the next, around half a turn."""
    return jnp.diff(folded, append=folded[:1] + jnp.pi)


def widest_gap(angles: np.ndarray) -> float:
    """The widest range of directions, rad, that no view sees."""
    folded = np.sort(np.mod(angles, np.pi))
    return float(np.max(np.diff(folded, append=folded[0] + np.pi)))


def plane_weights(grid: Grid, geometry: ParallelBeam, dtype) -> Float[Array, "z row"]:
    """Linear interpolation from the detector's rows onto the grid's planes."""
    z = grid.origin[2] + grid.direction[2, 2] * grid.spacing[2] * np.arange(grid.shape[2])
    first = jnp.asarray(geometry.rows)[0]
    place = (z - first) / geometry.pixel_size[0]
    return jnp.asarray(hat(place[:, None] - np.arange(geometry.detector_shape[0])), dtype)


def _places(grid: Grid, geometry: ParallelBeam, dtype):
    """Column of voxel (0, 0) in each view, and by how many columns it moves from voxel to voxel along x and y."""
    angles = jnp.asarray(geometry.angles)
    u = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    step = jnp.asarray(grid.direction)[:2, :2] * jnp.asarray(grid.spacing)[:2]
    along = u @ step / geometry.pixel_size[1]
    corner = (jnp.asarray(grid.origin) - jnp.asarray(geometry.centre))[:2]
    origin = (u @ corner - geometry.columns[0]) / geometry.pixel_size[1]
    return tuple(jnp.asarray(a, dtype) for a in (origin, along[:, 0], along[:, 1]))


def _smear_weights(static, view) -> Float[Array, "x y column"]:
    """How much each column of a view counts for each voxel of a plane."""
    (nx, ny), (_, columns) = static
    origin, along_x, along_y = view
    i, j, c = (jnp.arange(n, dtype=origin.dtype) for n in (nx, ny, columns))
    place = origin + along_x * i[:, None] + along_y * j[None, :]
    return hat(place[..., None] - c)


def _reference(static, parameters, lines):
    """Every voxel collects, view after view, the two columns it falls between."""

    def add(total, item):
        view, values = item
        return total + jnp.einsum(
            "xyc,cz->xyz", _smear_weights(static, view), values, precision=_HIGHEST
        ), None

    return jax.lax.scan(add, jnp.zeros((*static[0], lines.shape[2]), lines.dtype), (parameters, lines))[0]


def _reference_transpose(static, parameters, volume):
    """The same products, transposed."""

    def one(view):
        return jnp.einsum("xyc,xyz->cz", _smear_weights(static, view), volume, precision=_HIGHEST)

    return jax.lax.map(one, parameters)


# static: the grid's shape in x and y, and (views, columns).
_SMEAR = linear_pair(
    "parallel_smear",
    _reference,
    _reference_transpose,
    forward_kernel=ray_kernel("parallel_smear", _reference, lambda s: s[0], lambda s: s[1][1]),
    transpose_kernel=ray_kernel(
        "parallel_smear_transpose", _reference_transpose, lambda s: s[1], lambda s: s[1][1]
    ),
)
