"""The cover of the brain: skull vault with two tables and diploë, skull base, scalp, cervical spine, the way out below.

Face coordinates: mm of an average head, the plane from the orbit to the ear level, the origin 2 mm in front of and level
with the anterior commissure; x to the right, y forward, z up.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .head_tables import capsules, ellipsoids, tube
from .implicit import (
    Canvas,
    Place,
    box,
    capsule,
    coverage,
    ellipsoid,
    length,
    mirrored,
    smooth_min,
    union,
)
from .waves import Waves

AVERAGE = 0.93  # mm of an average head per mm of the average brain space, which is larger
_TILT = np.deg2rad(12.0)  # between the face's horizontal and the atlas's
DURA = 0.7  # mm


def face_place(brain_place: Place) -> Place:
    """Face coordinates of a place given in average brain space."""
    x, y, z = (AVERAGE * c for c in brain_place)
    y = y - 2.0
    return x, np.cos(_TILT) * y - np.sin(_TILT) * z, np.sin(_TILT) * y + np.cos(_TILT) * z


def vault_thickness(place: Place, relief: Waves, thickness):
    """Thickness of the bone over the dura, mm: thin at the temples, thick at the back and the brow."""
    x, y, z = place
    temple = jnp.exp(
        -(((jnp.abs(x) - 62.0) / 16.0) ** 2) - ((y - 12.0) / 40.0) ** 2 - ((z + 5.0) / 32.0) ** 2
    )
    back = jnp.exp(-((x / 30.0) ** 2) - ((y + 98.0) / 20.0) ** 2 - ((z + 20.0) / 22.0) ** 2)
    (field,) = relief(place)
    return thickness * (1.0 + 0.09 * field) * (1.0 - 0.5 * temple) * (1.0 + 0.5 * back)


def canal(place: Place):
    """Distance to the dural sac that leaves through the foramen magnum, and to the cord in it."""
    path = [(0, -31, -52), (0, -29, -68), (0, -25, -84), (0, -22, -110), (0, -20, -190)]
    return tube(place, path, [16.0, 13.0, 9.5, 8.0, 8.0], 4.0), tube(
        place, path, [6.0, 5.6, 5.2, 5.2, 5.2], 2.0
    )


def paint_canal(canvas: Canvas, place: Place, edge) -> None:
    """Paints the dural sac that leaves through the foramen magnum, and the cord in it."""
    sac, cord = canal(place)
    canvas.paint(coverage(sac - 0.7, edge), dura=1.0)
    canvas.paint(coverage(sac, edge), csf=1.0)
    canvas.paint(coverage(cord, edge), brainstem=1.0)


def paint_vault(canvas: Canvas, place: Place, edge, dura, thickness, diploe_share) -> None:
    """Paints the closed shell of bone round the dura: outer table, diploë, inner table. `dura` is the distance to it."""
    outer = dura - DURA - thickness
    canvas.paint(coverage(outer, edge), cortical_bone=1.0)
    table = 0.5 * (1.0 - diploe_share) * thickness
    middle = jnp.abs(dura - DURA - 0.5 * thickness) - (0.5 * thickness - table)
    canvas.paint(coverage(middle, edge), trabecular_bone=0.75, red_marrow=0.25)


def paint_base(canvas: Canvas, place: Place, edge, septa: Waves) -> None:
    """Paints petrous bones, mastoids with air cells, clivus, and the bone that carries the frontal sinus."""
    mirror = mirrored(place)
    petrous = capsule(mirror, (14, 0, -32), (54, -20, -44), 7.0, 10.0)
    mastoid = ellipsoid(mirror, (56, -28, -56), (11, 13, 17))
    clivus = capsule(place, (0, 6, -30), (0, -9, -62), 8.0, 4.0, (1.5, 1.0, 1.0))
    brow = ellipsoid(place, (0, 64, 3), (34, 16, 20))
    bone = union([petrous, mastoid, clivus, brow], 3.0)
    canvas.paint(coverage(bone, edge), cortical_bone=1.0)
    canvas.paint(coverage(bone + 2.5, edge), trabecular_bone=0.8, red_marrow=0.2)
    (cells,) = septa(place)
    hollow = jnp.maximum(
        smooth_min(mastoid + 3.5, length(*_from(mirror, (50, -16, -42))) - 7.0, 3.0),
        1.8 - 2.2 * jnp.abs(cells),
    )
    canvas.paint(coverage(hollow, edge), air=1.0)
    ear = capsule(mirror, (46, -14, -41), (84, -16, -40), 2.6, 3.2)
    canvas.paint(coverage(ear, edge), air=1.0)


def _from(place: Place, centre) -> Place:
    return place[0] - centre[0], place[1] - centre[1], place[2] - centre[2]


def paint_cervical_spine(canvas: Canvas, place: Place, edge) -> None:
    """Paints atlas, axis and the vertebrae below, their discs and arches."""
    mirror = mirrored(place)
    x, y, z = place
    levels = [(-2.0, -102.0, 8.5), (1.0, -121.0, 7.0), (3.0, -139.0, 7.0), (4.0, -157.0, 7.0)]
    column = capsule(place, (0, -3, -95), (0, 4, -190), 9.0, 10.0, (1.15, 1.0, 1.0))
    canvas.paint(coverage(column, edge), intervertebral_disc=1.0)
    bodies = [box(place, (0.0, y0, z0), (11.0, 8.5, half), 3.0) for y0, z0, half in levels]
    dens = ((0, -4, -72), (0, -3, -100), 4.5, 6.0)
    masses = ((19, -18, -78), (8, 10, 9))
    ring = jnp.maximum(jnp.abs(length(x / 1.1, y + 24.0) - 20.0) - 3.0, jnp.abs(z + 78.0) - 5.0)
    arches = [
        jnp.maximum(jnp.abs(length(x, y + 21.0) - 13.0) - 2.5, jnp.abs(z - z0 + 3.0 - 0.2 * (y + 20.0)) - 5.5)
        for _, z0, _ in levels
    ]
    spines = capsules(place, dens, *(((0, -32, z0 - 4), (0, -50, z0 - 11), 3.0, 2.5) for _, z0, _ in levels))
    facets = ellipsoids(mirror, masses, *(((20, -14, z0), (5, 6, 8)) for _, z0, _ in levels))
    bone = union([*bodies, ring, *arches, *spines, *facets], 2.0)
    canvas.paint(coverage(bone, edge), cortical_bone=1.0)
    canvas.paint(coverage(bone + 1.6, edge), trabecular_bone=0.6, red_marrow=0.4)
