"""The outline of the brain: cerebral hull, tentorium, midline fissure, cavity. Millimetres of the average brain space.

Coordinates: the origin is the anterior commissure, x to the right, y forward, z up along the atlas axes. The bodies are
ellipsoids fitted to the ICBM 152 average brain (Fonov et al., NeuroImage 54 (2011) 313) with 1 mm residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .head_tables import rotation
from .implicit import Place, ellipsoid, length, smooth_max, smooth_min, union

Level = tuple[Any, Place]  # a distance and its unit gradient

# Centre, semi-axes (mm) and turns about x, y, z (degrees) of one hemisphere's bodies.
_CEREBRUM = (
    (13, 24, 28, 28, 57, 34, -44, -20, 22),
    (16, -28, 28, 41, 62, 52, 1, -5, 4),
    (23, -47, 11, 36, 60, 47, 17, -24, -16),
    (38, 4, 22, 25, 68, 38, -22, -14, 18),
    (33, -10, 3, 24, 46, 40, -10, 9, 1),
    (38, 3, -33, 14, 21, 21, -2, 43, 15),
    (49, -4, -21, 15, 31, 24, -27, 7, 27),
    (48, -46, 14, 20, 47, 37, -54, -9, -15),
    (6, 36, -12, 50, 34, 17, 0, -13, -2),
)
_CEREBELLUM = (
    (25, -58, -37, 32, 27, 30, -5, -2, -6),
    (21, -68, -34, 30, 25, 22, 10, 3, 21),
    (0, -63, -26, 13, 23, 26, 0, 0, 0),
)
_BRAINSTEM = (7, -37, -35, 14, 21, 37, -25, 26, 23)
_ROOM = 2.0  # mm between the hull of the young brain and the dura
_HULL_BLEND, _CAVITY_BLEND = 8.0, 10.0


def blended(
    table: Sequence[Sequence[int | float]], place: Place, radius: float, wide: float = 14.0
) -> tuple[Any, Any, Place]:
    """Smooth union of ellipsoids, in one loop over the bodies (see `implicit.ellipsoid`).

    Returns the distance with seams of `radius`, and distance and gradient of the smoother body with seams of `wide`.
    """
    rows = np.array([[*row[:3], *rotation(row[6:]).ravel(), *row[3:6]] for row in table], dtype=float)

    def body(row) -> tuple[Any, ...]:
        q = [p - c for p, c in zip(place, row[:3], strict=True)]
        turn = row[3:12]
        q = [q[0] * turn[3 * i] + q[1] * turn[3 * i + 1] + q[2] * turn[3 * i + 2] for i in range(3)]
        scaled = [c / row[12 + i] for i, c in enumerate(q)]
        slope = [s / row[12 + i] for i, s in enumerate(scaled)]
        k0, k1 = length(*scaled), length(*slope)
        unit = [s / k1 for s in slope]
        back = [unit[0] * turn[i] + unit[1] * turn[3 + i] + unit[2] * turn[6 + i] for i in range(3)]
        return (k0 * (k0 - 1.0) / k1, *back)

    def add(total, row):
        one = body(row)
        distance, gradient = smallest((total[1], total[2:]), (one[0], one[1:]), wide)
        return (smooth_min(total[0], one[0], radius), distance, *gradient), None

    rows = jnp.asarray(rows, dtype=jnp.result_type(*place))
    first = body(rows[0])
    total, _ = jax.lax.scan(add, (first[0], *first), rows[1:])
    return total[0], total[1], total[2:]


def smallest(a: Level, b: Level, radius: float) -> Level:
    """`implicit.smooth_min` with the gradient carried along; on the ridge between two bodies the gradient shortens."""
    share = jnp.clip(0.5 + (b[0] - a[0]) / (2.0 * radius), 0.0, 1.0)
    distance = share * a[0] + (1.0 - share) * b[0] - radius * share * (1.0 - share)
    gradient = tuple(share * p + (1.0 - share) * q for p, q in zip(a[1], b[1], strict=True))
    return distance, (gradient[0], gradient[1], gradient[2])


def ramp(t, width: float = 4.0):
    """max(t, 0) with its corner rounded over ±`width`."""
    inside = jnp.clip(t + width, 0.0, 2.0 * width)
    return inside * inside / (4.0 * width) + jnp.maximum(t - width, 0.0)


def posterior_fossa(mirror: Place):
    """Distance to the space under the tentorium and behind the petrous ridge, negative inside."""
    x, y, z = mirror
    roof = -1.0 - 0.38 * x - 0.4 * ramp(-52.0 - y) - 0.45 * ramp(y + 40.0)
    ridge = -13.0 - 0.45 * x
    return smooth_max(0.88 * (z - roof), 0.9 * (y - ridge), 4.0)


def cerebral_hull(mirror: Place) -> Level:
    """Distance to the hull of the hemispheres, and the gradient of a smoother one."""
    distance, _, gradient = blended(_CEREBRUM, mirror, _HULL_BLEND)
    return distance, gradient


def cerebellar_hull(mirror: Place):
    """Distance to the hull of the cerebellum."""
    hull, _, _ = blended(_CEREBELLUM, mirror, 8.0)
    notch = length(0.8 * mirror[0], 0.7 * (mirror[1] + 97.0), 0.35 * (mirror[2] + 42.0)) - 8.0
    return smooth_max(smooth_max(hull, 1.2 + posterior_fossa(mirror), 3.0), -notch, 5.0)


def cavity(mirror: Place):
    """Distance to the inner surface of the dura; it bridges the fissures."""
    # Twelve millimetres to either side of the middle the vault is a bridge: no groove over the fissure.
    x = jnp.sqrt(mirror[0] ** 2 + 144.0) - 1.0
    distance, _, _ = blended((*_CEREBRUM, *_CEREBELLUM, _BRAINSTEM), (x, mirror[1], mirror[2]), _CAVITY_BLEND)
    return distance - _ROOM


def midline_core(place: Place):
    """Distance in the middle plane to what crosses it, from the corpus callosum down: the fissure's floor."""
    _, y, z = place
    flat = (jnp.zeros_like(y), y, z)
    callosum = ellipsoid(flat, (0.0, -5.0, 2.0), (200.0, 41.0, 26.5))
    front = ellipsoid(flat, (0.0, -12.0, -14.0), (200.0, 26.0, 22.0))
    # The front of the ellipse is lowered so that the fissure reaches under the genu.
    lower = smooth_max(callosum, 0.75 * (y - 4.0) - 0.75 * (z + 2.0) - 12.0, 6.0)
    return union([lower, front], 6.0)
