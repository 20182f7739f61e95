"""Off-resonance during the read-out, as a few images weighted in time."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_finite, require_shape

from .fourier import real_type

HISTOGRAM = 64  # frequencies at which the interpolation in time is fitted


class Segments(eqx.Module):
    """exp(−2πi f t) ≈ Σ_l b_l(t) exp(−2πi f τ_l), with the b_l of least squares over the frequencies of the map.

    Source: Sutton, Noll and Fessler, IEEE Trans. Med. Imaging 22 (2003) 178. The error falls fast once there are more
    segments than 1 + (range of f) × (duration); see `error`.

    - `frequency`: Hz. - `time`: of each sample, s, from the moment at which all phases agree. - `count`: segments; static.

    Raises `ValueError` for NaN and shapes that do not fit. Good values: `Segments(map, time, count)` with count at least
    4 + (max f − min f) × (max t − min t).
    """

    frequency: Float[Array | np.ndarray, "x y z"]
    time: Float[Array | np.ndarray, " sample"]
    count: int = eqx.field(static=True, default=8)

    def __check_init__(self):
        require_finite("frequency", self.frequency)
        require_finite("time", self.time)
        if self.count < 1:
            raise InputError(f"count is {self.count}; it must be at least 1 segment, like 8")

    def check(self, grid: Grid, samples: int) -> None:
        """Refuses a map of another grid, and times of another number than the samples."""
        require_shape("frequency", self.frequency, grid.shape)
        require_shape("time", self.time, (samples,))

    def forward(self, transform, image: Complex[Array, "x y z"]) -> Complex[Array, " sample"]:
        """Σ_l b_l(t) transform(exp(−2πi f τ_l) m)."""
        weights, phases = self._weights(image.dtype), self._phases(image.dtype)
        parts = jax.lax.map(lambda pair: pair[0] * transform(pair[1] * image), (weights, phases))
        return jnp.sum(parts, axis=0)

    def adjoint(self, transform, samples: Complex[Array, " sample"]) -> Complex[Array, "x y z"]:
        """The adjoint of `forward`, given the adjoint of its transform."""
        weights, phases = jnp.conj(self._weights(samples.dtype)), jnp.conj(self._phases(samples.dtype))
        parts = jax.lax.map(lambda pair: pair[1] * transform(pair[0] * samples), (weights, phases))
        return jnp.sum(parts, axis=0)

    def error(self) -> Float[Array, ""]:
        """Largest error of the interpolation over all samples and the range of the map, where 1 is the signal."""
        frequency, dtype = self._frequencies(), jnp.result_type(real_type(self.frequency), jnp.complex64)
        exact = _turn(frequency[:, None], jnp.asarray(self.time), dtype)
        knots = _turn(frequency[:, None], self._knots(), dtype)
        return jnp.max(jnp.abs(knots @ self._weights(dtype) - exact))

    def _knots(self):
        time = jnp.asarray(self.time)
        return jnp.linspace(jnp.min(time), jnp.max(time), self.count)

    def _frequencies(self):
        frequency = jnp.asarray(self.frequency)
        return jnp.linspace(jnp.min(frequency), jnp.max(frequency), HISTOGRAM)

    def _phases(self, dtype):
        return _turn(jnp.asarray(self.frequency), self._knots()[:, None, None, None], dtype)

    def _weights(self, dtype) -> Complex[Array, "segment sample"]:
        """b_l(t), constants to derivatives: those in the map go through the phases, to the same accuracy."""
        # Centred on the middle frequency the fit is better conditioned; the middle's own phase is put back exactly.
        frequency = jax.lax.stop_gradient(self._frequencies())
        middle = (frequency[0] + frequency[-1]) / 2
        knots, time = (jax.lax.stop_gradient(t) for t in (self._knots(), jnp.asarray(self.time)))
        matrix = _turn((frequency - middle)[:, None], knots, dtype)
        wanted = _turn((frequency - middle)[:, None], time, dtype)
        gram = jnp.conj(matrix.T) @ matrix
        damping = 10 * jnp.finfo(real_type(matrix)).eps * HISTOGRAM
        factor = jax.scipy.linalg.cho_factor(gram + damping * jnp.eye(self.count, dtype=dtype), lower=True)
        weights = jax.scipy.linalg.cho_solve(factor, jnp.conj(matrix.T) @ wanted)
        return weights * _turn(middle, time - knots[:, None], dtype)


def _turn(frequency, time, dtype):
    """exp(−2πi f t)."""
    return jnp.exp((-2j * jnp.pi * frequency * time).astype(dtype))
