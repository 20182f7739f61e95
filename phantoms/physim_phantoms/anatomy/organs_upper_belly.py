"""Liver, gallbladder, spleen, stomach, pancreas: the organs under the diaphragm, each fitted to its volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .implicit import coverage, ellipsoid, smooth_max, smooth_min
from .organs_diaphragm import Diaphragm, belly
from .organs_kidney import nearest
from .render import scattered
from .rods import Rods, tree
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk, points, ramp, spots

_SAMPLES = 6000  # places at which a volume is measured: 1 to 2 % for a liver
_ROUNDS = 10
_LIVER_SLOPE = 20.0  # mL that the liver loses per mm of its lower border
_SPLEEN_ANGLE = -1.12  # rad from the back's middle, to the left


class UpperBelly(eqx.Module):
    """The measures of the organs under the diaphragm, mm."""

    rise: Any
    border: Any  # of the liver: height below the right lobe
    right: Any  # where the right lobe is deepest
    middle: Any
    back: Any  # of the left lobe
    gallbladder: tuple[Any, Any, Any]  # centre, before the liver is fitted
    gallbladder_size: Any
    spleen: tuple[Any, Any, Any]
    air: Any  # stomach: air lies in front of this y
    shift: Any  # what fits the liver
    size: Any  # what fits the spleen


def upper_belly(trunk: Trunk, shape: Diaphragm, kidneys: Sequence, values: dict) -> UpperBelly:
    """The organs of one patient, liver and spleen fitted to their volumes."""
    border, right, middle = trunk.level(-72.0) + trunk.lift, 100.0 * trunk.width, shape.middle
    x, y = 44.0 * trunk.width, middle + 0.42 * shape.half_depth
    angle = _SPLEEN_ANGLE + 0.0 * trunk.rise
    organs = UpperBelly(
        trunk.rise,
        border,
        right,
        middle,
        trunk.face(trunk.level(20.0)) + 14.0,
        (x, y, border + 0.50 * (right - x) - 0.22 * (y - middle)),
        (values["gallbladder_volume"] / 19.5) ** (1.0 / 3.0),
        trunk.on_wall(angle, trunk.level(-4.0) + 0.8 * trunk.lift, -13.0),
        middle + shape.half_depth * (0.72 - values["stomach_air"]),
        0.0 * trunk.rise,
        (values["spleen_volume"] / 150.0) ** (1.0 / 3.0),
    )
    return _fitted(trunk, shape, kidneys, organs, values["liver_volume"], values["spleen_volume"])


def _fitted(
    trunk: Trunk, shape: Diaphragm, kidneys: Sequence, organs: UpperBelly, liver_volume, spleen_volume
) -> UpperBelly:
    """Liver and spleen fitted, in a few rounds, on volumes measured at scattered places."""
    wide, cell = scattered(_SAMPLES, (20.0, 50.0, -45.0), (150.0, 125.0, 170.0))
    grown = 1.15 * trunk.width + 0.004 * trunk.belly[1]
    near, small = scattered(_SAMPLES // 2, (0.0, 0.0, 0.0), (55.0, 70.0, 75.0))
    guess, (x, y, z) = organs.size, organs.spleen
    place = (
        jnp.concatenate([wide[0] * grown, x + near[0] * guess]),
        jnp.concatenate([wide[1] * grown, y + near[1] * guess]),
        jnp.concatenate([trunk.level(wide[2]) + trunk.lift, z + near[2] * guess]),
    )
    spot = spots(trunk, place)
    free = jnp.maximum(belly(shape, spot)[0], -nearest(kidneys, spot.place))
    where_liver, where_spleen = slice(None, _SAMPLES), slice(_SAMPLES, None)
    everything = (spot, free)
    pick = lambda part: jax.tree.map(lambda a: a[part], everything)
    cell, small = cell * grown**2 * trunk.rise * 1e-3, small * guess**3 * 1e-3

    def step(state, _):
        shift, size = state
        spot, inside = pick(where_liver)
        hepatic = jnp.sum(coverage(liver(organs, spot, inside, shift), 14.0)) * cell
        shift = jnp.clip(shift + (hepatic - liver_volume) / (_LIVER_SLOPE * trunk.width), -150.0, 90.0)
        spot, inside = pick(where_spleen)
        pulp = jnp.sum(coverage(spleen(organs, spot, inside, size), 8.0)) * small
        return (shift, size * (spleen_volume / jnp.maximum(pulp, 5.0)) ** 0.42), None

    (shift, size), _ = jax.lax.scan(step, (organs.shift, organs.size), None, length=_ROUNDS)
    return eqx.tree_at(lambda o: (o.shift, o.size), organs, (shift, size))


def liver(organs: UpperBelly, spot: Spot, inside, shift):
    """Distance to the liver, a wedge: deep on the right, thin and in front on the left; `shift` raises its border."""
    border = organs.border + shift + 0.50 * (organs.right - spot.x) - 0.0012 * (spot.x - 40.0) ** 2
    lower = (border - 0.22 * (spot.y - organs.middle) - spot.z) * 0.79
    back = organs.back + 0.75 * ramp(26.0 - spot.x, 14.0) - 2.2 * ramp(spot.x - 30.0, 12.0)
    wedge = smooth_max(lower, (back - spot.y) * 0.75, 22.0)
    return smooth_max(inside + 0.5, wedge, 10.0)


def liver_vessels(trunk: Trunk, noise) -> Rods:
    """Portal and hepatic veins as one tree from the hilum."""
    y = trunk.face(trunk.level(20.0))
    z = trunk.level(0.0) + trunk.lift
    root, centre = points((18.0, y + 30.0, z - 6.0), (52.0 * trunk.width, y + 44.0, z + 6.0))
    return tree(noise, root, centre, points((62.0 * trunk.width, 58.0, 48.0))[0], 20, 1.6, offset=5)


def gallbladder(organs: UpperBelly, spot: Spot):
    """Distance to the gallbladder, a pear under the liver's right lobe."""
    size = organs.gallbladder_size
    x, y, z = organs.gallbladder
    z = z + organs.shift
    body = ellipsoid(
        spot.place, (x, y, z - 2.0), (14.5 * size, 23.0 * size, 16.0 * size), (-24.0, 0.0, -12.0)
    )
    axes = (8.0 * size, 15.0 * size, 8.0 * size)
    neck = ellipsoid(spot.place, (x - 8.0, y - 24.0 * size, z + 9.0 * size), axes, (-30.0, 0.0, -18.0))
    return smooth_min(body, neck, 8.0)


def spleen(organs: UpperBelly, spot: Spot, inside, size):
    """Distance to the spleen, a crescent on the left wall behind the stomach."""
    x, y, z = organs.spleen
    bean = ellipsoid(spot.place, (x, y, z), (25.0 * size, 44.0 * size, 50.0 * size), (22.0, 0.0, 32.0))
    gate = (x + 34.0 * size, y + 20.0 * size, z)
    hilum = ellipsoid(spot.place, gate, (24.0 * size, 36.0 * size, 40.0 * size), (0.0, 0.0, 32.0))
    return smooth_max(smooth_max(inside + 1.5, bean, 6.0), -hilum, 8.0)


def stomach(trunk: Trunk, volume) -> Rods:
    """The stomach as a J from the fundus under the left dome to the pylorus."""
    _, middle, half_depth = trunk.wall(trunk.level(0.0))
    front, f, w = middle + half_depth, trunk.face(trunk.level(20.0)), trunk.width
    level = lambda c: trunk.level(c - 20.0) + 0.8 * trunk.lift
    path = points(
        (-50.0 * w, f + 34.0, level(30.0)),
        (-58.0 * w, 0.45 * (f + 34.0) + 0.55 * (front - 42.0), level(4.0)),
        (-54.0 * w, front - 40.0, level(-26.0)),
        (-34.0 * w, front - 36.0, level(-56.0)),
        (-6.0, front - 38.0, level(-60.0)),
        (18.0, front - 50.0, level(-46.0)),
    )
    return Rods.chain(path, jnp.asarray([32.0, 31.0, 26.0, 21.0, 16.0, 9.0]) * (volume / 330.0) ** 0.42)


def pancreas(trunk: Trunk, volume) -> Rods:
    """The pancreas from its head beside the second lumbar vertebra to its tail near the spleen."""
    path = trunk.along(
        [(30, 28, -68), (26, 34, -48), (6, 42, -36), (-22, 35, -29), (-48, 17, -18), (-70, 0, -6)],
        0.5 * trunk.lift,
    )
    return Rods.chain(
        path, jnp.asarray([12.0, 13.5, 9.0, 10.0, 10.5, 8.5]) * (volume / (60.0 * trunk.width**0.8)) ** 0.5
    )


def layers(organs: UpperBelly, parts: dict, spot: Spot, edge, inside) -> tuple[list[Layer], dict]:
    """The organs, and the distances to them; `parts` holds the tubes."""
    meal = parts["stomach"].distance(spot.place, 22.0)
    gland = parts["pancreas"].distance(spot.place, 10.0, (1.0, 1.0, 1.15))
    hepatic = liver(organs, spot, inside, organs.shift)
    bile = gallbladder(organs, spot)
    pulp = spleen(organs, spot, inside, organs.size)
    veins = jnp.maximum(parts["liver_vessels"].distance(spot.place, 1.0), hepatic + 4.0)
    meal = smooth_max(jnp.maximum(meal, inside + 1.0), 1.0 - jnp.minimum(pulp, gland), 6.0)
    coats = [
        layer(coverage(pulp, edge), spleen=1.0),
        layer(coverage(meal, edge), stomach_wall=1.0),
        layer(coverage(meal + 4.0, edge), bowel_content=0.6, water=0.4),
        layer(coverage(jnp.maximum(meal + 4.0, organs.air - spot.y), edge), air=1.0),
        layer(coverage(hepatic, edge), liver=1.0),
        layer(coverage(veins, edge), blood=1.0),
        layer(coverage(gland, edge), pancreas=1.0),
        layer(coverage(bile, edge), muscle=1.0),
        layer(coverage(bile + 1.8, edge), bile=1.0),
    ]
    return coats, {"liver": hepatic, "bile": bile, "spleen": pulp, "pancreas": gland, "stomach": meal}
