"""How much of a small cell lies behind a surface: exact for planes, right to second order for curved ones.

A coverage is a continuous function of where the surface is, so voxels can be differentiated by shape parameters.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

Place = tuple[Array, Array, Array]


def widths(normal: tuple[Array | float, ...], edges: Float[Array, "3 3"]) -> tuple[Array, Array, Array]:
    """Extent along a unit normal of each of a cell's three edges (the columns of `edges`)."""
    first, second, third = (
        jnp.abs(sum(n * edges[row, column] for row, n in enumerate(normal))) for column in range(3)
    )
    return first, second, third


def plane(distance: Array, extents: tuple[Array, Array, Array]) -> Array:
    """The fraction of a cell behind a plane at `distance` from the cell's centre (positive: the centre is in front).

    `extents` are the cell's edges projected on the normal. The fraction is the distribution function of the sum of three
    uniform variables of those widths, in the piecewise form of Scardovelli and Zaleski, J. Comput. Phys. 164 (2000)
    228, arranged so that no piece divides a difference by a width that may vanish.
    """
    small, middle, large = _sorted(*extents)
    tiny = jnp.finfo(distance.dtype).tiny ** 0.25
    pair = small + middle
    half = 0.5 * (pair + large)
    depth = jnp.clip(half - jnp.abs(distance), 0, None)
    corner = _corner(jnp.minimum(depth, pair), small, middle, large, tiny)
    straight = (2 * depth - pair) / (2 * jnp.maximum(large, tiny))
    tail = jnp.where(depth < pair, corner, straight)
    return jnp.where(distance > 0, tail, 1 - tail)


def _corner(depth, small, middle, large, tiny):
    """The volume cut off a corner, for depths up to the sum of the two smaller widths."""
    s, m, ell = jnp.maximum(small, tiny), jnp.maximum(middle, tiny), jnp.maximum(large, tiny)
    inner = jnp.minimum(depth, small)
    tetrahedron = (inner / s) * (inner / m) * (inner / ell) / 6
    prism = (
        3 * (depth / m) * (depth / ell) - 3 * (depth / m) * (small / ell) + (small / m) * (small / ell)
    ) / 6
    beyond_middle = jnp.clip(depth - middle, 0, small)
    beyond_large = jnp.clip(depth - large, 0, small)
    spill = (beyond_middle / s) * (beyond_middle / m) * (beyond_middle / ell) / 6
    spill = spill + (beyond_large / s) * (beyond_large / m) * (beyond_large / ell) / 6
    return jnp.where(depth < small, tetrahedron, prism - spill)


def _sorted(a, b, c):
    low, high = jnp.minimum(a, b), jnp.maximum(a, b)
    return jnp.minimum(low, c), jnp.maximum(low, jnp.minimum(high, c)), jnp.maximum(high, c)


def slab(coordinate: Array, half: Array, extents: tuple[Array, Array, Array]) -> Array:
    """The fraction of a cell with |coordinate| < half; exact, also for slabs thinner than the cell."""
    faces = plane(jnp.stack([coordinate - half, coordinate + half]), extents)
    return faces[0] - faces[1]


def quadric(place: Place, weights: tuple[Array, ...], edges: Float[Array, "3 3"]) -> Array:
    """The fraction of a cell with w₀x² + w₁y² + w₂z² < 1.

    The surface along the normal through the cell's centre solves a quadratic; curvature moves the plane that cuts
    off the same volume by ½ tr(H C)/|∇f|, with C the covariance of positions in the cell given the distance.
    """
    x, y, z = place
    # At the centre there is no normal: deep inside, any place is as good.
    x = jnp.where(
        weights[0] * x * x + weights[1] * y * y + weights[2] * z * z < 1e-6, 1e-3 / jnp.sqrt(weights[0]), x
    )
    place = (x, y, z)
    level = sum(w * u * u for w, u in zip(weights, place, strict=True)) - 1
    gradient = [2 * w * u for w, u in zip(weights, place, strict=True)]
    slope = jnp.sqrt(sum(g * g for g in gradient))
    normal = tuple(g / slope for g in gradient)
    bend = sum(2 * w * n * n for w, n in zip(weights, normal, strict=True))
    surface_slope = jnp.sqrt(jnp.maximum(slope**2 - 2 * bend * level, (0.05 * slope) ** 2))
    distance = 2 * level / (slope + surface_slope)
    shift = 0.5 * _tangential_bend(normal, weights, edges) / surface_slope
    return plane(distance + shift, widths(normal, edges))


def _tangential_bend(normal, weights, edges):
    """tr(H C): H the Hessian 2 diag(w), C = D − D n nᵀ D / nᵀ D n, D the covariance of a uniform position in a cell."""
    spread = edges @ edges.T / 12
    moved = [sum(spread[row, column] * normal[column] for column in range(3)) for row in range(3)]
    along = sum(n * m for n, m in zip(normal, moved, strict=True))
    free = sum(2 * w * spread[axis, axis] for axis, w in enumerate(weights))
    return free - sum(2 * w * m * m for w, m in zip(weights, moved, strict=True)) / along
