"""Compressed sensing: the image that fits the samples and is sparse in its differences or in wavelets."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_range

from .differences import gradient, gradient_adjoint
from .encodings import Encoding, square_of_largest
from .fourier import normalised, real_type, square_norm
from .iterative import require_encoding
from .wavelets import Wavelet

Weight = float | Float[Array | np.ndarray, ""]


@runtime_checkable
class Penalty(Protocol):
    """Something to keep small, and the method that does it."""

    def solve(
        self, encoding: Encoding, samples: Complex[Array, "coil ..."], iterations: int
    ) -> Complex[Array, "x y z"]:
        """The image that minimises ½ ‖E m − s‖² plus the penalty."""
        ...


class TotalVariation(eqx.Module):
    """λ Σ |∇m|, the length of the gradient in voxels, of complex images jointly in real and imaginary part.

    Rudin, Osher and Fatemi, Physica D 60 (1992) 259; minimised by the primal-dual method of Condat, J. Optim. Theory
    Appl. 158 (2013) 460 and Vũ, Adv. Comput. Math. 38 (2013) 667. `weight` is λ, in the unit of the image.

    Good values: noise of the fully sampled image, or 0.002 to 0.02 of its brightest voxel.
    """

    weight: Weight

    def __check_init__(self):
        require_range("weight", self.weight, 0.0, np.inf)

    def solve(
        self, encoding: Encoding, samples: Complex[Array, "coil ..."], iterations: int
    ) -> Complex[Array, "x y z"]:
        """The image after `iterations` steps."""
        start = encoding.adjoint(samples)
        weight = jnp.asarray(self.weight, real_type(start))
        # 1/τ = L/2 + σ ‖∇‖² with ‖∇‖² ≤ 4 per axis; σ so that both terms weigh alike.
        norm = square_of_largest(encoding)
        reach = 4.0 * max(1, sum(n > 1 for n in start.shape))
        sigma = norm / (2 * reach)
        tau = 1 / (norm / 2 + sigma * reach)

        def step(state, _):
            image, dual = state
            slope = encoding.adjoint(encoding.forward(image) - samples) + gradient_adjoint(dual)
            new = image - tau * slope
            return (new, _within(dual + sigma * gradient(2 * new - image), weight)), None

        zero = jnp.zeros((3, *start.shape), start.dtype)
        return jax.lax.scan(jax.checkpoint(step), (jnp.zeros_like(start), zero), length=iterations)[0][0]


class SparseWavelets(eqx.Module):
    """λ Σ |W m| over the bands of detail of an orthonormal wavelet transform.

    Lustig, Donoho and Pauly, Magn. Reson. Med. 58 (2007) 1182; minimised by FISTA, Beck and Teboulle, SIAM J. Imaging
    Sci. 2 (2009) 183. `weight` is λ, in the unit of the image.

    Good values: noise of the fully sampled image, or 0.002 to 0.02 of its brightest voxel.
    """

    weight: Weight
    wavelet: Wavelet = Wavelet()

    def __check_init__(self):
        require_range("weight", self.weight, 0.0, np.inf)

    def solve(
        self, encoding: Encoding, samples: Complex[Array, "coil ..."], iterations: int
    ) -> Complex[Array, "x y z"]:
        """The image after `iterations` steps."""
        start = jnp.zeros_like(encoding.adjoint(samples))
        length = 1 / square_of_largest(encoding)
        threshold = length * jnp.asarray(self.weight, real_type(start))

        def step(state, _):
            image, ahead, momentum = state
            moved = ahead - length * encoding.adjoint(encoding.forward(ahead) - samples)
            new = self._shrunk(moved, threshold)
            following = (1 + jnp.sqrt(1 + 4 * momentum**2)) / 2
            return (new, new + (momentum - 1) / following * (new - image), following), None

        state = (start, start, jnp.ones((), threshold.dtype))
        return jax.lax.scan(jax.checkpoint(step), state, length=iterations)[0][0]

    def _shrunk(self, image, threshold):
        coarse, details = self.wavelet.analyse(image)
        shrunk = jax.tree.map(lambda band: _soft(band, threshold), details)
        return self.wavelet.synthesise((coarse, shrunk), image.shape)


class CompressedSensing(eqx.Module):
    """The image that minimises ½ ‖E m − s‖² plus a penalty, for any encoding.

    - `encoding`: `CartesianSampling` or `TrajectorySampling`. - `penalty`: `TotalVariation` or `SparseWavelets`.
    - `iterations`: static.

    Derivatives are those of the iterate, unrolled, with one image per iteration kept. Raises `ValueError` for NaN and
    samples that are not the encoding's.
    Good values: `CompressedSensing(encoding, TotalVariation(0.005))`, 100 iterations; samples acquired at random.
    """

    encoding: Encoding
    penalty: Penalty
    iterations: int = eqx.field(static=True, default=100)

    def __check_init__(self):
        require_encoding(self.encoding)
        if isinstance(self.penalty, type) or not isinstance(self.penalty, Penalty):
            raise InputError(f"penalty is {self.penalty!r}; it must be an object like TotalVariation(0.005)")
        if self.iterations < 1:
            raise InputError(f"iterations is {self.iterations}; it must be at least 1, like 100")

    def image(self, samples: Complex[Array, "coil ..."], grid: Grid) -> Complex[Array, "x y z"]:
        """The regularised image."""
        self.encoding.check(samples, grid)
        return _solve(self, jnp.asarray(samples), grid)


@jax.jit
def _solve(method: CompressedSensing, samples, grid: Grid):
    data = method.encoding.weighted(normalised(samples, grid))
    return method.penalty.solve(method.encoding, data, method.iterations)


def _within(field, radius):
    """Vectors [axis x y z] shortened to `radius` where they are longer."""
    power = jnp.sum(square_norm(field), axis=0)
    long = power > radius**2
    return field * jnp.where(long, radius / jnp.sqrt(jnp.where(long, power, 1)), 1)


def _soft(band, threshold):
    """Complex numbers shortened by `threshold`, or 0."""
    power = square_norm(band)
    long = power > threshold**2
    return band * jnp.where(long, 1 - threshold / jnp.sqrt(jnp.where(long, power, 1)), 0)
