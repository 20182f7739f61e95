"""Gridding: samples anywhere in k-space, weighted by the area each stands for, summed into an image."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_finite, require_shape

from ..encoding import Nufft
from .combine import Combination, RootSumOfSquares
from .fourier import real_type

Places = Float[Array | np.ndarray, "sample 3"]


class Gridding(eqx.Module):
    """The adjoint transform of samples weighted by their share of k-space.

        m(r) = Σ_j w_j s_j exp(+2πi k_j·r)

    Source: Jackson et al., IEEE Trans. Med. Imaging 10 (1991) 473. Exact for an object whose k-space is sampled densely
    enough that the sum is the integral; where it is not, use `ConjugateGradients`.

    - `k`: cycles/mm along the grid's axes, from the middle of its box. - `density`: w, mm⁻³ (mm⁻² over the slice's
      thickness for a single slice), from `pipe_menon` or a formula. - `combination`: of the coils' images.

    Raises `ValueError` for NaN and shapes that do not fit. Good values: `Gridding(k, pipe_menon(k, grid))`.
    """

    k: Places
    density: Float[Array | np.ndarray, " sample"]
    combination: Combination = RootSumOfSquares()
    nufft: Nufft = Nufft(1e-4)

    def __check_init__(self):
        require_places(self.k)
        require_shape("density", self.density, (self.k.shape[0],))
        require_finite("density", self.density)

    def image(self, samples: Complex[Array, "coil sample"], grid: Grid) -> Complex[Array, "x y z"]:
        """The combined image on `grid`."""
        if np.ndim(samples) != 2 or samples.shape[1] != self.k.shape[0]:
            raise InputError(
                f"samples have shape {np.shape(samples)}; they must be [coil, sample] with {self.k.shape[0]} samples, one for "
                "each place k: write samples[None] for a single coil"
            )
        require_finite("samples", samples)
        return self.combination.combine(_gridded(self, jnp.asarray(samples), grid))


@jax.jit
def _gridded(method: Gridding, samples, grid: Grid):
    weighted = samples * jnp.asarray(method.density, real_type(samples))
    return jax.lax.map(lambda one: method.nufft.adjoint(one, grid, method.k), weighted)


def pipe_menon(k: Places, grid: Grid, iterations: int = 20) -> Float[Array, " sample"]:
    """The area of k-space for which each sample stands, by the fixed point w ← w / (w ∗ K).

    K = Π L sinc²(L k), the transform of a triangle twice as wide as the box, weighs neighbours; at the fixed point the
    weighted samples have density 1 everywhere. Source: Pipe and Menon, Magn. Reson. Med. 41 (1999) 179. In mm⁻³, or for
    a grid of one slice in mm⁻² over its thickness, so that `Gridding` gives signal per mm³.

    Samples at the edge of k-space come out too large, as beyond it nothing is sampled. Errors: NaN, shapes, no iteration.
    Good values: 20 iterations.
    """
    require_places(k)
    if iterations < 1:
        raise InputError(f"iterations is {iterations}; it must be at least 1, like 20")
    return _pipe_menon(k, grid, iterations)


@partial(jax.jit, static_argnames="iterations")
def _pipe_menon(k, grid: Grid, iterations: int):
    wide, window = _triangle(grid)
    nufft = Nufft(1e-4)

    def density(weights):
        image = nufft.adjoint(jax.lax.complex(weights, jnp.zeros_like(weights)), wide, k)
        return nufft(image * window, wide, k).real

    def step(_, weights):
        return weights / jnp.maximum(density(weights), 1e-12)

    dtype = window.dtype
    # The first guess is flat and of the right order: one sample per cell of k-space.
    start = jnp.full(k.shape[0], 1, dtype)
    return jax.lax.fori_loop(0, iterations, step, start / jnp.max(density(start)))


def _triangle(grid: Grid):
    """A grid twice as wide along every axis with more than one voxel, and Π (1 − |r|/L) V on it.

    One voxel lies in the middle: the kernel is then Fejér's, which is nowhere negative, and the fixed point is stable.
    """
    shape = tuple(2 * n - 1 for n in grid.shape)
    window = jnp.asarray(grid.voxel_volume)
    for axis, (count, wide) in enumerate(zip(grid.shape, shape, strict=True)):
        along = 1 - np.abs(np.arange(wide) - (wide - 1) / 2) / count
        window = window * jnp.asarray(along.reshape([-1 if a == axis else 1 for a in range(3)]), float)
    return Grid(shape, jnp.asarray(grid.spacing)), window  # type: ignore[arg-type]


def require_places(k: object) -> None:
    """Refuses places of k-space that are not [sample 3], or not finite."""
    shape = np.shape(k)  # type: ignore[arg-type]
    if len(shape) != 2 or shape[1] != 3 or shape[0] < 1:
        raise InputError(f"k has shape {shape}; it must be [sample, 3], cycles/mm")
    require_finite("k", k)
