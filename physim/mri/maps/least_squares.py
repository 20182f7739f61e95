"""Nonlinear least squares of a few parameters, in every voxel at once."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

GROW, SHRINK, FIRST = 8.0, 0.2, 1e-3  # of the damping, relative to the diagonal


def fit(
    model: Callable[..., Float[Array, " measurement"]],
    start: Float[Array, "parameter voxel"],
    signals: Float[Array, "measurement voxel"],
    steps: int,
    settings: tuple = (),
) -> Float[Array, "parameter voxel"]:
    """The parameters p of least Σ (model(p, *settings) − s)², by `steps` of Levenberg's and Marquardt's method.

    `settings` are arrays whose last axis is the voxels. A step that does not lower the sum is not taken. Source: Moré, The
    Levenberg-Marquardt algorithm (1978). Gradients: a last Newton-like step from the solution, whose derivative is that of
    the minimum itself (residuals taken as small), so that memory does not grow with the steps.
    """
    one = jax.vmap(lambda p, s, *rest: _fit(model, p, s, rest, steps), in_axes=-1, out_axes=-1)
    return one(start, signals, *settings)


def _fit(model, start, signal, settings, steps: int):
    frozen, target, rest = jax.lax.stop_gradient((start, signal, settings))
    residual = lambda p: model(p, *rest) - target

    def step(_, state):
        p, damping = state
        jacobian, left = jax.jacfwd(residual)(p), residual(p)
        new = p - _solve(jacobian, left, damping)
        better = jnp.sum(residual(new) ** 2) < jnp.sum(left**2)  # False for NaN
        return jnp.where(better, new, p), jnp.where(better, damping * SHRINK, damping * GROW)

    state = (frozen, jnp.asarray(FIRST, start.dtype))
    p = jax.lax.stop_gradient(jax.lax.fori_loop(0, steps, step, state)[0])
    # Zero in value at the minimum, this carries dp = J⁺ (ds − ∂model/∂settings).
    moved = model(p, *settings) - signal
    jacobian = jax.lax.stop_gradient(jax.jacfwd(lambda q: model(q, *rest))(p))
    return p - _solve(jacobian, moved - jax.lax.stop_gradient(moved), 0.0)


def _solve(jacobian, residual, damping):
    """(JᵀJ + damping diag(JᵀJ))⁻¹ Jᵀ r, scaled so that parameters of any unit are alike."""
    size = jnp.sqrt(jnp.sum(jacobian**2, axis=0))
    size = jnp.where(size > 0, size, 1)
    scaled = jacobian / size
    gram = scaled.T @ scaled
    eye = jnp.eye(len(gram), dtype=gram.dtype)
    floor = 20 * jnp.finfo(gram.dtype).eps
    return jnp.linalg.solve(gram + (damping + floor) * eye, scaled.T @ residual) / size
