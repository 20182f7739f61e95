"""One body of a trunk: what its parts are and in which order they cover each other."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

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
from .render import drawn_on_grid
from .stages import Layer, composite, layer, staged
from .trunk_frame import Spot, Trunk, spots
from .waves import Waves

CHEST_LEVEL, ABDOMEN_LEVEL = 132.0, -44.0  # mm above the disc under the twelfth thoracic vertebra, for 170 cm


_WAVELENGTHS = (75.0, 11.0, 60.0, 16.0)  # mm: bends and specks of the lungs, bends and content of the bowel


class Body(eqx.Module):
    """A patient's trunk: its frame, the drawn values, and the parts that are made once and evaluated everywhere."""

    trunk: Trunk
    values: dict[str, Any]
    parts: dict[str, Any]


def make_body(key, values: dict, male) -> Body:
    """The body of one patient; the key decides what the values leave open: trees, folds and textures."""
    trunk = trunk_parameters.frame(values)
    noise = jax.random.normal(jax.random.fold_in(key, 0xB0D), (900, 3))
    waves = noise[700:].reshape(-1)[: 4 * 14 * 8].reshape(4, 14, 8)
    lung_bends, specks, bowel_bends, stool = (_field(w, r) for w, r in zip(waves, _WAVELENGTHS, strict=True))
    shape = organs_diaphragm.diaphragm(trunk)
    kidneys = [organs_kidney.shape_of(trunk, values, right) for right in (True, False)]
    pipes, gullet = organs_thorax.airways(trunk, male)
    bones, cartilages = ribs.cage(trunk, values["rib_slope"])
    parts = {
        "diaphragm": shape,
        "upper_belly": organs_upper_belly.upper_belly(trunk, shape, kidneys, values),
        "stomach": organs_upper_belly.stomach(trunk, values["stomach_volume"]),
        "pancreas": organs_upper_belly.pancreas(trunk, values["pancreas_volume"]),
        "liver_vessels": organs_upper_belly.liver_vessels(trunk, noise),
        "kidneys": kidneys,
        "bowel": organs_bowel.bowel(trunk, noise[40:], bowel_bends, stool),
        "psoas": loin_and_pelvis.psoas(trunk, values["muscle"]),
        "belly_vessels": vessels_belly.vessels(trunk, values["aorta_diameter"]),
        "heart": organs_heart.heart(trunk, values["heart_volume"], values["heart_turn"]),
        "chest_vessels": vessels_chest.vessels(trunk, values["heart_volume"], values["aorta_diameter"]),
        "apices": organs_thorax.apices(trunk),
        "pipes": pipes,
        "gullet": gullet,
        "trees": lung_trees.lung_trees(trunk, noise[320:], lung_bends, specks),
        "ribs": bones,
        "cartilages": cartilages,
        "arches": spine_column.arches(trunk),
        "girdle": shoulder_girdle.girdle(trunk),
    }
    return Body(trunk, values, parts)


def _field(noise, wavelength: float) -> Waves:
    """Three random fields of about one wavelength, mm, from standard normal `noise` "wave 8"."""
    directions = noise[:, :3] / jnp.linalg.norm(noise[:, :3], axis=1, keepdims=True)
    lengths = wavelength * jnp.exp(0.3 * noise[:, 3:4])
    amplitudes = noise[:, 5:8].T
    amplitudes = amplitudes * jnp.sqrt(2.0 / jnp.sum(amplitudes**2, axis=1, keepdims=True))
    # A normal angle with a deviation of a whole turn is even over the circle to nine digits.
    return Waves(2 * np.pi / lengths * directions, 2 * np.pi * noise[:, 4], amplitudes)


def evaluate(body: Body, place: Place, edge, chest: bool) -> dict:
    """Tissue fractions at a place; `chest` adds the shoulder girdle, otherwise the pelvis is added."""
    trunk, values, parts = body.trunk, body.values, body.parts
    share = values["bone_share"]
    spot = spots(trunk, place)
    coats = trunk_wall.layers(trunk, spot, edge, values)
    coats += _belly(body, spot, edge)
    coats += _chest(body, spot, edge)
    if chest:
        thin, arm = parts["girdle"]
        coats += staged(lambda s: shoulder_girdle.layers(trunk, thin, arm, s, edge, share), spot)
    else:
        coats += staged(lambda s: loin_and_pelvis.bone_layers(trunk, s, edge, share), spot)
    coats += staged(lambda s: ribs.layers(parts["ribs"], parts["cartilages"], s, edge, share), spot)
    coats += staged(lambda s: spine_column.layers(parts["arches"], s, edge, share), spot)
    return composite(coats)


def _belly(body: Body, spot: Spot, edge) -> list[Layer]:
    """What lies below the diaphragm."""
    trunk, values, parts = body.trunk, body.values, body.parts
    inside, below = staged(lambda s: organs_diaphragm.belly(parts["diaphragm"], s), spot)
    coats = organs_diaphragm.layers(below, spot, edge)
    coats += staged(lambda s: loin_and_pelvis.muscle_layers(trunk, parts["psoas"], s, edge), spot)
    right, left = parts["kidneys"]
    (first, near), (second, far) = staged(
        lambda s: (organs_kidney.layers(right, s, edge, True), organs_kidney.layers(left, s, edge, False)),
        spot,
    )
    organs, distances = staged(
        lambda a: organs_upper_belly.layers(parts["upper_belly"], parts, a[0], edge, a[1]), (spot, inside)
    )
    vessels = staged(lambda s: parts["belly_vessels"].distance(s.place, 3.0), spot)
    nearest = jnp.minimum(vessels, jnp.minimum(near, far) - 4.0)
    for other in distances.values():
        nearest = jnp.minimum(nearest, other)
    bowel = staged(
        lambda a: organs_bowel.layers(a[0], edge, a[1], a[2], parts["bowel"], values["bowel_gas"]),
        (spot, inside, nearest),
    )
    pipes = [layer(coverage(vessels, edge), muscle=1.0), layer(coverage(vessels + 1.0, edge), blood=1.0)]
    return [*coats, *organs, *first, *second, *bowel, *pipes]


def _chest(body: Body, spot: Spot, edge) -> list[Layer]:
    """What lies above the diaphragm."""
    trunk, parts = body.trunk, body.parts
    heart, blood = staged(lambda s: organs_heart.chambers(parts["heart"], s), spot)
    vessels = staged(lambda s: parts["chest_vessels"].distance(s.place, 4.0), spot)
    pipes, gullet = staged(
        lambda s: tuple(parts[n].distance(s.place, 3.0) for n in ("pipes", "gullet")), spot
    )

    def lungs(arguments):
        spot, *organs = arguments
        between = organs_thorax.mediastinum(spot, *organs)
        room = trunk_wall.cavity(trunk, spot)
        return organs_thorax.lungs(parts["apices"], parts["diaphragm"], spot, room, between)

    lung = staged(lungs, (spot, heart, vessels, pipes, gullet))
    trees = parts["trees"]
    bent, speck = staged(lambda s: (lung_trees.folded(trees, s), trees.specks(s.place)[0]), spot)
    coats = staged(
        lambda a: organs_thorax.layers(parts["apices"], a[0], edge, a[1], a[2]), (spot, lung, speck)
    )
    coats += staged(lambda a: lung_trees.layers(trees, a[0], a[1], edge), (bent, lung))
    coats += organs_heart.layers(heart, blood, vessels, edge)
    return coats + organs_thorax.pipe_layers(pipes, gullet, edge)


class _Seen(eqx.Module):
    """A body seen through a window: the chest's, otherwise the abdomen's."""

    body: Body
    chest: bool


def _evaluate(seen: _Seen, place: Place, edge) -> dict:
    trunk, (x, y, z) = seen.body.trunk, place
    level = trunk.level(CHEST_LEVEL if seen.chest else ABDOMEN_LEVEL)
    return evaluate(seen.body, (x, y + trunk.wall(level)[1], z + level), edge, seen.chest)


_make_body = eqx.filter_jit(make_body)


def render(grid: Grid, key, values: dict, male: bool, chest: bool) -> dict:
    """Tissue fractions on a grid whose origin lies in the middle of the body at chest or belly level.

    One compilation serves every patient on every grid, men and women.
    """
    body = _make_body(key, trunk_parameters.complete(values), jnp.asarray(male, dtype=float))
    return drawn_on_grid(grid, _evaluate, _Seen(body, chest))
