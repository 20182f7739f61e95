"""The diaphragm: two domes that part the chest from the belly and move with the breath."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from .implicit import coverage, ellipsoid, smooth_max, smooth_min
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk

RIGHT_TOP, LEFT_TOP = 38.0, 28.0  # heights of the domes at total lung capacity, mm for 170 cm
_BASE = -50.0  # where the domes meet the wall
_FOLLOW = 0.6  # how far the lower borders follow the domes
THICKNESS = 2.5  # mm


def dome_height(trunk: Trunk, right: bool):
    """Height of a dome's top, mm."""
    return trunk.level(RIGHT_TOP if right else LEFT_TOP) + trunk.lift * (1.0 if right else 0.95)


class Diaphragm(eqx.Module):
    """The measures of both domes, mm."""

    base: Any
    half_width: Any
    middle: Any
    half_depth: Any
    right: Any  # height of the right dome above the base
    left: Any
    border: Any  # of the pleura: its height in the middle, and how much higher it stands in front
    slope: Any


def diaphragm(trunk: Trunk) -> Diaphragm:
    """The diaphragm of one patient."""
    base = trunk.level(_BASE) + _FOLLOW * trunk.lift
    right, left = dome_height(trunk, True) - base, dome_height(trunk, False) - base
    return Diaphragm(
        base,
        *trunk.wall(trunk.level(30.0)),
        right,
        left,
        trunk.level(-2.0) + _FOLLOW * trunk.lift,
        trunk.level(34.0),
    )


def domes(shape: Diaphragm, spot: Spot):
    """Distance to the lower surface of the diaphragm's domes: negative below them."""
    above = jnp.maximum(spot.z - shape.base, 0.0)
    wide, deep = shape.half_width, 0.99 * shape.half_depth
    place = (spot.x, spot.y - shape.middle - 4.0, above)
    right = ellipsoid(place, (0.49 * wide, 0.0, 0.0), (0.515 * wide, deep, shape.right))
    left = ellipsoid(place, (-0.49 * wide, 0.0, 0.0), (0.515 * wide, deep, shape.left))
    return smooth_min(right, left, 40.0)


def recess(shape: Diaphragm, spot: Spot):
    """Height above the lower border of the pleura, which is deepest at the back."""
    return spot.z - shape.border - shape.slope * (spot.y - shape.middle) / shape.half_depth


def belly(shape: Diaphragm, spot: Spot) -> tuple:
    """Distances to the space below the diaphragm and inside the wall, and to that below the pleura."""
    below = smooth_min(domes(shape, spot), recess(shape, spot) * 0.9, 8.0)
    return smooth_max(spot.inner, below, 6.0), below


def layers(below, spot: Spot, edge) -> list[Layer]:
    """The muscular sheet on top of the belly."""
    sheet = jnp.maximum(jnp.abs(below - 0.5 * THICKNESS) - 0.5 * THICKNESS, spot.inner)
    return [layer(coverage(sheet, edge), muscle=1.0)]
