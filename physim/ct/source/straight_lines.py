"""Curves given at a few points, without gathers."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.checkpoint
def straight_lines(
    at: Float[Array, "*point"], knots: Float[Array, " knot"], values: Float[Array, " knot"]
) -> Float[Array, "*point"]:
    """Linear interpolation between rising knots, held beyond them; differentiable in all three.

    A sum over the segments of how far each is passed: no gather, hence no scatter in its transpose.
    """
    passed = jnp.clip((at[..., None] - knots[:-1]) / (knots[1:] - knots[:-1]), 0, 1)
    return values[0] + jnp.sum(passed * (values[1:] - values[:-1]), axis=-1)
