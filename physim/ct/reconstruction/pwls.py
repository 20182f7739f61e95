"""Penalised weighted least squares: the image that fits the rays within their noise and is smooth besides."""

from typing import Protocol as Interface
from typing import runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import require_range

from ..geometry import Geometry
from ..projector import Joseph, Model
from .priors import Prior, TotalVariation, penalty, penalty_weights, slopes, slopes_transpose
from .system import Sinogram, System, checked, checked_count, dot, ratio, system


@runtime_checkable
class Method(Interface):
    """Whatever turns line integrals into a volume."""

    def solve(
        self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None
    ) -> Float[Array, "x y z"]:
        """The volume with these line integrals."""
        ...


class PWLS(eqx.Module):
    """Minimises ½ Σ w (A x − b)² + strength ∫ φ(|∇x|) dV, convex, by majorisation in a subspace with memory.

    In each iteration φ is replaced by a parabola that touches it from above, and the sum is minimised exactly over the
    plane of the gradient and the last step (Chouzenoux, Idier and Moussaoui, IEEE Trans. Image Process. 20 (2011) 1517):
    the objective never rises, every limit is a minimum, there is no step size, and each iteration costs one projection and one
    back-projection. With `Quadratic()` it is the method of conjugate gradients.

    - `strength`: per mm² for x without unit, w in 1/mm². - `prior`: `TotalVariation`, `Huber`, `Quadratic`.
    - `iterations`: traced, like every number here. - `start`: a method that gives the first image, zero without.
    - `model`: of the projector.

    Gradients are those of the minimum, by the implicit function theorem: a conjugate-gradient solve of `iterations` steps
    with the Hessian, in the memory of one iteration; they are right once the iterations have converged.
    Good values: strengths of 1, 3, 10 and so on until flat regions are flat; 150 iterations from zero, fewer from a filtered
    back-projection.
    Raises `ValueError` for no iteration, a negative strength, and what `CGLS` refuses.
    """

    strength: Float[Array | np.ndarray, ""] | float
    prior: Prior
    iterations: int
    start: Method | None
    model: Model

    def __init__(
        self,
        strength: Float[Array | np.ndarray, ""] | float,
        prior: Prior = TotalVariation(),
        iterations: int = 150,
        start: Method | None = None,
        model: Model = Joseph(),
    ):
        require_range("strength", strength, 0.0, np.inf)
        self.strength, self.prior, self.start, self.model = strength, prior, start, model
        self.iterations = checked_count("iterations", iterations, 150)

    def solve(
        self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None
    ) -> Float[Array, "x y z"]:
        """The volume that minimises the objective; `weights` are inverse variances."""
        sino, weights = checked(sino, geometry, weights)
        first = jnp.zeros(grid.shape, sino.dtype)
        if self.start is not None:
            first = jnp.asarray(self.start.solve(sino, grid, geometry, weights), sino.dtype)
        return _solve(self, system(grid, geometry, self.model, sino.dtype), sino, weights, first)

    def objective(
        self,
        volume: Float[Array, "x y z"],
        sino: Sinogram,
        grid: Grid,
        geometry: Geometry,
        weights: Sinogram | None = None,
    ) -> Float[Array, ""]:
        """½ Σ w (A x − b)² + strength ∫ φ(|∇x|) dV of any volume."""
        sino, weights = checked(sino, geometry, weights)
        scan = system(grid, geometry, self.model, sino.dtype)
        volume = jnp.asarray(volume, sino.dtype)
        miss = scan.forward(volume) - sino
        fit = dot(miss, miss if weights is None else weights * miss) / 2
        return fit + jnp.asarray(self.strength, sino.dtype) * penalty(volume, scan.frame.spacing, self.prior)


@jax.jit
def _solve(method: PWLS, scan: System, sino, weights, first):
    spacing = scan.frame.spacing
    weights = jnp.ones((), sino.dtype) if weights is None else weights
    strength = jnp.asarray(method.strength, sino.dtype)

    def gradient(x):
        data = scan.transpose(weights * (scan.forward(x) - sino))
        return data + strength * _smoothing(x, penalty_weights(x, spacing, method.prior), spacing)

    solve = lambda hessian, b: _conjugate_gradients(hessian, b, method.iterations)
    return jax.lax.custom_root(
        gradient,
        jax.lax.stop_gradient(first),
        lambda _, x: _descend(method, scan, weights, strength, sino, x),
        lambda hessian, b: jax.lax.custom_linear_solve(hessian, b, solve, symmetric=True),
    )


def _smoothing(x, curvature, spacing):
    """∇ᵀ ω ∇ x."""
    return slopes_transpose(curvature * slopes(x, spacing), spacing)


def _descend(method: PWLS, scan: System, weights, strength, sino, x):
    """Down the objective; the projections of the iterate and of the last step are carried along."""
    spacing = scan.frame.spacing

    def step(state):
        x, miss, last, last_image = state
        curvature = strength * penalty_weights(x, spacing, method.prior)
        data = scan.transpose(weights * miss)
        steepest = -(data + _smoothing(x, curvature, spacing))
        image = scan.forward(steepest)
        # The majorant in the plane of both directions: a 2 x 2 system.
        rough, last_rough = slopes(steepest, spacing), slopes(last, spacing)
        inner = lambda p, q, a, b: dot(p, weights * q) + dot(a, curvature * b)
        aa = inner(image, image, rough, rough)
        ab = inner(image, last_image, rough, last_rough)
        bb = inner(last_image, last_image, last_rough, last_rough)
        along, back = dot(steepest, steepest), dot(steepest, last)
        # Cholesky's way: first along the gradient, then along what the last step adds to it.
        share = ratio(ab, aa)
        left = bb - share * ab
        left = jnp.where(left > 1e-6 * bb, left, 0)
        second = ratio(back - share * along, left)
        length = ratio(along, aa) - share * second
        move, image = length * steepest + second * last, length * image + second * last_image
        return x + move, miss + image, move, image

    miss = scan.forward(x) - sino
    start = x, miss, jnp.zeros_like(x), jnp.zeros_like(miss)
    return jax.lax.fori_loop(0, method.iterations, lambda _, state: step(state), start)[0]


def _conjugate_gradients(matrix, b, iterations):
    """The solution of a symmetric positive system, Hestenes and Stiefel (1952)."""

    def step(_, state):
        x, residual, direction, square = state
        image = matrix(direction)
        length = ratio(square, dot(direction, image))
        residual = residual - length * image
        new = dot(residual, residual)
        return x + length * direction, residual, residual + ratio(new, square) * direction, new

    return jax.lax.fori_loop(0, iterations, step, (jnp.zeros_like(b), b, b, dot(b, b)))[0]
