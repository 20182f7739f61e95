"""The reusable truths: one-liners that every operator, gradient and scheme is held against."""

import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def nrmse(value, truth) -> float:
    """Root-mean-square error over the root-mean-square of the truth."""
    value, truth = np.asarray(value), np.asarray(truth)
    return float(np.sqrt(np.mean(np.abs(value - truth) ** 2) / np.mean(np.abs(truth) ** 2)))


def assert_adjoint(forward: Callable, transpose: Callable, x, y, tolerance: float) -> None:
    """Dot-product test: <A x, y> = <x, Aᵀ y>, relative to |A x| |y|; sums in float64."""
    ax, aty = np.asarray(forward(x), np.float64), np.asarray(transpose(y), np.float64)
    x64, y64 = np.asarray(x, np.float64), np.asarray(y, np.float64)
    left, right = np.vdot(ax, y64), np.vdot(x64, aty)
    scale = np.linalg.norm(ax) * np.linalg.norm(y64)
    assert scale > 0, "the test vectors see nothing of the operator"
    error = abs(left - right) / scale
    assert error <= tolerance, (
        f"<Ax,y> = {left!r}, <x,Aᵀy> = {right!r}: relative difference {error:.2e} > {tolerance:.0e}"
    )


def assert_gradient(
    function: Callable, x, tolerance: float = 1e-6, step: float = 1e-5, directions: int = 3
) -> None:
    """Reverse- and forward-mode derivatives of a scalar function against central differences; call it in float64."""
    x = jnp.asarray(x)
    assert x.dtype == jnp.float64, "finite differences need float64: use the x64 fixture"
    rng = np.random.default_rng(0)
    # Two programs, compiled once each: the function itself, and both of its derivatives.
    plain = jax.jit(function)
    derivatives = jax.jit(lambda x, v: (jax.grad(function)(x), jax.jvp(function, (x,), (v,))[1]))
    for _ in range(directions):
        v = rng.standard_normal(x.shape)
        numeric = (float(plain(x + step * v)) - float(plain(x - step * v))) / (2 * step)
        gradient, forward = (np.asarray(d) for d in derivatives(x, v))
        reverse = np.vdot(gradient, v)
        scale = max(abs(numeric), 1e-12)
        assert abs(reverse - numeric) <= tolerance * scale, f"grad {reverse} against {numeric}"
        assert abs(forward - numeric) <= tolerance * scale, f"jvp {forward} against {numeric}"


def assert_gradients(
    function: Callable,
    arguments: dict,
    steps: dict[str, float],
    tolerance: float = 1e-6,
    directions: int = 1,
) -> None:
    """As `assert_gradient` for a function of a dictionary, random directions in each entry that has a step: two programs
    serve them all."""
    given = {name: jnp.asarray(value) for name, value in arguments.items()}
    assert all(x.dtype == jnp.float64 for x in given.values()), (
        "finite differences need float64: use the x64 fixture"
    )
    rng = np.random.default_rng(0)
    still = {name: jnp.zeros_like(x) for name, x in given.items()}
    plain = jax.jit(function)
    derivatives = jax.jit(lambda x, v: (jax.grad(function)(x), jax.jvp(function, (x,), (v,))[1]))
    for name, step in [item for item in steps.items() for _ in range(directions)]:
        v = rng.standard_normal(given[name].shape)
        ends = [float(plain({**given, name: given[name] + sign * step * v})) for sign in (1, -1)]
        numeric = (ends[0] - ends[1]) / (2 * step)
        gradient, forward = derivatives(given, {**still, name: jnp.asarray(v)})
        reverse = np.vdot(np.asarray(gradient[name]), v)
        scale = max(abs(numeric), 1e-12)
        assert abs(reverse - numeric) <= tolerance * scale, f"{name}: grad {reverse} against {numeric}"
        assert abs(float(forward) - numeric) <= tolerance * scale, f"{name}: jvp {forward} against {numeric}"


def assert_order(error: Callable[[int], float], sizes, order: float, slack: float = 0.15) -> None:
    """The error falls as size**-order: least-squares slope over the sizes, at least order - slack."""
    errors = np.array([error(n) for n in sizes])
    assert np.all(errors > 0), "an error of exactly zero shows no order: choose a harder case"
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope >= order - slack, f"order {slope:.2f} < {order}: errors {errors} at {sizes}"


def assert_same(fast, reference, tolerance: float) -> None:
    """A fast path equals its readable reference: same shape, same dtype, same numbers."""
    fast, reference = np.asarray(fast), np.asarray(reference)
    assert fast.shape == reference.shape, (fast.shape, reference.shape)
    assert fast.dtype == reference.dtype, (fast.dtype, reference.dtype)
    scale = np.abs(reference).max() or 1.0
    worst = np.abs(fast - reference).max() / scale
    assert worst <= tolerance, f"largest difference {worst:.2e} of the peak > {tolerance:.0e}"


def unchecked(function: Callable) -> Callable:
    """The function without the suite's shape checks: what a user calls, whose own refusals are under test."""
    return inspect.unwrap(function)
