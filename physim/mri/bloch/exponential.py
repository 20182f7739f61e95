"""Exponentials of small matrices, many at a time, by a Taylor polynomial and doubling.

    exp(X) − 1 = E,    E ← 2 E + E²  doubles X;  started with the Taylor polynomial of degree 10 of X / 2ⁿ.

E and not exp(X) is doubled, because slow relaxation is lost beside a 1. The polynomial leaves out ‖X / 2ⁿ‖¹¹ / 11! of each
part, 10⁻¹¹ of it for ‖X / 2ⁿ‖ = ½. Source: Higham, Functions of Matrices (2008), sections 10.3 and 10.5.

Thousands of turns, as during a second of saturation off resonance, multiply what one turn loses by rounding. Where only
float32 is at hand E is therefore the sum of two numbers, and its square is exact to about 10⁻¹¹.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

LEAST_HALVINGS = 6  # with them the polynomial is good for turns of 30 rad
ORDINARY_STEP = 50e-6  # s
GONE = 30.0  # what decays by exp(−30) in a step is gone, however much faster it may decay
Matrices = Float[Array, "*batch n n"]

UPPER_HALF = -(1 << 12)  # keeps 12 of the 24 bits of a float32's significand


def product(a: Matrices, b: Matrices) -> Matrices:
    """a b, never in less than the precision of its factors."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def halvings_of(step: float) -> int:
    """How often the step of a pulse (s) is halved, for rates up to 6·10⁵ rad/s and exchange up to 10⁶ 1/s."""
    return LEAST_HALVINGS + max(0, math.ceil(math.log2(step / ORDINARY_STEP)))


def exponential(exponent: Matrices, halvings: int, doublings: int = 0) -> Matrices:
    """exp(2^doublings · exponent); the polynomial sees exponent / 2^halvings.

    Good values: `halvings_of(50e-6)`.
    """
    identity = jnp.eye(exponent.shape[-1], dtype=exponent.dtype)
    x = exponent * 2.0**-halvings
    high, low = x, _beyond_first_order(x)
    if doublings == 0 or exponent.dtype == jnp.float64:
        less_one = high + low
        for _ in range(halvings):
            less_one = _twice(less_one)
        return identity + _repeated(_twice, less_one, doublings)
    high, low = _repeated(lambda pair: _doubled(*pair), (high, low), halvings + doublings)
    return identity + (high + low)


def _twice(less_one: Matrices) -> Matrices:
    """2 E + E²."""
    return 2 * less_one + product(less_one, less_one)


def _repeated(function: Callable, value, count: int):
    """The function `count` times over: compiled once."""
    return jax.lax.scan(lambda carry, _: (function(carry), None), value, length=count)[0] if count else value


def without_stiffness(exponent: Matrices, exchanged: Float[Array, "*batch"] | float = 0.0) -> Matrices:
    """The exponent with decays of more than `GONE` cut to that: a semisolid under a very short and strong pulse.

    What is `exchanged` (rate times step) is left as it is: it does not go, it comes back in another pool.
    """
    least = -(GONE + jnp.asarray(exchanged, exponent.dtype))[..., None, None]
    return jnp.where(jnp.eye(exponent.shape[-1], dtype=bool), jnp.maximum(exponent, least), exponent)


def _beyond_first_order(x: Matrices) -> Matrices:
    """x²/2! + x³/3! + ... + x¹⁰/10!, in five products."""
    identity = jnp.eye(x.shape[-1], dtype=x.dtype)
    square = product(x, x)
    cube = product(square, x)

    def three(first: int) -> Matrices:
        a, b, c = (1 / math.factorial(first + k) for k in range(3))
        return a * identity + b * x + c * square

    return product(square, three(2) + product(cube, three(5) + product(cube, three(8))))


@jax.custom_jvp
def _doubled(high: Matrices, low: Matrices) -> tuple[Matrices, Matrices]:
    """2 E + E² of the sum E of two matrices, in twice the precision of float32."""
    high, low = _exact_sum(high, low)
    upper = _upper(high)
    lower = high - upper
    total, rest = 2 * high, 2 * low
    for k in range(high.shape[-1]):
        # Both factors have 12 bits: their product is exact, and so is the sum with what rounding took.
        total, lost = _exact_sum_of_any(total, upper[..., :, k, None] * upper[..., None, k, :])
        rest = rest + lost
    rest = rest + product(upper, lower) + product(lower, high) + product(high, low) + product(low, high)
    return _exact_sum(total, rest)


@_doubled.defjvp
def _doubled_jvp(primals, tangents):
    """d(2 E + E²) = 2 dE + dE E + E dE; derivatives are content with one float32."""
    less_one, change = primals[0] + primals[1], tangents[0] + tangents[1]
    moved = 2 * change + product(change, less_one) + product(less_one, change)
    return _doubled(*primals), (moved, jnp.zeros_like(moved))


def _exact_sum(a, b):
    """The rounded sum of a large and a small number, and what rounding took. Source: Dekker, Numer. Math. 18 (1971) 224."""
    total = a + b
    return total, b - (total - a)


def _exact_sum_of_any(a, b):
    """The rounded sum of any two numbers, and what rounding took. Source: Knuth, TAOCP 2, section 4.2.2."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _upper(values):
    """The values with the lower half of their significand cut off."""
    bits = jax.lax.bitcast_convert_type(values, jnp.int32)
    return jax.lax.bitcast_convert_type(bits & UPPER_HALF, jnp.float32)
