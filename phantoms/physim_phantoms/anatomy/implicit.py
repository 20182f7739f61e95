"""Signed distances of simple bodies, how they blend, and how a voxel is covered by them.

Every distance is negative inside and in mm. A place is a tuple of three arrays of one shape, so that
everything here fuses into one pass over memory. All of it is continuous in all its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

Place = tuple[Any, Any, Any]  # x, y, z: arrays of one shape (or numbers), mm


def coverage(distance, voxel):
    """Share of a voxel of edge `voxel` that lies inside: linear in the signed distance over one voxel.

    Good values: `voxel` = the mean spacing; the total volume of a body then does not depend on it to first order.
    """
    return jnp.clip(0.5 - distance / voxel, 0.0, 1.0)


def smooth_min(a, b, radius: float):
    """The smaller of two distances with the seam rounded over `radius` mm (quadratic blend, C¹)."""
    h = jnp.maximum(radius - jnp.abs(a - b), 0.0) / radius
    return jnp.minimum(a, b) - 0.25 * radius * h * h


def smooth_max(a, b, radius: float):
    """The larger of two distances with the seam rounded over `radius` mm."""
    return -smooth_min(-a, -b, radius)


def union(distances: Sequence[Any], radius: float):
    """Smooth union of several bodies."""
    total = distances[0]
    for distance in distances[1:]:
        total = smooth_min(total, distance, radius)
    return total


def length(*components):
    """Euclidean length, with a gradient at zero."""
    return jnp.sqrt(sum(c * c for c in components) + 1e-8)


def shifted(place: Place, centre) -> Place:
    """The place seen from `centre`."""
    return place[0] - centre[0], place[1] - centre[1], place[2] - centre[2]


def turned(place: Place, degrees: Sequence[int | float]) -> Place:
    """The place seen from a body that was turned about x, then y, then z by these angles."""
    x, y, z = place
    (sx, cx), (sy, cy), (sz, cz) = (_sine_cosine(d) for d in degrees)
    x, y = cz * x + sz * y, -sz * x + cz * y
    x, z = cy * x - sy * z, sy * x + cy * z
    y, z = cx * y + sx * z, -sx * y + cx * z
    return x, y, z


def _sine_cosine(degrees) -> tuple:
    """Sine and cosine; of a Python number without any work at run time."""
    angle = degrees * np.pi / 180.0
    if isinstance(degrees, int | float):
        return float(np.sin(angle)), float(np.cos(angle))
    return jnp.sin(angle), jnp.cos(angle)


def ellipsoid(place: Place, centre, semi_axes, degrees: Sequence[int | float] | None = None):
    """Ellipsoid; first-order distance k₀(k₀-1)/k₁ with k₀ = |q/r|, k₁ = |q/r²| (exact on the surface and for a sphere)."""
    q = shifted(place, centre)
    if degrees is not None:
        q = turned(q, degrees)
    scaled = tuple(c / r for c, r in zip(q, semi_axes, strict=True))
    k0 = length(*scaled)
    k1 = length(*(c / r for c, r in zip(scaled, semi_axes, strict=True)))
    return k0 * (k0 - 1.0) / (k1 + 1e-6)


def superellipsoid(place: Place, centre, semi_axes, power: float = 3.0):
    """Rounded box: |x/a|ⁿ + |y/b|ⁿ + |z/c|ⁿ = 1; first-order distance."""
    q = shifted(place, centre)
    scaled = [jnp.abs(c) / r + 1e-4 for c, r in zip(q, semi_axes, strict=True)]
    total = sum(s**power for s in scaled)
    radius = total ** (1.0 / power)
    slope = length(*((s / radius) ** (power - 1.0) / r for s, r in zip(scaled, semi_axes, strict=True)))
    return (radius - 1.0) / slope


def box(place: Place, centre, half_edges, rounding: float = 0.0):
    """Box with rounded edges; exact distance outside."""
    q = [jnp.abs(c) - (h - rounding) for c, h in zip(shifted(place, centre), half_edges, strict=True)]
    outside = length(*(jnp.maximum(c, 0.0) for c in q))
    inside = jnp.minimum(jnp.maximum(q[0], jnp.maximum(q[1], q[2])), 0.0)
    return outside + inside - rounding


def capsule(
    place: Place, start, end, start_radius, end_radius, stretch: Sequence[int | float] = (1.0, 1.0, 1.0)
):
    """Round rod between two points whose radius runs from one value to another; `stretch` widens it along an axis."""
    q = tuple(c / s for c, s in zip(shifted(place, start), stretch, strict=True))
    axis = tuple((e - b) / s for e, b, s in zip(end, start, stretch, strict=True))
    squared = sum(a * a for a in axis)
    along = jnp.clip(sum(c * a for c, a in zip(q, axis, strict=True)) / squared, 0.0, 1.0)
    gap = length(*(c - along * a for c, a in zip(q, axis, strict=True)))
    return (gap - (start_radius + along * (end_radius - start_radius))) * min(stretch)


def tube(
    place: Place,
    points: Sequence[Sequence[int | float]],
    radii: Sequence[Any],
    blend: float = 2.0,
    stretch=(1.0, 1.0, 1.0),
):
    """A chain of rods through `points` with a radius at each."""
    rods = [
        capsule(place, points[i], points[i + 1], radii[i], radii[i + 1], stretch)
        for i in range(len(points) - 1)
    ]
    return union(rods, blend)


def mirrored(place: Place) -> Place:
    """The place folded onto the side of positive x, smoothly at the middle plane."""
    return jnp.sqrt(place[0] ** 2 + 0.01), place[1], place[2]


class Canvas:
    """Paint layers over one another: each new layer displaces what lies below in proportion to its coverage.

    The fractions stay between 0 and 1 and never sum above 1, whatever the layers.
    """

    def __init__(self):
        self.fractions: dict[str, Any] = {}

    def paint(self, cover, **mixture) -> None:
        """Covers the share `cover` of every voxel with a mixture of tissues (shares that sum to 1)."""
        remaining = 1.0 - cover
        for name in self.fractions:
            self.fractions[name] = self.fractions[name] * remaining
        for name, share in mixture.items():
            self.fractions[name] = self.fractions.get(name, 0.0) + cover * share
