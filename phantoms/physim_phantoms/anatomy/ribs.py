"""The bony cage: twelve pairs of oblique ribs with their cartilages, and the sternum."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .implicit import coverage, length, smooth_max
from .rods import Rods
from .stages import Layer, layer
from .trunk_frame import DISCS, Spot, Trunk

# Where each rib ends: angle from the back's middle (degrees) and height (mm, for 170 cm).
_END_ANGLE = np.array([152, 150, 150, 148, 146, 142, 136, 128, 118, 108, 84, 50])
_END_HEIGHT = np.array([238, 203, 177, 153, 129, 105, 80, 56, 34, 14, -14, -8])
# Where the cartilages of ribs 1 to 7 reach the sternum: height.
_JOINTS = np.array([240, 207, 184, 164, 146, 131, 118])
_RIB_RADIUS = 3.7  # mm across; the stretch makes the rib 1.7 times as high
_STRETCH = (1.0, 1.0, 1.7)
_OUT = 5.0  # from the inner wall to the middle of a rib, mm
_STEPS = 9


def rib_paths(trunk: Trunk, slope):
    """Places "rib point 3" along the right ribs from head to tip; `slope` scales how steeply they fall."""
    tops = DISCS[::-1][:12]
    z_head = trunk.level(jnp.asarray(tops - 1.0))
    head = jnp.stack([0.85 * trunk.vertebra(z_head)[0], trunk.spine(z_head)[1] - 3.0, z_head], axis=1)
    t = np.linspace(0.0, 1.0, _STEPS)
    angle = np.deg2rad(20.0 + (_END_ANGLE[:, None] - 20.0) * t)
    # Ribs fall most along the side of the chest and flatten towards the front.
    fall = t - 0.10 * np.sin(2 * np.pi * t)
    z = trunk.level((tops - 3.0)[:, None] + slope * (_END_HEIGHT - tops + 3.0)[:, None] * fall)
    shaft = jnp.stack(trunk.on_wall(jnp.asarray(angle), z, _OUT), axis=2)
    return jnp.concatenate([head[:, None], shaft], axis=1)


def _cartilages(trunk: Trunk, tips) -> Rods:
    """Costal cartilages: 1 to 7 climb along the wall to the sternum, 8 to 10 join the one above."""
    z = trunk.level(jnp.asarray(_JOINTS, dtype=float))
    _, middle, half_depth = trunk.wall(z)
    x = jnp.asarray([22.0] + [16.0] * 6)
    goal = jnp.stack([x, middle + half_depth + 5.0, z], axis=1)
    half = 0.5 * (tips[:7] + goal)
    angle = jnp.arctan2(half[:, 0], trunk.wall(half[:, 2])[1] - half[:, 1])
    low = half[:, 2] - trunk.level(0.10 * jnp.asarray(np.maximum(0, _JOINTS - _END_HEIGHT[:7])))
    bend = jnp.stack(trunk.on_wall(angle, low, _OUT), axis=1)
    r = 3.6 * trunk.rise**0.5
    true = jnp.stack([tips[:7], bend, goal], axis=1).reshape(-1, 3)
    false, above = [], bend[6]
    for n in (7, 8, 9):
        meet = 0.35 * tips[n] + 0.65 * above
        false += [tips[n], meet]
        above = 0.5 * (tips[n] + meet)
    return Rods.chains(jnp.concatenate([true, jnp.stack(false)]), [3] * 7 + [2] * 3, r)


def cage(trunk: Trunk, slope) -> tuple[Rods, Rods]:
    """All ribs and all cartilages of the right side."""
    paths = rib_paths(trunk, slope)
    bones = Rods.chains(paths.reshape(-1, 3), [_STEPS + 1] * 12, _RIB_RADIUS * trunk.rise**0.5)
    return bones, _cartilages(trunk, paths[:, -1])


def sternum(spot: Spot):
    """Distance to the manubrium and the body of the sternum: a flat oval, 11 mm thick, cut at both ends."""
    share = jnp.clip((spot.c - 203.0) / 40.0, 0.0, 1.0)
    narrow = jnp.clip((203.0 - spot.c) / 105.0 - 0.75, 0.0, 0.25) * 4.0
    half_width = 16.0 + 11.0 * share - 5.0 * narrow
    front = spot.middle + spot.half_depth + 7.0
    oval = (length(spot.x / half_width, (spot.y - front) / 5.5) - 1.0) * 5.5
    ends = jnp.maximum(spot.c - 243.0 - 0.012 * spot.x * spot.x, 98.0 - spot.c)
    return smooth_max(oval, ends, 5.0)


def layers(bones: Rods, cartilages: Rods, spot: Spot, edge, share) -> list[Layer]:
    """Cartilages, then ribs and sternum; `share` is that of trabecular bone in the core."""
    rib = bones.distance(spot.folded, 1.5, _STRETCH)
    breast = sternum(spot)
    return [
        layer(coverage(cartilages.distance(spot.folded, 2.0, (1.0, 1.0, 1.3)), edge), cartilage=1.0),
        layer(coverage(jnp.minimum(rib, breast), edge), cortical_bone=1.0),
        layer(coverage(jnp.minimum(rib, breast) + 1.2, edge), trabecular_bone=share, red_marrow=1.0 - share),
    ]
