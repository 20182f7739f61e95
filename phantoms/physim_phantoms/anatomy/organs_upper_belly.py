"""Liver, gallbladder, spleen, stomach, pancreas: the organs under the diaphragm, each fitted to its volume."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .implicit import coverage, ellipsoid, smooth_max, smooth_min
from .organs_diaphragm import belly
from .render import scattered
from .rods import Rods, tree
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk, points, ramp, spots

_SAMPLES = 6000  # places at which a volume is measured: 1 to 2 % for a liver
_SPLEEN_ANGLE = -1.12  # rad from the back's middle, to the left


def _liver_border(trunk: Trunk, x, y, shift):
    """Height of the liver's lower border, which climbs to the left and from front to back."""
    _, middle, _ = trunk.wall(trunk.level(0.0))
    right = 100.0 * trunk.width
    return trunk.level(-72.0) + trunk.lift + shift + 0.70 * (right - x) - 0.0012 * (x - 40.0) ** 2 - 0.22 * (y - middle)


def liver(trunk: Trunk, spot: Spot, inside, shift):
    """Distance to the liver, a wedge: deep on the right, thin and in front on the left; `shift` raises its border."""
    lower = (_liver_border(trunk, spot.x, spot.y, shift) - spot.z) * 0.79
    back = trunk.face(trunk.level(20.0)) + 14.0 + 0.75 * ramp(26.0 - spot.x, 14.0) - 2.2 * ramp(spot.x - 30.0, 12.0)
    wedge = smooth_max(lower, (back - spot.y) * 0.75, 22.0)
    return smooth_max(inside + 2.0, wedge, 10.0)


def fit_liver(trunk: Trunk, volume):
    """The shift that gives the liver `volume` mL: four Newton steps on a volume measured at scattered places."""
    unit, cell = scattered(_SAMPLES, (20.0, 50.0, 0.0), (150.0, 125.0, 150.0))
    grown = 1.15 * trunk.width + 0.004 * trunk.belly[1]
    spot = spots(trunk, (unit[0] * grown, unit[1] * grown, trunk.level(unit[2]) + trunk.lift))
    inside, _ = belly(trunk, spot)
    cell = cell * grown**2 * trunk.rise * 1e-3

    def step(shift, _):
        measured = lambda s: jnp.sum(coverage(liver(trunk, spot, inside, s), 14.0)) * cell
        now, slope = jax.jvp(measured, (shift,), (jnp.ones_like(shift),))
        return jnp.clip(shift - (now - volume) / jnp.minimum(slope, -4.0), -90.0, 90.0), None

    return jax.lax.scan(step, jnp.zeros_like(trunk.rise), None, length=4)[0]


def liver_vessels(trunk: Trunk, key) -> Rods:
    """Portal and hepatic veins as one tree from the hilum."""
    y = trunk.face(trunk.level(20.0))
    z = trunk.level(18.0) + trunk.lift
    root, centre = points((18.0, y + 30.0, z - 6.0), (52.0 * trunk.width, y + 44.0, z + 6.0))
    return tree(key, root, centre, points((62.0 * trunk.width, 58.0, 48.0))[0], 20, 1.6, offset=5)


def gallbladder(trunk: Trunk, spot: Spot, volume, shift):
    """Distance to the gallbladder, a pear under the liver's right lobe."""
    size = (volume / 35.0) ** (1.0 / 3.0)
    _, middle, half_depth = trunk.wall(trunk.level(-20.0))
    x, y = 44.0 * trunk.width, middle + 0.42 * half_depth
    z = _liver_border(trunk, x, y, shift)
    r = tuple(size * v for v in (14.5, 23.0, 16.0, 8.0, 15.0))
    body = ellipsoid(spot.place, (x, y, z - 2.0), r[:3], (-24.0, 0.0, -12.0))
    neck = ellipsoid(spot.place, (x - 8.0, y - 24.0 * size, z + 9.0 * size), (r[3], r[4], r[3]), (-30.0, 0.0, -18.0))
    return smooth_min(body, neck, 8.0)


def _spleen_place(trunk: Trunk) -> tuple:
    return trunk.on_wall(_SPLEEN_ANGLE + 0.0 * trunk.rise, trunk.level(16.0) + 0.8 * trunk.lift, -13.0)


def spleen(trunk: Trunk, spot: Spot, inside, size):
    """Distance to the spleen, a crescent on the left wall behind the stomach."""
    x, y, z = _spleen_place(trunk)
    bean = ellipsoid(spot.place, (x, y, z), tuple(size * v for v in (25.0, 44.0, 50.0)), (22.0, 0.0, 32.0))
    gate = (x + 34.0 * size, y + 20.0 * size, z)
    hilum = ellipsoid(spot.place, gate, tuple(size * v for v in (24.0, 36.0, 40.0)), (0.0, 0.0, 32.0))
    return smooth_max(smooth_max(inside + 3.0, bean, 6.0), -hilum, 8.0)


def fit_spleen(trunk: Trunk, volume):
    """The size that gives the spleen `volume` mL, by four rounds of measuring and scaling."""
    unit, cell = scattered(3000, (0.0, 0.0, 0.0), (60.0, 75.0, 80.0))
    x, y, z = _spleen_place(trunk)

    def step(size, _):
        spot = spots(trunk, (x + unit[0] * size, y + unit[1] * size, z + unit[2] * size))
        cover = coverage(spleen(trunk, spot, belly(trunk, spot)[0], size), 8.0)
        now = jnp.sum(cover) * cell * size**3 * 1e-3
        return size * (volume / jnp.maximum(now, 5.0)) ** 0.42, None

    return jax.lax.scan(step, (volume / 150.0) ** (1.0 / 3.0), None, length=4)[0]


def stomach(trunk: Trunk, volume) -> Rods:
    """The stomach as a J from the fundus under the left dome to the pylorus."""
    _, middle, half_depth = trunk.wall(trunk.level(0.0))
    front, f, w = middle + half_depth, trunk.face(trunk.level(20.0)), trunk.width
    level = lambda c: trunk.level(c) + 0.8 * trunk.lift
    path = points(
        (-52.0 * w, f + 34.0, level(28.0)),
        (-58.0 * w, f + 52.0, level(4.0)),
        (-56.0 * w, 0.5 * (f + front) + 7.0, level(-26.0)),
        (-34.0 * w, front - 36.0, level(-56.0)),
        (-6.0, front - 38.0, level(-60.0)),
        (18.0, front - 50.0, level(-46.0)),
    )
    return Rods.chain(path, jnp.asarray([32.0, 31.0, 26.0, 21.0, 16.0, 9.0]) * (volume / 330.0) ** 0.42)


def pancreas(trunk: Trunk, volume) -> Rods:
    """The pancreas from its head beside the second lumbar vertebra to its tail near the spleen."""
    w = trunk.width
    path = trunk.along(
        [(32.0 * w, 30, -66), (26.0 * w, 38, -48), (6, 44, -36), (-22.0 * w, 40, -27), (-48.0 * w, 22, -16), (-72.0 * w, 6, -6)],
        0.5 * trunk.lift,
    )
    return Rods.chain(path, jnp.asarray([12.0, 13.5, 9.0, 10.0, 10.5, 8.5]) * (volume / 85.0) ** 0.5)


def layers(trunk: Trunk, spot: Spot, edge, inside, values, parts) -> tuple[list[Layer], dict]:
    """The organs, and the distances to them; `parts` holds the tubes and the fitted numbers."""
    meal = parts["stomach"].distance(spot.place, 22.0)
    gland = parts["pancreas"].distance(spot.place, 10.0, (1.0, 1.0, 1.15))
    hepatic = liver(trunk, spot, inside, parts["liver"])
    bile = gallbladder(trunk, spot, values["gallbladder_volume"], parts["liver"])
    pulp = spleen(trunk, spot, inside, parts["spleen"])
    veins = jnp.maximum(parts["liver_vessels"].distance(spot.place, 1.0), hepatic + 4.0)
    meal = smooth_max(jnp.maximum(meal, inside + 2.0), -pulp + 1.0, 6.0)
    _, middle, half_depth = trunk.wall(trunk.level(0.0))
    surface = middle + half_depth * (0.72 - values["stomach_air"])  # air stands in front when a patient lies
    coats = [
        layer(coverage(gland, edge), pancreas=1.0),
        layer(coverage(pulp, edge), spleen=1.0),
        layer(coverage(meal, edge), stomach_wall=1.0),
        layer(coverage(meal + 4.0, edge), bowel_content=0.6, water=0.4),
        layer(coverage(jnp.maximum(meal + 4.0, surface - spot.y), edge), air=1.0),
        layer(coverage(hepatic, edge), liver=1.0),
        layer(coverage(veins, edge), blood=1.0),
        layer(coverage(bile, edge), muscle=1.0),
        layer(coverage(bile + 1.8, edge), bile=1.0),
    ]
    return coats, {"liver": hepatic, "bile": bile, "spleen": pulp, "pancreas": gland, "stomach": meal}
