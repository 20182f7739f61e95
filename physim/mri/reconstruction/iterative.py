"""Iterative SENSE: regularised least squares for any sampling, by conjugate gradients."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_range

from .encodings import Encoding
from .fourier import normalised, real_type


class ConjugateGradients(eqx.Module):
    """The image of least squares, for Cartesian and other samplings and with off-resonance.

        min ‖E m − s‖² + λ ‖m‖²        solved as (Eᴴ E + λ) m = Eᴴ s

    Source: Pruessmann et al., Magn. Reson. Med. 46 (2001) 638. Samples whitened together with the sensitivities
    (`whitened`) take the noise covariance into account.

    - `encoding`: `CartesianSampling` or `TrajectorySampling`. - `tikhonov`: λ; EᴴE is near Σ|S|² at full sampling.
    - `iterations`: at most; static. - `tolerance`: of the residual of the normal equations, relative; static.

    Derivatives are those of the solution, by one more solve, and hold to the accuracy to which it has converged.
    Raises `ValueError` for NaN and for samples that are not the encoding's.
    Good values: 10 to 30 iterations; λ 1e-3 to 1e-2 of Σ|S|² where undersampling is strong.
    """

    encoding: Encoding
    tikhonov: float | Float[Array | np.ndarray, ""] = 0.0
    iterations: int = eqx.field(static=True, default=30)
    tolerance: float = eqx.field(static=True, default=1e-6)

    def __check_init__(self):
        require_encoding(self.encoding)
        require_range("tikhonov", self.tikhonov, 0.0, np.inf)
        require_range("tolerance", self.tolerance, 0.0, 1.0)
        if self.iterations < 1:
            raise InputError(f"iterations is {self.iterations}; it must be at least 1, like 30")

    def image(self, samples: Complex[Array, "coil ..."], grid: Grid) -> Complex[Array, "x y z"]:
        """The image of least squares."""
        self.encoding.check(samples, grid)
        return _solve(self, jnp.asarray(samples), grid)


def require_encoding(encoding: object) -> None:
    """Refuses what is not an encoding, such as bare coil maps."""
    if isinstance(encoding, type) or not isinstance(encoding, Encoding):
        raise InputError(
            f"encoding is a {type(encoding).__name__}; it must be CartesianSampling(sensitivities, mask) or "
            "TrajectorySampling(sensitivities, grid, k)"
        )


@jax.jit
def _solve(method: ConjugateGradients, samples, grid: Grid):
    encoding = method.encoding
    damping = jnp.asarray(method.tikhonov, real_type(samples))
    right = encoding.adjoint(encoding.weighted(normalised(samples, grid)))

    def normal(image):
        return encoding.adjoint(encoding.forward(image)) + damping * image

    return jax.scipy.sparse.linalg.cg(normal, right, tol=method.tolerance, maxiter=method.iterations)[0]
