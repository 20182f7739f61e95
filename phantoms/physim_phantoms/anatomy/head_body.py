"""One body of a head: what its parts are, in which order they cover each other, and how a patient's measures shape it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..grid import Grid
from . import brain_deep, brain_folds, brain_hind, brain_shape, head_face, head_skull
from .implicit import Canvas, Place, coverage, mirrored
from .render import mean_spacing, on_grid
from .waves import Waves

BRAIN_CENTRE = (0.0, -18.0, 8.0)  # mm of average brain space: the middle of the cranial cavity
HEAD_CENTRE = (0.0, -4.0, -26.0)  # the middle of the head between vertex and chin
REFERENCE_CAVITY = 1990.0  # mL, of the cavity in average brain space without the funnel to the cord
REFERENCE_VENTRICLES = (24.0, 2.0)  # mL at scale one, and the power of the scale with which they grow


class Body(eqx.Module):
    """A patient's head with everything that is drawn once and evaluated everywhere."""

    values: dict[str, Any]
    shape: Waves
    folds: brain_folds.Folds
    folia: Waves
    relief: Waves
    septa: Waves


def scale_of(values: dict):
    """Millimetres of the patient per millimetre of average brain space."""
    return (values["intracranial_volume"] / REFERENCE_CAVITY) ** (1.0 / 3.0)


def make_body(key, values: dict) -> Body:
    """The body of one patient; the key decides what the values leave open: folds, relief and asymmetry."""
    keys = jax.random.split(jax.random.fold_in(key, 0x4EAD), 5)
    folds = brain_folds.Folds.sample(keys[1], 2.0 * values["gyral_width"] / scale_of(values))
    shape = Waves.sample(keys[0], 10, 130.0, 0.25, 3)
    relief, septa = head_skull.sample_bone(keys[3]), head_face.sample_septa(keys[4])
    return Body(values, shape, folds, brain_hind.sample_folia(keys[2]), relief, septa)


def average_place(body: Body, place: Place, centre) -> Place:
    """The place in average brain space of a place in the patient's world, mm."""
    values = body.values
    scale = scale_of(values)
    wide, high = values["head_breadth"], values["head_height"]
    stretch = (scale * wide, scale / (wide * high), scale * high)
    p = tuple(c / s + o for c, s, o in zip(place, stretch, centre, strict=True))
    bend = body.shape((p[0], p[1], p[2]))
    amount = values["asymmetry"] / scale
    return p[0] + amount * bend[0], p[1] + amount * bend[1], p[2] + amount * bend[2]


def evaluate(body: Body, place: Place, edge, centre) -> dict:
    """Tissue fractions at a place of the world whose origin is at `centre` of average brain space."""
    values, scale = body.values, scale_of(body.values)
    p = average_place(body, place, centre)
    canvas = Canvas()
    dura = brain_shape.cavity(mirrored(p)) * scale  # mm of the patient
    _paint_cover(canvas, body, head_skull.face_place(p), edge, dura, scale / head_skull.AVERAGE)
    canvas.paint(coverage(dura - head_skull.DURA, edge), dura=1.0)
    canvas.paint(coverage(dura, edge), csf=1.0)
    _paint_brain(canvas, body, p, edge / scale, scale)
    return canvas.fractions


def _paint_cover(canvas: Canvas, body: Body, face: Place, edge, dura, unit) -> None:
    """Paints everything outside the dura; `unit` is mm of the patient per mm of face coordinates."""
    values, cell = body.values, edge / unit
    thickness = head_skull.vault_thickness(face, body.relief, values["skull_thickness"])
    scalp = (dura - head_skull.DURA - thickness - values["scalp_thickness"]) / unit
    skin = head_face.outline(face, scalp, values)
    head_face.paint_soft(canvas, face, cell, skin, values["facial_fat"] / unit)
    head_face.paint_bones(canvas, face, cell, values)
    head_skull.paint_cervical_spine(canvas, face, cell)
    head_skull.paint_base(canvas, face, cell, body.septa)
    head_skull.paint_vault(canvas, face, edge, dura, thickness, values["diploe_share"])
    head_face.paint_airways(canvas, body.septa, face, cell, values)
    head_face.paint_orbits(canvas, face, cell, values)
    sac, cord = head_skull.canal(face)
    canvas.paint(coverage(sac - 0.7, cell), dura=1.0)
    canvas.paint(coverage(sac, cell), csf=1.0)
    canvas.paint(coverage(cord, cell), brainstem=1.0)


def _paint_brain(canvas: Canvas, body: Body, p: Place, edge, scale) -> None:
    """Paints the brain; `edge` in average brain space."""
    values = body.values
    shrink = values["atrophy"] / scale
    room = {
        "shrink": 0.9 * shrink,
        "sulcus": 0.15 + 0.45 * shrink,
        "fissure": 0.5 + 0.7 * shrink,
        "sulcal_depth": values["sulcal_depth"] / scale,
    }
    depth = brain_folds.depth_under_fluid(body.folds, p, room)
    white = coverage(values["cortical_thickness"] / scale - depth, edge)
    canvas.paint(coverage(-depth, edge), grey_matter=1.0 - white, white_matter=white)
    brain_hind.paint_cerebellum(canvas, body.folia, p, edge, shrink, room["sulcus"])
    brain_hind.paint_brainstem(canvas, p, edge)
    brain_deep.paint_nuclei(canvas, p, edge, values["deep_grey_size"])
    brain_deep.paint_ventricles(canvas, p, edge, ventricle_scale(values, scale))


def ventricle_scale(values: dict, scale):
    """The factor on the ventricles' radii that gives them the wanted volume."""
    reference, power = REFERENCE_VENTRICLES
    return (values["ventricle_volume"] / (reference * scale**3)) ** (1.0 / power)


@eqx.filter_jit
def render(grid: Grid, key, values: dict, centre: tuple[float, float, float]) -> dict:
    """Tissue fractions on a grid whose world origin is at `centre` of average brain space."""
    body, edge = make_body(key, values), mean_spacing(grid)
    return on_grid(grid, lambda p: evaluate(body, p, edge, jnp.asarray(centre, dtype=float)))
