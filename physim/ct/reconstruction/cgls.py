"""Least squares by conjugate gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import require_range

from ..geometry import Geometry
from ..projector import Joseph, Model
from .system import Sinogram, System, checked, checked_count, dot, ratio, repeat, system


class CGLS(eqx.Module):
    """Minimises Σ w (A x − b)² + tikhonov Σ x², starting from nothing, by conjugate gradients on the least squares.

    Hestenes and Stiefel, J. Res. Natl. Bur. Stand. 49 (1952) 409, section 10; Björck, Numerical Methods for Least Squares
    Problems (1996), section 7.4. Each iteration takes one projection and one back-projection and lowers the sum. Few
    iterations are a regularisation: low frequencies come first, noise last. Without weights every ray counts alike.

    - `iterations`: static. - `tikhonov`: in units of w times mm². - `model`: of the projector.

    Gradients are those of the iterate itself, unrolled, with memory for about 2 √iterations states.
    Good values: 10 to 30 iterations; tikhonov 0 when the iterations are few.
    Raises `ValueError` for no iteration, a negative `tikhonov`, NaN, shapes that do not fit and negative weights.
    """

    iterations: int = eqx.field(static=True)
    tikhonov: Float[Array | np.ndarray, ""] | float
    model: Model

    def __init__(
        self,
        iterations: int = 20,
        tikhonov: Float[Array | np.ndarray, ""] | float = 0.0,
        model: Model = Joseph(),
    ):
        self.iterations = checked_count("iterations", iterations, 20)
        require_range("tikhonov", tikhonov, 0.0, np.inf)
        self.tikhonov, self.model = tikhonov, model

    def solve(
        self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None
    ) -> Float[Array, "x y z"]:
        """The volume whose line integrals are nearest to `sino`; `weights` are inverse variances."""
        sino, weights = checked(sino, geometry, weights)
        return _solve(self, system(grid, geometry, self.model, sino.dtype), sino, weights)


@jax.jit
def _solve(method: CGLS, scan: System, sino, weights):
    # Rays are scaled by √w: plain least squares then.
    root = jnp.ones((), sino.dtype) if weights is None else _square_root(weights)
    damping = jnp.asarray(method.tikhonov, sino.dtype)
    residual = root * sino
    gradient = scan.transpose(root * residual)
    start = (jnp.zeros_like(gradient), residual, gradient, gradient, dot(gradient, gradient))

    def step(state):
        x, residual, gradient, direction, square = state
        image = root * scan.forward(direction)
        length = ratio(square, dot(image, image) + damping * dot(direction, direction))
        x, residual = x + length * direction, residual - length * image
        gradient = scan.transpose(root * residual) - damping * x
        new = dot(gradient, gradient)
        return x, residual, gradient, gradient + ratio(new, square) * direction, new

    return repeat(step, start, method.iterations)[0]


def _square_root(weights):
    """√w, whose derivative is 0 where w is."""
    return jnp.where(weights > 0, jnp.sqrt(jnp.where(weights > 0, weights, 1)), 0)
