"""The shoulder girdle with the arms overhead: clavicles, scapulae, upper ends of the humeri."""

from __future__ import annotations

import jax.numpy as jnp

from .implicit import coverage, smooth_max, smooth_min
from .rods import Rods
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk, points


def girdle(trunk: Trunk) -> tuple[Rods, Rods]:
    """The right clavicle, scapular spine and glenoid, and the humerus."""
    w, r = trunk.width, trunk.rise
    z = trunk.level(246.0)
    _, middle, half_depth = trunk.wall(z)
    y = middle + half_depth
    collar = points(
        (20.0, y + 4.0, z),
        (45.0 * w, y + 4.0, z + 6.0),
        (75.0 * w, y - 16.0, z + 12.0),
        (105.0 * w, y - 46.0, z + 15.0),
        (138.0 * w, y - 58.0, z + 12.0),
    )
    z, y = trunk.level(240.0), trunk.spine(trunk.level(240.0))[1]
    spine = points(
        (78.0 * w, y - 42.0, z - 12.0), (112.0 * w, y - 38.0, z + 4.0), (146.0 * w, y - 16.0, z + 16.0)
    )
    glenoid = points((124.0 * w, y - 22.0, z - 8.0), (140.0 * w, y - 6.0, z - 2.0))
    arm = points(
        (160.0 * w, y + 4.0, z + 2.0), (172.0 * w, y + 6.0, z + 30.0), (192.0 * w, y + 12.0, z + 140.0)
    )
    thin = Rods.join(
        Rods.chain(collar, jnp.asarray([8.0, 6.2, 5.4, 5.4, 6.5])),
        Rods.chain(spine, jnp.asarray([3.0, 4.5, 5.5])),
        Rods.chain(glenoid, jnp.asarray([6.0, 11.0])),
    )
    return thin, Rods.chain(arm, jnp.asarray([22.0, 14.0, 11.0]) * r)


def blade(trunk: Trunk, spot: Spot):
    """Distance to the blades of the scapulae: plates on the back of the cage."""
    x = spot.folded[0]
    plate = jnp.abs(spot.inner - 21.0) - 1.8
    medial = 68.0 * trunk.width + 0.10 * trunk.level(245.0 - spot.c)
    lateral = 150.0 * trunk.width - 0.62 * trunk.level(240.0 - spot.c)
    height = trunk.rise * smooth_max(spot.c - 252.0, 118.0 - spot.c, 8.0)
    outline = smooth_max(smooth_max(medial - x, x - lateral, 8.0), height, 8.0)
    behind = spot.y - (spot.middle + 0.12 * spot.half_depth)
    return smooth_max(jnp.maximum(plate, behind), outline, 3.0)


def layers(trunk: Trunk, thin: Rods, arm: Rods, spot: Spot, edge, share) -> list[Layer]:
    """Compact bone with a spongy core."""
    flat = smooth_min(blade(trunk, spot), thin.distance(spot.folded, 3.0), 4.0)
    humerus = arm.distance(spot.folded, 8.0)
    return [
        layer(coverage(jnp.minimum(flat, humerus), edge), cortical_bone=1.0),
        layer(
            coverage(jnp.minimum(flat + 1.5, humerus + 2.5), edge),
            trabecular_bone=share,
            yellow_marrow=1.0 - share,
        ),
    ]
