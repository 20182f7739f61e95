"""Fourier transform of an image on a grid at any places of k-space, and its adjoint.

    S(k_j) = Σ_i m_i exp(−2πi k_j·r_i),    r_i the voxel centres, mm from the middle of the box along the grid's axes

The image divided by the window's transform is padded, Fourier transformed and interpolated (Fessler and Sutton, IEEE Trans.
Signal Process. 51 (2003) 560; Beatty, Nishimura and Pauly, IEEE Trans. Med. Imaging 24 (2005) 799).
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim.core.linear_pair import linear_pair
from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair
from .gridding import Layout, interpolate
from .places import multiple
from .window import Window, smooth, weight_table, window_for

FINE = 3e-6  # tolerances below it want more oversampling: at 1.5 rounding grows tenfold at the image's edge


class Nufft(eqx.Module):
    """The non-uniform fast Fourier transform between images on a `Grid` and samples anywhere in k-space.

    - `tolerance`: error of the samples relative to their root-mean-square, 1e-12 to 0.1. Float32 reaches about 1e-6.

    `nufft(image, grid, k)` gives the samples, `nufft.adjoint(samples, grid, k)` its exact adjoint. k is in cycles/mm along
    the grid's axes. Differentiable in the image, in k and in the spacing. Raises `InputError` for k that is not [sample, 3]
    or not finite and for an image of another shape than the grid's.

    Good values: `mri.Nufft(1e-4)`; 1e-6 to compare with other codes.
    """

    tolerance: float = eqx.field(static=True)

    def __init__(self, tolerance: float = 1e-4):
        require_range("tolerance", tolerance, 1e-12, 0.1, "")
        self.tolerance = float(tolerance)

    def __call__(
        self,
        image: Complex[Array, "x y z"] | Float[Array, "x y z"],
        grid: Grid,
        k: Float[Array | np.ndarray, "sample 3"],
    ) -> Complex[Array, " sample"]:
        """Samples of an image; in units of the image, summed and not integrated over voxels."""
        if tuple(image.shape) != tuple(grid.shape):
            raise InputError(f"image has shape {image.shape}; it must be the grid's, {tuple(grid.shape)}")
        x = jnp.stack([jnp.real(image), jnp.imag(image)])
        real, imaginary = _PAIR.apply(self._plan(grid), _parameters(grid, k, x.dtype), x)
        return jax.lax.complex(real, imaginary)

    def adjoint(
        self, samples: Complex[Array, " sample"], grid: Grid, k: Float[Array | np.ndarray, "place 3"]
    ) -> Complex[Array, "x y z"]:
        """Σ_j s_j exp(+2πi k_j·r_i): the adjoint, not the inverse, of the transform."""
        if samples.shape[0] != k.shape[0]:
            raise InputError(
                f"{samples.shape[0]} samples for {k.shape[0]} places k; give one k for each sample"
            )
        # The transpose of a complex map written in real pairs is its adjoint.
        y = jnp.stack([samples.real, samples.imag])
        real, imaginary = _PAIR.transpose(self._plan(grid), _parameters(grid, k, y.dtype), y)
        return jax.lax.complex(real, imaginary)

    def _plan(self, grid: Grid) -> _Plan:
        oversampling = 2.0 if self.tolerance < FINE else 1.5
        shape = (int(grid.shape[0]), int(grid.shape[1]), int(grid.shape[2]))
        return _Plan(shape, self.tolerance, window_for(self.tolerance, oversampling))


class _Plan(NamedTuple):
    """What shapes need."""

    shape: tuple[int, int, int]
    tolerance: float
    window: Window

    @property
    def padded(self) -> tuple[int, ...]:
        """Points of the padded image along each axis."""
        least = 2 * self.window.width
        return tuple(
            1 if n == 1 else smooth(max(int(np.ceil(self.window.oversampling * n)), least))
            for n in self.shape
        )

    @property
    def layout(self) -> Layout:
        """Of the transformed image, with as much of its beginning repeated at its end as a window may need."""
        x, y, z = (1 if m == 1 else m + self.window.width - 1 for m in self.padded)
        return Layout((x, y, z), self.window.width, (0, 0, 0))

    def corrections(self, axis: int) -> np.ndarray:
        """1 / φ̂ for the voxels along an axis."""
        count, padded = self.shape[axis], self.padded[axis]
        if count == 1:
            return np.ones(1)
        return 1 / self.window.transform((np.arange(count) - count // 2) / padded)


def _parameters(grid: Grid, k, dtype):
    if k.ndim != 2 or k.shape[1] != 3:
        raise InputError(f"k has shape {tuple(k.shape)}; it must be [sample, 3], cycles/mm")
    if is_concrete(k):
        require_finite("k", k)
    pair = Pair.of(k) if isinstance(k, np.ndarray) else Pair(jnp.asarray(k, dtype), jnp.zeros(k.shape, dtype))
    return (
        jnp.asarray(pair.high, dtype),
        jnp.asarray(pair.low, dtype),
        jnp.asarray(grid.spacing, dtype),
    )


def _forward(plan: _Plan, parameters, x):
    k_high, k_low, spacing = parameters
    dtype = x.dtype
    made = jax.lax.complex(x[0], x[1])
    for axis, padded in enumerate(plan.padded):
        if padded > 1:
            made = _transformed(made, axis, padded, plan, dtype)
    lanes = jnp.stack([made.real, made.imag], axis=-1)
    table = weight_table(plan.window, plan.tolerance)
    scale = multiple(jnp.asarray([float(m) for m in plan.padded], dtype), spacing)
    values = interpolate(plan.layout, table, scale, Pair(k_high.T, k_low.T), lanes).T
    # Voxel centres of an even matrix lie half a voxel beside the middle.
    half = jnp.asarray([0.5 * (1 - n % 2) for n in plan.shape], dtype) * spacing
    cycles = sum(wrapped_product(Pair(k_high[:, axis], k_low[:, axis]), half[axis]) for axis in range(3))
    angle = 2 * jnp.pi * wrapped(cycles)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([values[0] * cosine + values[1] * sine, values[1] * cosine - values[0] * sine])


def _transformed(image, axis: int, padded: int, plan: _Plan, dtype):
    """Corrected, padded and transformed along an axis, its beginning repeated at its end."""
    count = image.shape[axis]
    own = tuple(-1 if a == axis else 1 for a in range(3))
    image = image * jnp.asarray(plan.corrections(axis), dtype).reshape(own)
    middle = count // 2
    cut = lambda a, first, stop: jax.lax.slice_in_dim(a, first, stop, axis=axis)
    size = list(image.shape)
    size[axis] = padded - count
    image = jnp.concatenate(
        [cut(image, middle, count), jnp.zeros(size, image.dtype), cut(image, 0, middle)], axis=axis
    )
    made = jnp.fft.fft(image, axis=axis)
    return jnp.concatenate([made, cut(made, 0, plan.window.width - 1)], axis=axis)


def _transpose(plan: _Plan, parameters, s):
    like = jax.ShapeDtypeStruct((2, *plan.shape), s.dtype)
    return jax.linear_transpose(lambda x: _forward(plan, parameters, x), like)(s)[0]


def _parameter_jvp(pair, plan: _Plan, parameters, tangents, x, transposed: bool):
    """A phase 2π k r gives −2πi times transforms of the image weighted by r, weighted by the change of k, and likewise."""
    k, spacing = parameters[0] + parameters[1], parameters[2]
    moved = [t for t in tangents[:2] if t is not None]
    apply = pair.transpose if transposed else pair.apply
    total = jnp.zeros((2, *plan.shape) if transposed else (2, k.shape[0]), x.dtype)
    for axis, count in enumerate(plan.shape):
        index = jnp.arange(count) - (count - 1) / 2
        along = index.astype(x.dtype).reshape([-1 if a == axis else 1 for a in range(3)])
        of_sample = jnp.zeros(k.shape[0], x.dtype)
        for change in moved:
            of_sample = of_sample + change[:, axis] * spacing[axis]
        if tangents[2] is not None:
            of_sample = of_sample + k[:, axis] * tangents[2][axis]
        if transposed:
            total = total + _turned(along * apply(plan, parameters, of_sample * x), -1)
        else:
            total = total + of_sample * apply(plan, parameters, _turned(along * x, 1))
    return total


def _turned(x, sign: int):
    """−2πi x, or its transpose for a sign of −1."""
    return 2 * jnp.pi * sign * jnp.stack([x[1], -x[0]])


_PAIR = linear_pair("nufft", _forward, _transpose, parameter_jvp=_parameter_jvp)
