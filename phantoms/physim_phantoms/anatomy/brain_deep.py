"""What lies inside the hemispheres: corpus callosum, deep grey matter, hippocampus and the ventricles."""

from __future__ import annotations

import jax.numpy as jnp

from .head_tables import capsules, ellipsoids, tube
from .implicit import Canvas, Place, capsule, coverage, mirrored, smooth_max, union

# Axis of one lateral ventricle from the frontal horn to the atrium, then its two horns; radius in mm.
_BODY = (
    (14, 33, 2, 2.0),
    (11, 21, 9, 4.2),
    (9, 6, 15, 4.0),
    (12, -14, 20, 3.2),
    (19, -30, 19, 3.8),
    (26, -42, 13, 5.2),
)
_OCCIPITAL = ((26, -42, 13, 5.2), (27, -58, 9, 3.2), (23, -78, 7, 1.2))
_TEMPORAL = ((27, -42, 11, 4.5), (34, -33, -4, 2.6), (35, -20, -14, 2.0), (30, -8, -21, 1.8))
_CALLOSUM = (
    (0, 17, -9, 1.2),
    (0, 27, -4, 2.5),
    (0, 32, 6, 4.2),
    (0, 23, 18, 3.2),
    (0, 6, 25, 2.8),
    (0, -15, 26, 2.7),
    (0, -31, 21, 3.2),
    (0, -40, 13, 4.8),
)
_CAUDATE_TAIL = ((16, 6, 16, 5.0), (18, -10, 22, 3.6), (24, -28, 21, 2.0), (31, -38, 10, 1.6))
_HIPPOCAMPUS = ((24, -10, -21, 6.0), (29, -22, -15, 4.6), (28, -34, -5, 3.6), (20, -40, 3, 2.0))
# Centre, semi-axes (mm) and turns (degrees) of thalamus, head of the caudate, putamen, accumbens, pallidum, amygdala.
_NUCLEI = (
    ((11.5, -18, 7), (9.5, 16.5, 10.0), (-10, 0, 28)),
    ((13, 14, 6), (6.5, 12.5, 11.0), (25, 0, 12)),
    ((26, 3, 0), (6.0, 18.0, 13.0), (10, 12, 14)),
    ((15, 11, -7), (8.0, 6.0, 4.0), (0, 0, 0)),
    ((19.5, -4, -1), (4.0, 9.5, 6.0), (0, 12, 22)),
    ((23, -3, -19), (8.0, 7.0, 7.0), (0, 0, 0)),
)


def _chain(place: Place, rows, scale=1.0, blend: float = 2.0, stretch=(1.0, 1.0, 1.0)):
    return tube(place, [r[:3] for r in rows], [r[3] * scale for r in rows], blend, stretch)


def paint_nuclei(canvas: Canvas, place: Place, edge, size) -> None:
    """Paints the callosum, the peduncles, the deep grey matter, hippocampus and amygdala; `size` scales the nuclei."""
    mirror = mirrored(place)
    callosum = _chain(place, _CALLOSUM, 1.0, 2.0, (3.6, 1.0, 1.0))
    radiation = capsule(mirror, (10, -18, -10), (22, -4, 12), 5.0, 6.0)
    canvas.paint(coverage(union([callosum, radiation], 3.0), edge), white_matter=1.0)
    rows = [(centre, tuple(a * size for a in axes), turn) for centre, axes, turn in _NUCLEI]
    thalamus, head, putamen, accumbens, pallidum, amygdala = ellipsoids(mirror, *rows)
    caudate = union([head, _chain(mirror, _CAUDATE_TAIL, size), accumbens], 3.0)
    # The capsules between the nuclei stay free: these bodies meet nowhere.
    canvas.paint(coverage(jnp.minimum(jnp.minimum(caudate, thalamus), putamen), edge), deep_grey_matter=1.0)
    canvas.paint(coverage(pallidum, edge), deep_grey_matter=0.6, white_matter=0.4)
    hippocampus = _chain(mirror, _HIPPOCAMPUS, size)
    canvas.paint(coverage(union([hippocampus, amygdala], 3.0), edge), grey_matter=1.0)


def lateral_ventricles(place: Place, scale):
    """Distance to the two lateral ventricles; `scale` multiplies their radii."""
    mirror = mirrored(place)
    body = _chain(mirror, _BODY, scale, 4.0, (0.85, 1.0, 1.45))
    horns = [_chain(mirror, rows, scale, 2.0, (0.9, 1.0, 1.25)) for rows in (_OCCIPITAL, _TEMPORAL)]
    return union([body, *horns], 3.0)


def midline_ventricles(place: Place, scale):
    """Distance to the third ventricle, its doors, the aqueduct and the fourth ventricle."""
    mirror = mirrored(place)
    wide = scale**0.5
    third, fourth, roof = ellipsoids(
        place,
        ((0, -15, -2), (2.3 * scale, 15.0, 10.5)),
        ((0, -43, -34), (7.5 * wide, 4.2 * wide, 13.0), (-22, 0, 0)),
        ((0, -48, -34), (4.0 * wide, 7.0 * wide, 4.0)),
    )
    adhesion, door, aqueduct = capsules(
        mirror,
        ((-6, -15, 2), (6, -15, 2), 2.5, 2.5),
        ((7, 1, 12), (0.5, -2, 3), 1.2, 1.0),
        ((0, -28, -5), (0, -38, -24), 0.9, 1.2),
    )
    return union([smooth_max(third, -adhesion, 2.0), door, aqueduct, union([fourth, roof], 3.0)], 1.5)


def paint_ventricles(canvas: Canvas, place: Place, edge, scale) -> None:
    """Paints all ventricles with fluid; choroid plexus is left out."""
    canvas.paint(coverage(lateral_ventricles(place, scale), edge), csf=1.0)
    canvas.paint(coverage(midline_ventricles(place, scale), edge), csf=1.0)
