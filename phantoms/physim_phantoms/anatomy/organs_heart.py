"""The heart: four chambers in their walls, placed on the diaphragm and turned as a patient's heart is."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .implicit import coverage, ellipsoid, smooth_max, smooth_min
from .organs_diaphragm import dome_height
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk

_REFERENCE_VOLUME = 569.0  # mL of the shape below at size 1


def heart_place(trunk: Trunk, volume) -> tuple:
    """Centre of the heart and its size relative to the reference."""
    size = (volume / _REFERENCE_VOLUME) ** (1.0 / 3.0)
    z = dome_height(trunk, True) - 0.2 * trunk.lift + 50.0 * size
    _, middle, half_depth = trunk.wall(z)
    y = 0.5 * (middle + half_depth + trunk.face(z)) + 4.0
    return (-20.0 + trunk.spine(z)[0], y, z), size


def _axes(turn) -> tuple:
    """Unit vectors from base to apex, towards the right ventricle, and their normal; `turn` in the frontal plane."""
    angle = turn * np.pi / 180.0
    down = jnp.stack(
        [-0.66 * jnp.cos(angle) - 0.5 * jnp.sin(angle), -0.5 * jnp.cos(angle) + 0.66 * jnp.sin(angle)]
    )
    along = jnp.stack([down[0], jnp.full_like(down[0], 0.55), down[1]])
    along = along / jnp.linalg.norm(along)
    right = jnp.asarray([0.45, 0.85, 0.05], dtype=along.dtype)
    right = right - jnp.dot(right, along) * along
    right = right / jnp.linalg.norm(right)
    return along, right, jnp.cross(along, right)


def heart(trunk: Trunk, volume, turn) -> tuple:
    """The heart of one patient: its centre, size and axes."""
    return *heart_place(trunk, volume), _axes(turn)


def chambers(shape: tuple, spot: Spot) -> tuple:
    """Distances to the whole heart and to the blood in its four chambers."""
    centre, size, axes = shape
    q = tuple((c - m) / size for c, m in zip(spot.place, centre, strict=True))
    h = tuple(q[0] * a[0] + q[1] * a[1] + q[2] * a[2] for a in axes)
    ventricles = ellipsoid(h, (8.0, 2.0, 0.0), (57.0, 44.0, 42.0))
    left = ellipsoid(h, (7.0, -13.0, -4.0), (53.0, 31.0, 32.0))
    left_blood = ellipsoid(h, (0.0, -13.0, -4.0), (45.0, 20.0, 21.0))
    right_atrium = ellipsoid(q, (34.0, 0.0, 8.0), (25.0, 29.0, 35.0))
    left_atrium = ellipsoid(q, (10.0, -40.0, 22.0), (37.0, 20.0, 26.0))
    whole = smooth_min(smooth_min(ventricles, left, 6.0), smooth_min(right_atrium, left_atrium, 12.0), 14.0)
    right_blood = smooth_max(ventricles + 4.5, -left - 1.0, 6.0)
    right_blood = smooth_max(right_blood, -h[0] - 30.0, 4.0)  # the valves' plane parts it from the atrium
    walls = jnp.minimum(ventricles, left - 2.0)
    atria = smooth_max(smooth_min(right_atrium, left_atrium, 2.0) + 2.5, -walls - 3.0, 3.0)
    blood = jnp.minimum(jnp.minimum(left_blood, right_blood), atria)
    return whole * size, blood * size


def layers(whole, chamber_blood, vessels, edge) -> list[Layer]:
    """The myocardium, the chambers and the great vessels, whose walls are 1.4 mm thick."""
    return [
        layer(coverage(vessels, edge), muscle=1.0),
        layer(coverage(whole, edge), myocardium=1.0),
        layer(coverage(jnp.minimum(chamber_blood, vessels + 1.4), edge), blood=1.0),
    ]
