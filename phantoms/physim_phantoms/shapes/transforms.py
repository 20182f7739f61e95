"""Fourier transforms of the unit disc and ball as functions of s = x², x = 2π × radius × frequency; both are 1 at s = 0.

    disc: 2 J₁(x) / x          ball: 3 (sin x − x cos x) / x³

Both are Λ_ν(x) = Γ(ν + 1) (2/x)^ν J_ν(x) with ν = 1 and 3/2, entire functions of s: written in s, every derivative at zero
frequency is finite. Equations: NIST Digital Library of Mathematical Functions, 10.2.2 (series), 10.9.4 (Poisson's
integral), 10.17.3 (Hankel's expansion).
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_SERIES_END = 4.0  # in s: below it thirteen terms reach float64
_SERIES_TERMS = 13
_HANKEL_START = 25.0  # in x: beyond it twenty terms of the asymptotic expansion reach float64
_HANKEL_TERMS = 20
_NODES = 32  # Gauss-Chebyshev nodes; the error is of the size of J₆₅(25) < 1e-19


def ball(s: Float[Array, "*points"]) -> Float[Array, "*points"]:
    """3 (sin x − x cos x) / x³ with x = √s."""
    x = jnp.sqrt(jnp.maximum(s, _SERIES_END))
    closed = 3 * (jnp.sin(x) - x * jnp.cos(x)) / x**3
    return jnp.where(s < _SERIES_END, _series(s, 1.5), closed)


def disc(s: Float[Array, "*points"]) -> Float[Array, "*points"]:
    """2 J₁(x) / x with x = √s."""
    x = jnp.sqrt(jnp.maximum(s, _SERIES_END))
    near = _poisson(jnp.minimum(x, _HANKEL_START))
    far = _hankel(jnp.maximum(x, _HANKEL_START))
    return jnp.where(s < _SERIES_END, _series(s, 1.0), jnp.where(x < _HANKEL_START, near, far))


def _series(s, order: float):
    """Σ (−s/4)ⁿ / (n! (ν+1)(ν+2)...(ν+n)), by Horner's rule."""
    s = jnp.minimum(s, _SERIES_END)
    total = jnp.ones_like(s)
    for n in range(_SERIES_TERMS, 0, -1):
        total = 1 - s / (4 * n * (order + n)) * total
    return total


def _poisson(x):
    """2 J₁(x)/x = (2/π) ∫₀^π cos(x cos θ) sin²θ dθ: positive weights, no cancellation."""
    angles = np.pi * np.arange(1, _NODES // 2 + 1) / (_NODES + 1)
    weights = 4 / (_NODES + 1) * np.sin(angles) ** 2
    return sum(float(w) * jnp.cos(float(c) * x) for w, c in zip(weights, np.cos(angles), strict=True))


def _hankel(x):
    """J₁(x) = √(2/πx) (P cos(x − 3π/4) − Q sin(x − 3π/4)), P and Q in powers of 1/x."""
    coefficients = [1.0]
    for n in range(1, _HANKEL_TERMS):
        coefficients.append(coefficients[-1] * (4 - (2 * n - 1) ** 2) / (8 * n))
    even, odd = jnp.zeros_like(x), jnp.zeros_like(x)
    inverse = -1 / x**2
    for p, q in zip(reversed(coefficients[0::2]), reversed(coefficients[1::2]), strict=True):
        even, odd = even * inverse + p, odd * inverse + q
    cos, sin = jnp.sin(x) - jnp.cos(x), -jnp.sin(x) - jnp.cos(x)
    return 2 / x * (even * cos - odd / x * sin) / jnp.sqrt(np.pi * x)
