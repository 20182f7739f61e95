"""The diaphragm: two domes that part the chest from the belly and move with the breath."""

from __future__ import annotations

import jax.numpy as jnp

from .implicit import coverage, ellipsoid, smooth_max, smooth_min
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk

RIGHT_TOP, LEFT_TOP = 62.0, 50.0  # heights of the domes at total lung capacity, mm for 170 cm
_BASE = -28.0  # where the domes meet the wall
THICKNESS = 2.5  # mm


def dome_height(trunk: Trunk, right: bool):
    """Height of a dome's top, mm."""
    return trunk.level(RIGHT_TOP if right else LEFT_TOP) + trunk.lift * (1.0 if right else 0.95)


def domes(trunk: Trunk, spot: Spot):
    """Distance to the lower surface of the diaphragm's domes: negative below them."""
    half_width, middle, half_depth = trunk.wall(trunk.level(30.0))
    base = trunk.level(_BASE)
    above = jnp.maximum(spot.z - base, 0.0)
    sides = []
    for sign, right in ((1.0, True), (-1.0, False)):
        centre = (sign * 0.49 * half_width, middle + 4.0, 0.0)
        axes = (0.515 * half_width, 0.99 * half_depth, dome_height(trunk, right) - base)
        sides.append(ellipsoid((spot.x, spot.y, above), centre, axes))
    return smooth_min(sides[0], sides[1], 40.0)


def recess(trunk: Trunk, spot: Spot):
    """Height above the lower border of the pleura, which is deepest at the back."""
    _, middle, half_depth = trunk.wall(trunk.level(30.0))
    return spot.z - trunk.level(18.0) - trunk.level(34.0) * (spot.y - middle) / half_depth


def belly(trunk: Trunk, spot: Spot) -> tuple:
    """Distances to the space below the diaphragm and inside the wall, and to that below the pleura."""
    below = smooth_min(domes(trunk, spot), recess(trunk, spot) * 0.9, 8.0)
    return smooth_max(spot.inner, below, 6.0), below


def layers(below, spot: Spot, edge) -> list[Layer]:
    """The muscular sheet on top of the belly."""
    sheet = jnp.maximum(jnp.abs(below - 0.5 * THICKNESS) - 0.5 * THICKNESS, spot.inner)
    return [layer(coverage(sheet, edge), muscle=1.0)]
