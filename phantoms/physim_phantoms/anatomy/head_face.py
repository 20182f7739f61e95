"""The face: its outline, muscle and fat, orbits with eyes, nose and sinuses, jaws with teeth, throat. Face coordinates."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

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
    smooth_max,
    union,
)
from .waves import Waves

_EYE = (32.0, 53.0, -22.0)


def outline(place: Place, scalp, values: dict) -> Any:
    """Distance to the skin: the scalp's surface joined with face, nose, ears and neck."""
    mirror = mirrored(place)
    jaw, nose = values["jaw_size"], values["nose_size"]
    face, chin, mouth, cheeks, alae, temple, ears, socket = ellipsoids(
        mirror,
        ((0, 26, -55), (66, 62, 70)),
        ((0, 52 * jaw, -106), (40, 40 * jaw, 24)),
        ((0, 64, -78), (34, 30, 34)),
        ((42 * jaw, 22, -92), (24, 38, 24)),
        ((8, 90, -52), (9, 11, 8)),
        ((56, 24, -12), (13, 32, 38)),
        ((76, -22, -36), (4, 15, 30), (0, 12, 24)),
        ((33, 78, -22), (20, 15, 13)),
    )
    neck = tube(
        place, [(0, -24, -60), (0, -12, -120), (0, -8, -200)], [58.0, 55.0, 57.0], 8.0, (1.0, 1.05, 1.0)
    )
    bridge = tube(
        place,
        [(0, 72, -14), (0, 82, -30), (0, 82 + 20 * nose, -50)],
        [7.0, 8.0, 9.0 * nose],
        6.0,
        (1.1, 1.0, 1.0),
    )
    soft = union([scalp, face, neck, cheeks, chin, mouth, temple], 18.0)
    soft = smooth_max(soft, -socket, 8.0)
    return union([soft, union([bridge, alae], 6.0), ears], 6.0)


def paint_soft(canvas: Canvas, place: Place, edge, skin, fat) -> None:
    """Paints skin, the fat under it, and muscle inside; `skin` is the distance to the outline, `fat` in mm."""
    mirror = mirrored(place)
    canvas.paint(coverage(skin, edge), skin=1.0)
    canvas.paint(coverage(skin + 1.8, edge), adipose=1.0)
    muscle = skin + 1.8 + fat
    canvas.paint(coverage(muscle, edge), muscle=1.0)
    pads = union(ellipsoids(mirror, ((40, 44, -62), (11, 16, 18)), ((36, 14, -48), (10, 12, 10))), 4.0)
    canvas.paint(coverage(pads, edge), adipose=0.9, muscle=0.1)
    # Sheets of fat between the muscles of the neck and under the temporal fascia.
    sheets = jnp.abs(muscle + 11.0) - 0.8
    canvas.paint(coverage(sheets, edge), adipose=0.7, muscle=0.3)


def paint_bones(canvas: Canvas, place: Place, edge, values: dict) -> None:
    """Paints cheekbones, upper jaw, palate, lower jaw and teeth."""
    mirror = mirrored(place)
    jaw = values["jaw_size"]
    zygoma = tube(
        mirror, [(31, 62, -40), (50, 52, -38), (62, 28, -40), (66, 0, -41)], [4.5, 5.5, 3.2, 3.0], 4.0
    )
    rim = tube(
        mirror,
        [(14, 66, -20), (24, 66, -4), (42, 58, -6), (50, 48, -22), (42, 58, -38)],
        [3.5, 4.0, 4.5, 3.5, 3.5],
        4.0,
    )
    cheek, premaxilla, sphenoid = ellipsoids(
        mirror,
        ((27, 42, -52), (19, 22, 20)),
        ((10, 62, -58), (14, 15, 16)),
        ((10, 12, -28), (15, 16, 13)),
    )
    maxilla = union([cheek, premaxilla], 5.0)
    palate = box(place, (0.0, 44.0, -66.0), (22.0, 30.0, 2.0), 1.5)
    pterygoid = box(mirror, (14.0, 16.0, -52.0), (1.6, 7.0, 16.0), 1.0)
    upper = _arch(place, 1.0, -73.0, (6.0, 9.0))
    bone = union([zygoma, rim, maxilla, palate, pterygoid, upper, sphenoid], 2.5)
    body = _arch(place, jaw, -112.0, (6.0, 13.0))
    ramus = tube(
        mirror,
        [(43 * jaw, 18, -108), (49 * jaw, 8, -84), (52, 2, -58), (52, -1, -47)],
        [7.0, 6.0, 4.5, 5.0],
        4.0,
        (0.6, 1.3, 1.0),
    )
    coronoid = capsule(mirror, (48 * jaw, 20, -84), (50, 24, -56), 5.0, 2.5, (0.6, 1.2, 1.0))
    corner = capsule(mirror, (27 * jaw, 40, -108), (43 * jaw, 16, -106), 8.0, 8.0, (0.7, 1.0, 1.3))
    mandible = union([body, ramus, coronoid, corner], 3.0)
    for part in (bone, mandible):
        canvas.paint(coverage(part, edge), cortical_bone=1.0)
        canvas.paint(coverage(part + 2.2, edge), trabecular_bone=0.7, yellow_marrow=0.3)
    for height, scale, length_mm in ((-83.0, 1.0, 10.0), (-99.0, 0.97 * jaw, 10.0)):
        canvas.paint(coverage(_teeth(place, scale, height, length_mm), edge), tooth=1.0)


def _arch_frame(place: Place, scale) -> tuple[Any, Any]:
    """Distance across the dental arch (signed, outwards) and the length along it from the middle, mm."""
    x, y = place[0] / scale, (place[1] - 36.0) / scale
    # A half ellipse in front, straight behind.
    forward = jnp.maximum(y, 0.0)
    ratio = length(x / 24.0, forward / 40.0)
    across = (ratio - 1.0) * 27.0 * scale
    along = jnp.arctan2(x / 24.0, forward / 40.0) * 34.0 - jnp.sign(x) * jnp.minimum(y, 0.0)
    return across, along


def _arch(place: Place, scale, height: float, half: tuple[float, float]):
    across, _ = _arch_frame(place, scale)
    behind = jnp.maximum(-6.0 - (place[1] - 36.0), 0.0)
    q = [jnp.abs(across) - half[0] + 3.0, jnp.abs(place[2] - height) - half[1] + 3.0]
    outside = length(jnp.maximum(q[0], 0.0), jnp.maximum(q[1], 0.0), behind)
    return outside + jnp.minimum(jnp.maximum(q[0], q[1]), 0.0) - 3.0


def _teeth(place: Place, scale, height: float, half_length: float):
    """Sixteen teeth along the arch."""
    across, along = _arch_frame(place, scale)
    pitch = 7.8
    place_in_tooth = along - pitch * (jnp.floor(along / pitch) + 0.5)
    wide = jnp.clip(0.055 * jnp.abs(along), 0.0, 2.4)
    behind = jnp.maximum(jnp.abs(along) - 8.0 * pitch, 0.0)
    taper = 1.0 - 0.25 * jnp.abs(place[2] - height) / half_length
    ring = length(across / (3.0 + wide) * 3.4, place_in_tooth) - 3.4 * taper
    return smooth_max(smooth_max(ring, jnp.abs(place[2] - height) - half_length, 2.0), behind, 1.0)


def paint_orbits(canvas: Canvas, place: Place, edge, values: dict) -> None:
    """Paints orbital fat, eye muscles, optic nerves, and the eyes with their lenses."""
    mirror = mirrored(place)
    orbit = union(
        [
            ellipsoid(mirror, (30, 42, -21), (17, 24, 16), (0, 0, 18)),
            capsule(mirror, (20, 20, -22), (12, 8, -22), 8.0, 3.0),
        ],
        4.0,
    )
    canvas.paint(coverage(jnp.abs(orbit + 0.4) - 0.9, edge), cortical_bone=1.0)
    canvas.paint(coverage(smooth_max(orbit + 1.2, place[1] - 62.0, 3.0), edge), adipose=1.0)
    radius = 0.5 * values["eye_diameter"]
    sides = ((11, 0), (-11, 0), (0, 11), (0, -11))
    rods = capsules(mirror, *(((14, 14, -22), (_EYE[0] + i, 50, _EYE[2] + j), 1.2, 2.4) for i, j in sides))
    canvas.paint(coverage(union(rods, 0.5), edge), muscle=1.0)
    nerve = tube(mirror, [(32, 44, -21), (22, 22, -20), (8, 6, -20)], [2.0, 2.0, 2.0], 2.0)
    canvas.paint(coverage(nerve, edge), white_matter=1.0)
    globe = length(*(c - e for c, e in zip(mirror, _EYE, strict=True))) - radius
    canvas.paint(coverage(globe, edge), soft_tissue=1.0)
    canvas.paint(coverage(globe + 1.3, edge), vitreous_humour=1.0)
    lens = ellipsoid(mirror, (_EYE[0], _EYE[1] + 0.66 * radius, _EYE[2]), (4.6, 2.1, 4.6))
    canvas.paint(coverage(lens, edge), eye_lens=1.0)


def paint_airways(canvas: Canvas, septa: Waves, place: Place, edge, values: dict) -> None:
    """Paints nose, sinuses, mouth and throat: air with septum, turbinates and cell walls."""
    mirror = mirrored(place)
    size = values["sinus_size"]
    cavity, maxillary, sphenoid, frontal, mouth, tongue = ellipsoids(
        mirror,
        ((0, 44, -46), (13.5, 40, 18)),
        ((29, 42, -51), (14 * size, 17 * size, 16 * size)),
        ((8, 12, -28), (8 * size, 11 * size, 9 * size)),
        ((11, 66, 4), (14 * size, 6 * size, 11 * size), (20, 0, -16)),
        ((0, 42, -71.5), (16, 26, 2.2)),
        ((0, 44, -92), (23, 34, 20)),
    )
    cavity = smooth_max(cavity, -(place[2] + 63.0), 3.0)
    vestibule = capsule(mirror, (5, 74, -50), (6, 94, -58), 5.0, 4.0)
    nose = union([cavity, vestibule], 4.0)
    canvas.paint(coverage(nose, edge), air=1.0)
    walls = [
        tube(mirror, [(11, 22, z), (8, 66, z - 3)], [radius, 3.0], 1.0, (0.7, 1.0, 1.2))
        for z, radius in ((-56, 3.6), (-46, 3.1), (-37, 2.6))
    ]
    septum = smooth_max(jnp.abs(place[0] - 1.2 * jnp.sin(place[2] / 12.0)) - 1.3, nose, 1.0)
    canvas.paint(coverage(union([*walls, septum], 0.5), edge), soft_tissue=0.85, cortical_bone=0.15)
    ethmoid = box(mirror, (7.5, 42.0, -22.0), (6.0, 18.0, 7.0), 2.0)
    (cells,) = septa(place)
    ethmoid = smooth_max(ethmoid, 1.2 - 3.0 * jnp.abs(cells), 1.0)
    frontal = smooth_max(frontal, 0.6 - mirror[0], 1.0)
    sphenoid = smooth_max(sphenoid, 0.6 - mirror[0], 1.0)
    canvas.paint(coverage(union([maxillary, sphenoid, frontal, ethmoid], 0.5), edge), air=1.0)
    throat = tube(
        place,
        [(0, 13, -46), (0, 12, -72), (0, 13, -108), (0, 20, -150), (0, 18, -200)],
        [6.5, 5.0, 4.5, 6.5, 7.5],
        4.0,
        (1.4, 1.0, 1.0),
    )
    canvas.paint(coverage(tongue, edge), muscle=0.85, adipose=0.15)
    canvas.paint(coverage(union([throat, mouth], 3.0), edge), air=1.0)
