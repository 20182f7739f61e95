"""Kidneys with cortex, pyramids, sinus fat and pelvis; adrenal glands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .implicit import Place, coverage, ellipsoid, length, shifted, smooth_max, smooth_min, turned
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk

_REFERENCE_VOLUME = 125.0  # mL of one kidney at size 1, its sinus left out
_CORTEX = 6.0  # mm
_FAT = 3.0  # mm around each kidney


def _centre(trunk: Trunk, right: bool, shift, size) -> tuple:
    """Middle of a kidney: beside the first two lumbar vertebrae, the left one higher."""
    z = trunk.level(-52.0 if right else -38.0) + 0.35 * trunk.lift + shift
    _, middle, half_depth = trunk.wall(z)
    x, _ = trunk.spine(z)
    return x + (58.0 if right else -57.0) * (0.6 + 0.4 * trunk.width), middle - half_depth + 31.0 * size, z


def kidney(place: Place, centre, right: bool, size) -> tuple:
    """Distances to one kidney: parenchyma, pyramids, sinus and pelvis."""
    q = shifted(place, centre)
    q = turned(
        ((1.0 if right else -1.0) * q[0], q[1], q[2]), (-10.0, -11.0, 32.0)
    )  # x points away from the hilum
    q = tuple(c / size for c in q)
    bean = ellipsoid(q, (0.0, 0.0, 0.0), (28.0, 23.0, 54.0))
    notch = ellipsoid(q, (-25.0, 0.0, 0.0), (18.0, 12.0, 19.0))
    outer = smooth_max(bean, -notch, 7.0)
    sinus = ellipsoid(q, (-11.0, 0.0, 0.0), (14.5, 9.0, 29.0))
    funnel = ellipsoid(q, (-22.0, 0.0, -8.0), (9.0, 5.0, 7.0))
    pelvis = smooth_min(ellipsoid(q, (-10.0, 0.0, 0.0), (8.0, 5.5, 12.0)), funnel, 5.0)
    # Pyramids lie between sinus and cortex; columns part them along the length, and front from back.
    columns = jnp.maximum(-0.8 - 4.0 * jnp.cos(q[2] * (2.0 * np.pi / 19.0)), 2.0 - length(q[1], 0.5))
    pyramids = smooth_max(jnp.maximum(outer + _CORTEX, -sinus), columns, 2.5)
    return outer * size, pyramids * size, sinus * size, pelvis * size


def adrenal(place: Place, centre, right: bool, size):
    """Distance to an adrenal gland: a thin inverted Y above the kidney."""
    sign = 1.0 if right else -1.0
    x, y, z = centre[0] - 16.0 * sign, centre[1] + 2.0, centre[2] + 50.0 * size
    limbs = [
        ellipsoid(place, (x + dx * sign, y, z), (3.4, 12.0, 14.0), (0.0, 0.0, sign * turn))
        for dx, turn in ((-4.0, -16.0), (4.0, 22.0))
    ]
    return smooth_min(limbs[0], limbs[1], 4.0)


def shape_of(trunk: Trunk, values: dict, right: bool) -> tuple:
    """Centre and size of one kidney."""
    sign = -0.5 if right else 0.5
    volume = 0.5 * values["kidney_volume"] * (1.0 + sign * values["kidney_difference"])
    size = (volume / _REFERENCE_VOLUME) ** (1.0 / 3.0)
    return _centre(trunk, right, values["kidney_height"] * (1.0 if right else -0.5), size), size


def nearest(shapes: Sequence[tuple], place: Place):
    """Distance to the fat around the nearer of the right and the left kidney."""
    right, left = (
        kidney(place, centre, side, size)[0]
        for (centre, size), side in zip(shapes, (True, False), strict=True)
    )
    return jnp.minimum(right, left) - _FAT


def layers(shape: tuple, spot: Spot, edge, right: bool) -> tuple[list[Layer], Any]:
    """One kidney with its adrenal, and the distance to it."""
    centre, size = shape
    outer, pyramids, sinus, pelvis = kidney(spot.place, centre, right, size)
    coats = [
        layer(coverage(outer - _FAT, edge), adipose=1.0),
        layer(coverage(adrenal(spot.place, centre, right, size), edge), adrenal=1.0),
        layer(coverage(outer, edge), kidney=1.0),
        layer(coverage(pyramids, edge), kidney_medulla=1.0),
        layer(coverage(jnp.maximum(sinus, outer + 0.5), edge), adipose=1.0),
        layer(coverage(pelvis, edge), urine=1.0),
    ]
    return coats, outer
