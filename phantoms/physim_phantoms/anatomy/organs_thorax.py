"""Lungs, the mediastinum that parts them, airways and gullet."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .implicit import coverage, length, smooth_max, smooth_min
from .organs_diaphragm import THICKNESS, Diaphragm, domes, recess
from .rods import Rods
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk, bump


def airways(trunk: Trunk, male) -> tuple[Rods, Rods]:
    """Trachea with the main bronchi, and the gullet down to the stomach; `male` (0 or 1) widens the trachea."""
    rows = [
        (0, 24, 340), (0, 20, 270), (1.5, 19, 235), (3, 16, 192),
        (3, 16, 192), (20, 14, 178), (42, 14, 164),
        (3, 16, 192), (-20, 14, 180), (-45, 12, 160),
        (-3, 8, 340), (-5, 6, 250), (-5, 6, 190), (-6, 10, 140), (-10, 22, 100), (-16, 30, 66), (-26, 38, 42),
    ]  # fmt: skip
    places = trunk.along(rows)
    radii = np.array([1.0, 1.0, 1.0, 1.0, 0.85, 0.8, 0.62, 0.75, 0.7, 0.58]) * (7.4 + 1.4 * male)
    return Rods.chains(places[:10], [4, 3, 3], radii), Rods.chain(places[10:], 6.5)


def mediastinum(spot: Spot, heart, vessels, pipes, gullet):
    """Distance to all that lies between the lungs."""
    back = spot.y - spot.y_spine
    behind = jnp.where(back > 0.0, back * (spot.body_width / spot.body_depth), jnp.minimum(back + 80.0, 0.0))
    spine = length(spot.x - spot.x_spine, behind) - spot.body_width - 4.0
    # The septum is thin in front, and widens around the vessels towards the neck.
    middle = spot.x_spine - 6.0 * bump(spot.c, 130.0, 60.0) - 3.0
    septum = jnp.abs(spot.x - middle) - 6.0 - 22.0 * jnp.clip((spot.c - 200.0) / 60.0, 0.0, 1.5)
    near = smooth_min(
        smooth_min(heart - 3.5, vessels - 2.0, 14.0), smooth_min(pipes - 4.0, gullet - 2.5, 10.0), 14.0
    )
    return smooth_min(smooth_min(near, spine, 8.0), septum, 10.0)


def apices(trunk: Trunk) -> tuple:
    """Half width, middle and half depth of the wall where the lungs begin to taper."""
    return trunk.wall(trunk.level(200.0))


def lungs(top: tuple, shape: Diaphragm, spot: Spot, room, between):
    """Distance to both lungs: what the wall, the mediastinum and the diaphragm leave."""
    half_width, middle, half_depth = top
    side = spot.folded[0] - 0.50 * half_width
    above = jnp.maximum(spot.c - 200.0, 0.0) / 74.0
    forward = (spot.y - (middle - 8.0)) / (0.98 * half_depth)
    apex = (length(side / (0.72 * half_width), forward, above) - 1.0) * 50.0
    # Below, the wall takes over from the taper little by little: at once would leave a ledge.
    apex = apex - jnp.maximum(200.0 - spot.c, 0.0)
    floor = jnp.maximum(THICKNESS - domes(shape, spot), -recess(shape, spot))
    return smooth_max(smooth_max(smooth_max(room + 1.0, apex, 8.0), -between, 9.0), floor, 5.0)


def fissures(top: tuple, spot: Spot):
    """Distance from the oblique fissures of both lungs and the horizontal one of the right."""
    _, middle, half_depth = top
    slope = 60.0 / half_depth
    over = spot.c - 150.0 + 0.06 * (spot.folded[0] - 70.0)
    oblique = (over + slope * (spot.y - middle)) / jnp.sqrt(1.0 + slope**2)
    horizontal = jnp.maximum(
        jnp.abs(over - 2.0 + 0.1 * (spot.y - middle)), jnp.maximum(-oblique, 10.0 - spot.x)
    )
    return jnp.minimum(jnp.abs(oblique), horizontal)


def layers(top: tuple, spot: Spot, edge, lung, speck) -> list[Layer]:
    """Air-filled tissue, with a little more blood where it hangs lowest, and the fissures."""
    low = jnp.clip(0.5 - 0.5 * spot.forward, 0.0, 1.0)
    share = 0.01 + 0.04 * low * low + 0.12 * jnp.clip(speck - 1.3, 0.0, 1.0)
    thin = jnp.clip(0.5 / edge, 0.0, 0.4) * jnp.clip(1.2 - fissures(top, spot) / edge, 0.0, 1.0)
    return [
        layer(coverage(lung, edge), lung=1.0 - share, blood=share),
        layer(coverage(lung + 1.0, edge) * thin, soft_tissue=1.0),
    ]


def pipe_layers(pipes, gullet, edge) -> list[Layer]:
    """Gullet, trachea and main bronchi, walls 3.5 mm and 1.5 mm."""
    return [
        layer(coverage(gullet, edge), oesophagus=1.0),
        layer(coverage(gullet + 5.0, edge), air=0.4, oesophagus=0.6),
        layer(coverage(pipes, edge), cartilage=0.5, soft_tissue=0.5),
        layer(coverage(pipes + 1.5, edge), air=1.0),
    ]
