"""From an image to the samples of all coils, and back by the adjoint: what iterative methods invert."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_shape

from ..encoding import Nufft
from .checks import require_coils, require_matrix, require_sensitivities
from .fourier import fourier, inverse_fourier, real_type, square_norm
from .segments import Segments

Maps = Complex[Array | np.ndarray, "coil x y z"]


@runtime_checkable
class Encoding(Protocol):
    """A linear map E from the image to the normalised samples of all coils, and its adjoint."""

    sensitivities: Maps

    def check(self, samples: Complex[Array, "coil ..."], grid: Grid) -> None:
        """Refuses samples that are not this encoding's."""
        ...

    def weighted(self, samples: Complex[Array, "coil ..."]) -> Complex[Array, "coil ..."]:
        """Normalised samples, times the root of their weights in the least squares."""
        ...

    def forward(self, image: Complex[Array, "x y z"]) -> Complex[Array, "coil ..."]:
        """E m, zero where nothing is acquired."""
        ...

    def adjoint(self, samples: Complex[Array, "coil ..."]) -> Complex[Array, "x y z"]:
        """Eᴴ s."""
        ...


class CartesianSampling(eqx.Module):
    """Any choice of the points of a Cartesian matrix.

    - `sensitivities`: of the coils; `np.ones((1, x, y, z), complex)` for one uniform coil. - `mask`: points acquired.

    Raises `ValueError` for NaN, a mask of another shape, and one that acquires nothing.
    """

    sensitivities: Maps
    mask: Bool[Array | np.ndarray, "kx ky kz"]

    def __check_init__(self):
        require_sensitivities(self.sensitivities)
        require_shape("mask", self.mask, self.sensitivities.shape[1:])
        if is_concrete(self.mask) and not np.any(self.mask):
            raise InputError("mask acquires no point; it must be True where samples were taken")

    def check(self, samples: Complex[Array, "coil ..."], grid: Grid) -> None:
        """Refuses samples of another matrix or other coils."""
        require_matrix(samples, grid)
        require_shape("sensitivities", self.sensitivities, (self.sensitivities.shape[0], *grid.shape))
        require_coils("samples", samples.shape[0], self.sensitivities.shape[0])

    def weighted(self, samples: Complex[Array, "coil ..."]) -> Complex[Array, "coil ..."]:
        """The samples: all of them count alike."""
        return samples

    def forward(self, image: Complex[Array, "x y z"]) -> Complex[Array, "coil ..."]:
        """M F S m."""
        return jnp.where(
            jnp.asarray(self.mask), fourier(jnp.asarray(self.sensitivities, image.dtype) * image), 0
        )

    def adjoint(self, samples: Complex[Array, "coil ..."]) -> Complex[Array, "x y z"]:
        """Sᴴ Fᴴ M s."""
        images = inverse_fourier(jnp.where(jnp.asarray(self.mask), samples, 0))
        return jnp.sum(jnp.conj(jnp.asarray(self.sensitivities, samples.dtype)) * images, axis=0)


class TrajectorySampling(eqx.Module):
    """Samples anywhere in k-space, with the phase of off-resonance if its map is given.

        s_cj = Σ_i S_c m_i exp(−2πi (k_j·r_i + f_i t_j)) √(w_j / N)

    Off-resonance by time segmentation (`Segments`). Source: Pruessmann et al., Magn. Reson. Med. 46 (2001) 638; Sutton,
    Noll and Fessler, IEEE Trans. Med. Imaging 22 (2003) 178.

    - `grid`: of the image, k along its axes from the middle of its box. - `k`: cycles/mm.
    - `density`: w, the weight of each sample in the least squares, any unit; speeds up convergence (`pipe_menon`).
    - `off_resonance`: None, or `Segments(map in Hz, times in s)`.

    Raises `ValueError` for NaN and shapes that do not fit.
    """

    sensitivities: Maps
    grid: Grid
    k: Float[Array | np.ndarray, "sample 3"]
    density: Float[Array | np.ndarray, " sample"] | None = None
    off_resonance: Segments | None = None
    nufft: Nufft = Nufft(1e-5)

    def __check_init__(self):
        require_sensitivities(self.sensitivities)
        require_shape("sensitivities", self.sensitivities, (self.sensitivities.shape[0], *self.grid.shape))
        if np.ndim(self.k) != 2 or self.k.shape[1] != 3:
            raise InputError(f"k has shape {np.shape(self.k)}; it must be [sample, 3], cycles/mm")
        require_finite("k", self.k)
        if self.density is not None:
            require_shape("density", self.density, (self.k.shape[0],))
            require_finite("density", self.density)
        if self.off_resonance is not None:
            self.off_resonance.check(self.grid, self.k.shape[0])

    def check(self, samples: Complex[Array, "coil ..."], grid: Grid) -> None:
        """Refuses samples of another trajectory or other coils."""
        if np.ndim(samples) != 2 or samples.shape[1] != self.k.shape[0]:
            raise InputError(
                f"samples have shape {np.shape(samples)}; they must be [coil, sample] with {self.k.shape[0]} samples, one for "
                "each place k: write samples[None] for a single coil"
            )
        require_finite("samples", samples)
        require_coils("samples", samples.shape[0], self.sensitivities.shape[0])
        if grid.shape != self.grid.shape:
            raise InputError(
                f"grid has shape {grid.shape}, the encoding's {self.grid.shape}; both must be one grid"
            )

    def forward(self, image: Complex[Array, "x y z"]) -> Complex[Array, "coil ..."]:
        """√(w/N) Σ_l b_l(t) NUFFT(S m exp(−2πi f τ_l))."""
        return self._scale(image) * jax.lax.map(
            lambda s: self._once(s * image), jnp.asarray(self.sensitivities, image.dtype)
        )

    def adjoint(self, samples: Complex[Array, "coil ..."]) -> Complex[Array, "x y z"]:
        """The adjoint of `forward`."""
        weighted = self._scale(samples) * samples
        images = jax.lax.map(self._once_back, weighted)
        return jnp.sum(jnp.conj(jnp.asarray(self.sensitivities, samples.dtype)) * images, axis=0)

    def weighted(self, samples: Complex[Array, "coil ..."]) -> Complex[Array, "coil ..."]:
        """Samples as `forward` gives them: with the root of the density."""
        return self._root(samples) * samples

    def _root(self, like):
        if self.density is None:
            return jnp.ones((), real_type(like))
        # Scaled to a mean of 1, so that tolerances and Tikhonov's term keep their meaning.
        density = jnp.asarray(self.density, real_type(like))
        return jnp.sqrt(density / jnp.mean(density))

    def _scale(self, like):
        return self._root(like) / math.sqrt(self.grid.size)

    def _once(self, image):
        if self.off_resonance is None:
            return self.nufft(image, self.grid, self.k)
        return self.off_resonance.forward(lambda part: self.nufft(part, self.grid, self.k), image)

    def _once_back(self, samples):
        if self.off_resonance is None:
            return self.nufft.adjoint(samples, self.grid, self.k)
        return self.off_resonance.adjoint(lambda part: self.nufft.adjoint(part, self.grid, self.k), samples)


def square_of_largest(encoding: Encoding) -> Float[Array, ""]:
    """‖E‖², by 30 steps of the power method, 2 % on the safe side; a constant to derivatives."""
    maps = jnp.asarray(encoding.sensitivities)
    start = jnp.sqrt(jnp.sum(square_norm(maps), axis=0)) * jnp.exp(1j * jnp.arange(maps[0].size)).reshape(
        maps.shape[1:]
    )

    def step(_, state):
        vector, _ = state
        moved = encoding.adjoint(encoding.forward(vector))
        size = jnp.sqrt(jnp.sum(square_norm(moved)))
        return moved / size, size

    start = (start / jnp.sqrt(jnp.sum(square_norm(start)))).astype(maps.dtype)
    size = jax.lax.fori_loop(0, 30, step, (start, jnp.zeros((), real_type(maps))))[1]
    return jax.lax.stop_gradient(1.02 * size)
