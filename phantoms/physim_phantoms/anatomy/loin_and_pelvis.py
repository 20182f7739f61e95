"""What carries the belly: psoas, crura, the square muscles of the loins, hip bones."""

from __future__ import annotations

import jax.numpy as jnp

from .implicit import coverage, ellipsoid, smooth_max, smooth_min
from .rods import Rods
from .spine_column import sacrum
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk, bump


def psoas(trunk: Trunk, strength) -> Rods:
    """The right psoas, which swells from the first lumbar vertebra down to the hip; x from the spine's middle."""
    c = jnp.asarray([0.0, -40.0, -90.0, -135.0, -180.0, -240.0])
    z = trunk.level(c)
    x = jnp.asarray([26.0, 33.0, 41.0, 47.0, 56.0, 72.0])
    y = trunk.spine(z)[1] + jnp.asarray([-2.0, -3.0, -2.0, 2.0, 18.0, 44.0])
    r = jnp.asarray([6.0, 10.0, 14.5, 17.5, 18.5, 18.0]) * strength**0.5
    return Rods.chain(jnp.stack([x, y, z], axis=1), r)


def crura(trunk: Trunk, spot: Spot):
    """Distance to the crura of the diaphragm, beside the aorta."""
    x = jnp.sqrt((spot.x - spot.x_spine + 3.0) ** 2 + 0.01)
    slab = ellipsoid((x, spot.y - spot.face, 0.0 * x), (15.0, 6.0, 0.0), (4.5, 15.0, 10.0), (0.0, 0.0, -8.0))
    return smooth_max(slab, trunk.rise * jnp.maximum(-78.0 - spot.c, spot.c - 58.0), 4.0)


def hip(spot: Spot, rise):
    """Distance to the wings of the hip bones: plates outside the inner wall below the iliac crest."""
    forward = spot.forward
    front, back = jnp.clip(forward + 0.05, 0.0, 2.0), jnp.clip(-forward - 0.3, 0.0, 2.0)
    crest = -122.0 - 26.0 * front**2 - 40.0 * back**2
    thick = 4.0 + 3.5 * bump(spot.c, crest - 6.0, 14.0) + 5.0 * jnp.clip(-forward - 0.4, 0.0, 0.5)
    sides = jnp.maximum((forward - 0.62) * spot.half_depth, (0.24 - spot.across) * spot.half_width)
    outline = smooth_max(rise * (spot.c - crest), sides, 6.0)
    return smooth_max(jnp.abs(spot.inner - 7.0) - thick, outline, 5.0)


def muscle_layers(trunk: Trunk, loin: Rods, spot: Spot, edge) -> list[Layer]:
    """Psoas, the square muscles and the crura."""
    x, y = spot.beside[0], spot.y - spot.y_spine
    square = ellipsoid((x, y, 0.0 * x), (56.0, -26.0, 0.0), (26.0, 8.0, 10.0), (0.0, 0.0, 12.0))
    square = smooth_max(square, trunk.rise * jnp.maximum(spot.c + 8.0, -135.0 - spot.c), 10.0)
    loins = smooth_min(loin.distance(spot.beside, 8.0), square, 3.0)
    return [layer(coverage(jnp.minimum(loins, crura(trunk, spot)), edge), muscle=1.0)]


def bone_layers(trunk: Trunk, spot: Spot, edge, share) -> list[Layer]:
    """Hip bones and sacrum."""
    bone = jnp.minimum(hip(spot, trunk.rise), sacrum(trunk, spot))
    return [
        layer(coverage(bone, edge), cortical_bone=1.0),
        layer(coverage(bone + 1.6, edge), trabecular_bone=share, red_marrow=1.0 - share),
    ]
