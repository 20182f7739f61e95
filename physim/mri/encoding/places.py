"""Places on a grid as whole numbers and fractions, exact where float32 alone would round them.

On a grid of a thousand steps a float32 is right to 6 × 10⁻⁵ of a step, which costs 10⁻⁴ of phase. So both factors of
place = scale · coordinate are pairs whose sum they are, and the product is cut into a whole number and a fraction.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..phase import _upper as upper
from ..sequence.program import Pair


def less(pair: Pair, number) -> Pair:
    """pair − number, as a pair: what the difference of the upper parts loses goes into the lower part."""
    high = pair.high - number
    back = high + number
    lost = (pair.high - back) - (number - (back - high))
    return Pair(high, pair.low + lost)


def ratio(whole, number) -> Pair:
    """whole / number as a pair; `whole` a number of less than 12 bits."""
    high = whole / number
    if number.dtype == jnp.float64:
        return Pair(high, jnp.zeros_like(high))
    return Pair(high, _remainder(whole, high, number) / number)


def multiple(whole, number) -> Pair:
    """whole · number as a pair."""
    high = whole * number
    if number.dtype == jnp.float64:
        return Pair(high, jnp.zeros_like(high))
    return Pair(high, -_remainder(high, jnp.asarray(whole, number.dtype), number))


def _remainder(a, b, c):
    """a − b c without the rounding of the product."""
    b_upper, c_upper = upper(b), upper(c)
    b_lower, c_lower = b - b_upper, c - c_upper
    return ((a - b_upper * c_upper) - b_upper * c_lower - b_lower * c_upper) - b_lower * c_lower


def place(scale: Pair, coordinate: Pair) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """scale · coordinate as a whole number and what is left, about within [-½, ½]."""
    a, b = scale.high, coordinate.high
    if b.dtype == jnp.float64:
        product = jnp.asarray((a + scale.low) * (b + coordinate.low))
        whole = jnp.round(product)
        return whole, product - whole
    a_upper, b_upper = upper(a), upper(b)
    large = a_upper * b_upper
    rest = a_upper * (b - b_upper) + (a - a_upper) * b + a * coordinate.low + scale.low * b
    whole = jnp.round(large)
    more = jnp.round((large - whole) + rest)
    return whole + more, ((large - whole) - more) + rest
