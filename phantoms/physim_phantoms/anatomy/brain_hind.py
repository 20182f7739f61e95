"""Cerebellum with folia, and the brainstem down to the cord."""

from __future__ import annotations

import jax.numpy as jnp

from .brain_shape import cerebellar_hull
from .head_tables import tube
from .implicit import Canvas, Place, capsule, coverage, ellipsoid, length, mirrored, smooth_min, union
from .waves import Waves

_HUB = (-46.0, -33.0)  # y, z of the line from which the fissures of the cerebellum radiate, mm
_LOBULE, _FOLIUM = 0.52, 0.13  # angle between neighbouring fissures and between folia, rad


def _sheets(angle, radius, spacing: float):
    """Distance to the nearest of the half planes `spacing` apart in angle."""
    phase = angle / spacing
    off = jnp.abs(phase - jnp.round(phase)) * spacing
    return off * radius


def paint_cerebellum(canvas: Canvas, bend: Waves, place: Place, edge, shrink, sulcus) -> None:
    """Paints the cerebellum: cortex around the fissures, a tree of white matter between them."""
    mirror = mirrored(place)
    depth = -cerebellar_hull(mirror) - 0.6 * shrink
    (wobble,) = bend(place)
    y, z = place[1] - _HUB[0], place[2] - _HUB[1] + 0.16 * mirror[0]
    radius = length(y, z)
    angle = jnp.arctan2(z, -y) + 0.1 * wobble  # the seam of the angle lies in the brainstem
    lobules = length(_sheets(angle, radius, _LOBULE), jnp.maximum(depth - 17.0, 0.0)) - 0.5 * sulcus - 0.1
    folia = length(_sheets(angle + 0.05 * wobble, radius, _FOLIUM), jnp.maximum(depth - 4.5, 0.0)) - 0.25
    fluid = smooth_min(smooth_min(depth, lobules, 2.0), folia, 1.0)
    cover = coverage(-fluid, edge)
    tree = smooth_min(lobules - 2.4, smooth_min(depth - 5.0, folia - 1.0, 1.5), 1.5)
    white = coverage(-tree, edge)
    canvas.paint(cover, cerebellum=1.0 - white, white_matter=white)
    dentate = ellipsoid(mirror, (14, -56, -34), (6, 9, 4.5), (20, 0, 25))
    canvas.paint(coverage(jnp.abs(dentate) - 0.8, edge), deep_grey_matter=1.0)


def brainstem(place: Place):
    """Distance to midbrain, pons, medulla and cord."""
    mirror = mirrored(place)
    stem = tube(
        place,
        [(0, -20, -4), (0, -27, -16), (0, -30, -32), (0, -37, -50), (0, -42, -64), (0, -44, -110)],
        [9.0, 11.0, 12.0, 7.5, 5.5, 5.0],
        4.0,
        (1.1, 1.0, 1.0),
    )
    pons = ellipsoid(place, (0, -24, -33), (16.5, 11.0, 13.0), (-18, 0, 0))
    peduncles = capsule(mirror, (7, -22, -20), (14, -13, -5), 6.0, 6.0)
    return union([stem, pons, peduncles], 3.0)


def paint_brainstem(canvas: Canvas, place: Place, edge) -> None:
    """Paints the brainstem and the peduncles of the cerebellum."""
    mirror = mirrored(place)
    middle = capsule(mirror, (11, -29, -34), (21, -46, -36), 7.5, 6.5)
    canvas.paint(coverage(middle, edge), white_matter=1.0)
    canvas.paint(coverage(brainstem(place), edge), brainstem=1.0)
    tegmentum = union(
        [ellipsoid(place, (0, -33, -12), (4, 3.5, 9)), ellipsoid(mirror, (5, -20, -11), (3.5, 4, 3.5))], 1.0
    )
    canvas.paint(coverage(tegmentum, edge), deep_grey_matter=1.0)
