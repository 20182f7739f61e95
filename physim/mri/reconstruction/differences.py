"""Differences between neighbouring voxels and their adjoint, without a difference across the edge of the image."""

from __future__ import annotations

import jax.numpy as jnp


def gradient(image):
    """m(next) − m along every axis, [axis x y z]; 0 in the last plane of each."""
    return jnp.stack([jnp.diff(image, axis=axis, append=image[_last(axis)]) for axis in range(image.ndim)])


def gradient_adjoint(field):
    """The adjoint of `gradient`, a negative divergence."""
    total = jnp.zeros_like(field[0])
    for axis in range(field.ndim - 1):
        kept = field[axis][_but_last(axis)]
        edges = [(0, 0)] * (field.ndim - 1)
        before, after = list(edges), list(edges)
        before[axis], after[axis] = (1, 0), (0, 1)
        total = total + jnp.pad(kept, before) - jnp.pad(kept, after)
    return total


def _last(axis: int):
    return (slice(None),) * axis + (slice(-1, None),)


def _but_last(axis: int):
    return (slice(None),) * axis + (slice(None, -1),)
