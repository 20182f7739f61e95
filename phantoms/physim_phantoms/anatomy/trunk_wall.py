"""What wraps the trunk: muscles of chest, back and belly, the fat beneath the skin, breasts, skin."""

from __future__ import annotations

import jax.numpy as jnp

from .implicit import capsule, coverage, ellipsoid, length, smooth_max, smooth_min
from .stages import Layer, layer, staged
from .trunk_frame import Spot, Trunk, bump, curve

_SKIN = 1.8  # mm


def _muscle_thickness(spot: Spot, strength):
    """How far the muscles reach out from the inner wall, mm."""
    c, across, forward = spot.c, spot.across, spot.forward
    front, back = jnp.clip(forward * 2.0, 0.0, 1.0), jnp.clip(-forward * 2.0, 0.0, 1.0)
    belly = jnp.clip((40.0 - c) / 60.0, 0.0, 1.0)
    # The rib cage needs 12 mm; the belly has three flat muscles at the side, the straight ones in front.
    straight = 8.0 * bump(across, 0.28, 0.5) + 3.5
    side = jnp.clip((across - 0.45) / 0.3, 0.0, 1.0)
    soft = (15.0 - 3.0 * back) * side + (1 - side) * (front * straight + (1 - front) * 12.0)
    base = 12.0 * (1 - belly) + belly * strength * soft
    pectoral = 14.0 * front * bump(across, 0.62, 0.5) * bump(c, 200.0, 60.0)
    lateral = 11.0 * bump(across, 0.95, 0.35) * bump(forward, -0.25, 0.6) * bump(c, 150.0, 90.0)
    shoulder_blade = 28.0 * back * bump(across, 0.62, 0.6) * bump(c, 205.0, 80.0)
    gluteal = 42.0 * back * jnp.clip((-110.0 - c) / 80.0, 0.0, 1.0) * bump(across, 0.6, 0.7)
    return base + strength * (pectoral + lateral + shoulder_blade + gluteal)


def _paraspinal(spot: Spot, strength):
    """Distance to the erector spinae of both sides."""
    knots = (-200, -100, 0, 120, 290)
    wide = curve(spot.c, knots, (25.0, 32.0, 31.0, 25.0, 20.0)) * strength**0.5
    deep = curve(spot.c, knots, (15.0, 17.0, 15.0, 13.0, 18.0)) * strength**0.5
    middle = spot.y_spine - spot.body_depth - 18.0 - deep
    u, v = (spot.beside[0] - wide - 2.0) / wide, (spot.y - middle) / deep
    return (length(u, v) - 1.0) * 0.9 * deep


def _shoulders(trunk: Trunk, spot: Spot, strength):
    """Distance to neck, trapezius, shoulder and raised arm of both sides."""
    place = spot.folded
    r, w = trunk.rise, trunk.width
    y_top = trunk.spine(trunk.level(240.0))[1]
    neck = length(place[0] / (60.0 * r), (spot.y - spot.y_spine - 20.0) / (62.0 * r)) - 1.0
    neck = smooth_max(neck * 56.0 * r, r * (225.0 - spot.c), 20.0)
    size = r * (0.8 + 0.2 * strength)
    start, joint = (35.0 * w, y_top - 6.0, trunk.level(258.0)), (156.0 * w, y_top + 0.0, trunk.level(238.0))
    bridge = capsule(place, start, joint, 34.0 * size, 43.0 * size, (1.0, 1.15, 1.0))
    arm = capsule(place, joint, (200.0 * w, y_top + 14.0, trunk.level(400.0)), 45.0 * size, 44.0 * size)
    lat = capsule(place, (128.0 * w, y_top + 0.0, trunk.level(160.0)), joint, 16.0 * size, 36.0 * size)
    return smooth_min(smooth_min(neck, bridge, 40.0), smooth_min(arm, lat, 30.0), 30.0)


def muscle(trunk: Trunk, spot: Spot, strength) -> tuple:
    """Distances to the outer surface of all muscles and to the erector spinae; `strength` scales their thickness."""
    wall = smooth_max(spot.inner - _muscle_thickness(spot, strength), trunk.rise * (spot.c - 262.0), 30.0)
    back = _paraspinal(spot, strength)
    return smooth_min(smooth_min(wall, back, 34.0), _shoulders(trunk, spot, strength), 26.0), back


def fat_thickness(spot: Spot, mean):
    """Thickness of the fat beneath the skin, mm, when the trunk's mean is `mean`."""
    c, across, forward = spot.c, spot.across, spot.forward
    height = curve(c, (-230, -120, -40, 60, 130, 220, 300), (1.5, 1.45, 1.25, 0.95, 0.75, 0.55, 0.45))
    belly = 0.22 * bump(c, -110.0, 90.0) * bump(forward, 1.0, 0.9)
    flank = 0.3 * bump(c, -60.0, 120.0) * bump(forward, -0.8, 0.6) * bump(across, 0.75, 0.5)
    navel = 0.75 * bump(spot.x, 0.0, 9.0) * bump(c, -108.0, 9.0) * bump(forward, 1.15, 0.35)
    return mean * height * (1.0 + belly + flank) * (1.0 - navel)


def breast_place(trunk: Trunk) -> tuple:
    """Where the right breast of a supine patient lies."""
    z = trunk.level(158.0)
    half_width, middle, half_depth = trunk.wall(z)
    return 0.66 * half_width, middle + 0.80 * half_depth + 20.0, z


def breast(centre: tuple, spot: Spot, volume) -> tuple:
    """Distances to a breast of `volume` mL and to its gland."""
    size = (volume / 430.0) ** (1.0 / 3.0) * 58.0
    x, y, z = centre
    turn = (0.0, 0.0, -28.0)
    whole = ellipsoid(spot.folded, (x, y, z), (1.22 * size, 0.58 * size, 1.12 * size), turn)
    gland = ellipsoid(
        spot.folded, (x + 0.05 * size, y + 0.16 * size, z), (0.72 * size, 0.30 * size, 0.66 * size), turn
    )
    return whole, gland


def layers(trunk: Trunk, spot: Spot, edge, values) -> list[Layer]:
    """Skin, fat, muscle with thin planes of fat between its layers, and the fat that lies behind all organs."""
    flesh, back = staged(lambda s: muscle(trunk, s, values["muscle"]), spot)
    thick = staged(lambda s: fat_thickness(s, values["subcutaneous_fat"]), spot)
    centre = breast_place(trunk)
    whole, gland = staged(lambda s: breast(centre, s, values["breast_volume"]), spot)
    outline = smooth_min(flesh - thick, whole, 30.0)
    gland = jnp.maximum(jnp.maximum(gland, 4.0 - flesh), outline + 2.0 * _SKIN)
    share = jnp.clip(0.75 - 0.007 * (values["age"] - 20.0), 0.2, 0.75)
    plane = 0.35 + 0.03 * values["subcutaneous_fat"]
    between = jnp.minimum(jnp.abs(spot.inner - 13.0) - plane, jnp.abs(back) - plane)
    thin = jnp.clip(2.0 * plane / edge, 0.0, 1.0)
    return [
        layer(coverage(outline, edge), skin=1.0),
        layer(coverage(outline + _SKIN, edge), adipose=1.0),
        layer(coverage(gland, edge), breast_glandular=share, adipose=1.0 - share),
        layer(coverage(flesh, edge), muscle=1.0),
        layer(coverage(jnp.maximum(between, flesh + 3.0), edge) * thin, adipose=1.0),
        layer(coverage(cavity(trunk, spot), edge), adipose=1.0),
    ]


def cavity(trunk: Trunk, spot: Spot):
    """Distance to the space inside the wall, closed at the top of the chest."""
    return smooth_max(spot.inner, trunk.rise * (spot.c - 268.0), 10.0)
