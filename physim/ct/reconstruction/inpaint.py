"""Detector columns that are not to be trusted, filled in from those to their left and right."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def inpaint(
    sino: Float[Array, "view row column"], missing: Bool[Array, "view row column"]
) -> Float[Array, "view row column"]:
    """The sinogram with its `missing` pixels interpolated linearly along the columns; ends repeat the nearest good value.

    Rows without a good pixel stay as they are. Differentiable in the values.
    """
    column = jnp.broadcast_to(jnp.arange(sino.shape[-1], dtype=sino.dtype), sino.shape)
    left, left_at, left_known = _nearest_known(sino, column, ~missing, from_right=False)
    right, right_at, right_known = _nearest_known(sino, column, ~missing, from_right=True)
    between = left_known & right_known
    span = jnp.where(between & missing, right_at - left_at, 1)
    share = jnp.where(between, (column - left_at) / span, jnp.where(left_known, 0, 1))
    filled = (1 - share) * left + share * right
    return jnp.where(missing & (left_known | right_known), filled, sino)


def _nearest_known(sino, column, known, from_right: bool):
    """Value and place of the nearest known pixel on one side of each one, itself included, and whether there is any."""

    def later(last, here):
        last = tuple(jnp.where(here[2], a, b) for a, b in zip(here, last, strict=True))
        return last, last

    across = tuple(jnp.moveaxis(a, -1, 0) for a in (sino, column, known))
    nothing = tuple(jnp.zeros_like(a[0]) for a in across)
    found = jax.lax.scan(later, nothing, across, reverse=from_right)[1]
    return tuple(jnp.moveaxis(a, 0, -1) for a in found)
