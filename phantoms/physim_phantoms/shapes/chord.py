"""The stretch of a segment p + t d, 0 <= t <= 1, inside quadrics and slabs; exact, and safe to differentiate."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array

from .frame import dot

Interval = tuple[Array, Array]


def in_quadric(start: tuple[Array, ...], step: tuple[Array, ...]) -> Interval:
    """Entry and exit of |p + t d| < 1, unclipped; a miss has its exit before its entry.

    The discriminant comes from the point nearest to the centre and the roots from the stable form q/A and C/q, so that
    neither far sources nor rays along a cylinder cancel.
    """
    squared, along, outside = dot(step, step), dot(start, step), dot(start, start) - 1
    moving = squared > jnp.finfo(squared.dtype).tiny ** 0.5
    a = jnp.where(moving, squared, 1)
    foot = [p - along / a * d for p, d in zip(start, step, strict=True)]
    nearest = dot(foot, foot)
    hit = moving & (nearest < 1)
    # Compiled, the product may be rounded otherwise than the comparison was: a ray that just hits must not become NaN.
    root = jnp.sqrt(jnp.where(hit, jnp.maximum(a * (1 - nearest), jnp.finfo(a.dtype).tiny), 1))
    q = -(along + jnp.where(along >= 0, root, -root))
    q = jnp.where(hit, q, 1)
    first, second = jnp.where(hit, q / a, 0), jnp.where(hit, outside / q, 0)
    resting = ~moving & (outside <= 0)
    enter = jnp.where(hit, jnp.minimum(first, second), jnp.where(resting, -1, 2))
    leave = jnp.where(hit, jnp.maximum(first, second), jnp.where(resting, 2, -1))
    return enter, leave


def in_slab(start: Array, step: Array, half: Array) -> Interval:
    """Entry and exit of |p + t d| < half, unclipped; a miss has its exit before its entry."""
    moving = jnp.abs(step) > jnp.finfo(step.dtype).tiny ** 0.25
    d = jnp.where(moving, step, 1)
    first, second = (-half - start) / d, (half - start) / d
    resting = ~moving & (jnp.abs(start) <= half)
    enter = jnp.where(moving, jnp.minimum(first, second), jnp.where(resting, -1, 2))
    leave = jnp.where(moving, jnp.maximum(first, second), jnp.where(resting, 2, -1))
    return enter, leave


def overlap(*intervals: Interval) -> Array:
    """The length that all intervals share with [0, 1]."""
    enter, leave = intervals[0]
    for other_enter, other_leave in intervals[1:]:
        enter, leave = jnp.maximum(enter, other_enter), jnp.minimum(leave, other_leave)
    return jnp.maximum(jnp.clip(leave, 0, 1) - jnp.clip(enter, 0, 1), 0)
