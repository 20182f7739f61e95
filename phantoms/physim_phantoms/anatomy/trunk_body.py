"""One body of a trunk: what its parts are and in which order they cover each other."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..grid import Grid
from . import (
    loin_and_pelvis,
    lung_trees,
    organs_bowel,
    organs_diaphragm,
    organs_heart,
    organs_kidney,
    organs_thorax,
    organs_upper_belly,
    ribs,
    shoulder_girdle,
    spine_column,
    trunk_parameters,
    trunk_wall,
    vessels_belly,
    vessels_chest,
)
from .implicit import Place, coverage
from .render import mean_spacing, on_grid
from .rods import Rods
from .stages import Layer, composite, layer, staged
from .trunk_frame import Spot, Trunk, spots

CHEST_LEVEL, ABDOMEN_LEVEL = 132.0, -44.0  # mm above the disc under the twelfth thoracic vertebra, for 170 cm


class Body(eqx.Module):
    """A patient's trunk: its frame, the drawn values, and the parts that are made once and evaluated everywhere."""

    trunk: Trunk
    values: dict[str, Any]
    parts: dict[str, Any]


def make_body(key, values: dict, male: bool) -> Body:
    """The body of one patient; the key decides what the values leave open: trees, folds and textures."""
    trunk = trunk_parameters.frame(values)
    lung_key, bowel_key, liver_key = jax.random.split(jax.random.fold_in(key, 0xB0D), 3)
    volume, diameter = values["heart_volume"], values["aorta_diameter"]
    pipes, gullet = organs_thorax.airways(trunk, male)
    bones, cartilages = ribs.cage(trunk, values["rib_slope"])
    parts = {
        "liver": organs_upper_belly.fit_liver(trunk, values["liver_volume"]),
        "spleen": organs_upper_belly.fit_spleen(trunk, values["spleen_volume"]),
        "stomach": organs_upper_belly.stomach(trunk, values["stomach_volume"]),
        "pancreas": organs_upper_belly.pancreas(trunk, values["pancreas_volume"]),
        "liver_vessels": organs_upper_belly.liver_vessels(trunk, liver_key),
        "bowel": organs_bowel.bowel(trunk, bowel_key),
        "psoas": loin_and_pelvis.psoas(trunk, values["muscle"]),
        "belly_vessels": Rods.join(vessels_belly.arteries(trunk, diameter), vessels_belly.veins(trunk)),
        "chest_vessels": Rods.join(
            vessels_chest.arteries(trunk, volume, diameter), vessels_chest.veins(trunk, volume)
        ),
        "pipes": pipes,
        "gullet": gullet,
        "trees": lung_trees.lung_trees(trunk, lung_key),
        "ribs": bones,
        "cartilages": cartilages,
        "arches": spine_column.arches(trunk),
        "girdle": shoulder_girdle.girdle(trunk),
    }
    return Body(trunk, values, parts)


def evaluate(body: Body, place: Place, edge, chest: bool) -> dict:
    """Tissue fractions at a place; `chest` adds the shoulder girdle, otherwise the pelvis is added."""
    trunk, values, parts = body.trunk, body.values, body.parts
    share = values["bone_share"]
    spot = spots(trunk, place)
    coats = trunk_wall.layers(trunk, spot, edge, values)
    coats += _belly(body, spot, edge)
    coats += _chest(body, spot, edge)
    if chest:
        coats += staged(lambda s: shoulder_girdle.layers(trunk, *parts["girdle"], s, edge, share), spot)
    else:
        coats += staged(lambda s: loin_and_pelvis.bone_layers(trunk, s, edge, share), spot)
    coats += staged(lambda s: ribs.layers(parts["ribs"], parts["cartilages"], s, edge, share), spot)
    coats += staged(lambda s: spine_column.layers(parts["arches"], s, edge, share), spot)
    return composite(coats)


def _belly(body: Body, spot: Spot, edge) -> list[Layer]:
    """What lies below the diaphragm."""
    trunk, values, parts = body.trunk, body.values, body.parts
    inside, below = staged(lambda s: organs_diaphragm.belly(trunk, s), spot)
    coats = organs_diaphragm.layers(below, spot, edge)
    coats += staged(lambda s: loin_and_pelvis.muscle_layers(trunk, parts["psoas"], s, edge), spot)
    others = []
    for right in (True, False):
        kidney, outer = staged(lambda s, right=right: organs_kidney.layers(trunk, s, edge, values, right), spot)
        coats += kidney
        others.append(outer - 4.0)
    organs, distances = staged(
        lambda a: organs_upper_belly.layers(trunk, a[0], edge, a[1], values, parts), (spot, inside)
    )
    vessels = staged(lambda s: parts["belly_vessels"].distance(s.place, 3.0), spot)
    nearest = vessels
    for other in (*others, *distances.values()):
        nearest = jnp.minimum(nearest, other)
    coats += organs
    coats += staged(
        lambda a: organs_bowel.layers(a[0], edge, a[1], a[2], parts["bowel"], values["bowel_gas"]), (spot, inside, nearest)
    )
    return [*coats, layer(coverage(vessels, edge), muscle=1.0), layer(coverage(vessels + 1.0, edge), blood=1.0)]


def _chest(body: Body, spot: Spot, edge) -> list[Layer]:
    """What lies above the diaphragm."""
    trunk, values, parts = body.trunk, body.values, body.parts
    heart, blood = staged(
        lambda s: organs_heart.chambers(trunk, s, values["heart_volume"], values["heart_turn"]), spot
    )
    vessels = staged(lambda s: parts["chest_vessels"].distance(s.place, 4.0), spot)
    pipes, gullet = staged(lambda s: (parts["pipes"].distance(s.place, 3.0), parts["gullet"].distance(s.place, 3.0)), spot)
    lung = staged(lambda a: _lung(trunk, *a), (spot, heart, vessels, pipes, gullet))
    trees = parts["trees"]
    bent, speck = staged(lambda s: (lung_trees.folded(trees, s), trees.specks(s.place)[0]), spot)
    coats = staged(lambda a: organs_thorax.layers(trunk, a[0], edge, a[1], a[2]), (spot, lung, speck))
    coats += staged(lambda a: lung_trees.layers(trees, a[0], a[1], edge), (bent, lung))
    coats += organs_heart.layers(heart, blood, vessels, edge)
    return coats + organs_thorax.pipe_layers(pipes, gullet, edge)


def _lung(trunk: Trunk, spot: Spot, heart, vessels, pipes, gullet):
    """Distance to the lungs."""
    between = organs_thorax.mediastinum(spot, heart, vessels, pipes, gullet)
    return organs_thorax.lungs(trunk, spot, trunk_wall.cavity(trunk, spot), between)


@eqx.filter_jit
def render(grid: Grid, key, values: dict, male: bool, chest: bool) -> dict:
    """Tissue fractions on a grid whose origin lies in the middle of the body at chest or belly level."""
    body = make_body(key, values, male)
    edge = mean_spacing(grid)
    z_0 = body.trunk.level(CHEST_LEVEL if chest else ABDOMEN_LEVEL)
    y_0 = body.trunk.wall(z_0)[1]
    return on_grid(grid, lambda p: evaluate(body, (p[0], p[1] + y_0, p[2] + z_0), edge, chest))
