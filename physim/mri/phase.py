"""Products k·r reduced to one cycle before float32 loses them.

A spoiler turns spins by thousands of cycles; in float32 the product alone is wrong by 10⁻³ cycles. Here both factors are
cut into an upper half of the bits and the rest, so that the large partial product is exact and can drop its whole cycles.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .sequence.program import Pair

UPPER_HALF = -(1 << 12)  # keeps 12 of the 24 bits of a float32's significand


def wrapped(cycles):
    """Cycles reduced to [-½, ½]; the derivative is 1."""
    return cycles - jax.lax.stop_gradient(jnp.round(cycles))


def wrapped_product(first: Pair, second: Float[Array, "..."]) -> Float[Array, "..."]:
    """first · second in cycles, to within a few 10⁻⁸ cycles of the exact product, reduced to about one cycle.

    In float64 the plain product is exact enough.
    """
    if second.dtype == jnp.float64:
        return wrapped(jnp.asarray(first.value) * second)
    a, b = jnp.asarray(first.high, second.dtype), second
    a_upper, b_upper = _upper(a), _upper(b)
    rest = a_upper * (b - b_upper) + (a - a_upper) * b + jnp.asarray(first.low, second.dtype) * b
    return wrapped(a_upper * b_upper) + wrapped(rest)


def _upper(values):
    """The values with the lower half of their significand cut off; a constant to derivatives."""
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(values), jnp.int32)
    return jax.lax.stop_gradient(jax.lax.bitcast_convert_type(bits & UPPER_HALF, jnp.float32))
