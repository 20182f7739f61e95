"""One body of a head: what its parts are, in which order they cover each other, and how a patient's measures shape it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..grid import Grid
from . import brain_deep, brain_folds, brain_hind, brain_shape, head_face, head_skull
from .implicit import Canvas, Place, coverage, mirrored
from .render import drawn_on_grid
from .waves import Waves

LAMINA = 2.0  # mm of compact bone that closes the skull over sinuses and orbits
BRAIN_CENTRE = (0.0, -18.0, 8.0)  # mm of average brain space: the middle of the cranial cavity
HEAD_CENTRE = (0.0, -4.0, -26.0)  # the middle of the head between vertex and chin
REFERENCE_CAVITY = 2040.0  # mL, of the cavity in average brain space without the funnel to the cord
REFERENCE_VENTRICLES = (22.0, 1.68)  # mL at scale one, and the power of the scale with which they grow


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


# Wavelength (mm; of the folds: relative), its spread, number of waves and components of the fields of one patient.
_FIELDS = {
    "shape": (130.0, 0.25, 10, 3),
    "pattern": (1.0, 0.13, 40, 1),
    "depths": (46.0, 0.3, 12, 1),
    "drift": (80.0, 0.3, 12, 3),
    "folia": (38.0, 0.4, 12, 1),
    "relief": (55.0, 0.3, 10, 1),
    "septa": (16.0, 0.2, 12, 1),
}


def _sample_fields(key) -> dict[str, Waves]:
    """All random fields of one patient, in one call: sampling them one by one takes seconds to compile."""
    keys = jax.random.split(jax.random.fold_in(key, 0x4EAD), len(_FIELDS))
    lengths, spreads, numbers, components = (
        np.array(column) for column in zip(*_FIELDS.values(), strict=True)
    )
    most = int(numbers.max())
    every = jax.vmap(lambda k, length, spread: Waves.sample(k, most, length, spread, 3))(
        keys, lengths, spreads
    )
    fields = {}
    for i, name in enumerate(_FIELDS):
        few, rows = int(numbers[i]), int(components[i])
        amplitudes = every.amplitudes[i, :rows, :few] if rows > 1 else jnp.ones((1, few))
        norm = jnp.sqrt(2.0 / jnp.sum(amplitudes**2, axis=1, keepdims=True))
        fields[name] = Waves(every.wave_vectors[i, :few], every.phases[i, :few], amplitudes * norm)
    return fields


def make_body(key, values: dict) -> Body:
    """The body of one patient; the key decides what the values leave open: folds, relief and asymmetry."""
    fields = _sample_fields(key)
    folds = brain_folds.Folds(
        fields["pattern"], fields["depths"], fields["drift"], 2.0 * values["gyral_width"] / scale_of(values)
    )
    return Body(values, fields["shape"], folds, fields["folia"], fields["relief"], fields["septa"])


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


def _add(canvas: Canvas, near, paint: Callable[[Canvas], None]) -> None:
    """Paints one part where a block of voxels comes near it, and skips it elsewhere.

    The branch also keeps the compiler from fusing one part into the next, which takes it several times longer.
    """

    def painted() -> dict:
        layer = Canvas()
        paint(layer)
        return layer.fractions

    blank = jax.eval_shape(painted)
    layer = jax.lax.cond(
        jnp.any(near), painted, lambda: {name: jnp.zeros(m.shape, m.dtype) for name, m in blank.items()}
    )
    remaining = jnp.maximum(1.0 - sum(layer.values()), 0.0)  # rounding
    under = {name: m * remaining for name, m in canvas.fractions.items()}
    canvas.fractions = under | {name: under.get(name, 0.0) + m for name, m in layer.items()}


def evaluate(body: Body, place: Place, edge, centre) -> dict:
    """Tissue fractions at a place of the world whose origin is at `centre` of average brain space."""
    scale = scale_of(body.values)
    p = average_place(body, place, centre)
    canvas = Canvas()
    dura = brain_shape.cavity(mirrored(p)) * scale  # mm of the patient
    _paint_cover(canvas, body, head_skull.face_place(p), edge, dura, scale / head_skull.AVERAGE)
    canvas.paint(coverage(dura - head_skull.DURA, edge), dura=1.0)
    canvas.paint(coverage(dura, edge), csf=1.0)
    _paint_brain(canvas, body, p, edge / scale, scale, dura < 2.0 * edge)
    return canvas.fractions


def _paint_cover(canvas: Canvas, body: Body, face: Place, edge, dura, unit) -> None:
    """Paints everything outside the dura; `unit` is mm of the patient per mm of face coordinates."""
    cell, (x, y, z) = edge / unit, face
    values = body.values | {"eye_diameter": body.values["eye_diameter"] / unit}
    thickness = head_skull.vault_thickness(face, body.relief, values["skull_thickness"])
    scalp = (dura - head_skull.DURA - thickness - values["scalp_thickness"]) / unit
    skin = head_face.outline(face, scalp, values)
    fat = values["facial_fat"] / unit
    low = (jnp.abs(x) < 75.0 + 2.0 * cell) & (z < 30.0 + 2.0 * cell)  # all of the face's bones and hollows
    middle = low & (jnp.abs(x) < 60.0 + 2.0 * cell)
    _add(canvas, skin < cell, lambda c: head_face.paint_soft(c, face, cell, skin, fat))
    _add(canvas, low & (y > -30.0), lambda c: head_face.paint_bones(c, face, cell, values))
    _add(canvas, middle & (z < -50.0 + 2.0 * cell), lambda c: head_skull.paint_cervical_spine(c, face, cell))
    _add(canvas, low, lambda c: head_skull.paint_base(c, face, cell, body.septa))
    share = values["diploe_share"]
    _add(canvas, dura < 40.0, lambda c: head_skull.paint_vault(c, face, edge, dura, thickness, share))
    _add(canvas, middle & (y > -10.0), lambda c: head_face.paint_airways(c, body.septa, face, cell, values))
    _add(canvas, middle & (y > -10.0), lambda c: head_face.paint_orbits(c, face, cell, values))
    _add(
        canvas,
        dura < 40.0,
        lambda c: c.paint(coverage(dura - head_skull.DURA - LAMINA, edge), cortical_bone=1.0),
    )
    _add(canvas, middle & (z < -20.0 + 2.0 * cell), lambda c: head_skull.paint_canal(c, face, cell))


def _paint_brain(canvas: Canvas, body: Body, p: Place, edge, scale, inside) -> None:
    """Paints the brain; `edge` in average brain space, `inside` where there is any."""
    values = body.values
    shrink = values["atrophy"] / scale
    room = {
        "shrink": 0.9 * shrink - 0.7,
        "sulcus": 0.1 + 0.42 * shrink,
        "fissure": 0.4 + 0.6 * shrink,
        "sulcal_depth": values["sulcal_depth"] / scale,
    }
    thickness, size = values["cortical_thickness"] / scale, values["deep_grey_size"]
    deep = inside & (jnp.abs(p[0]) < 60.0)
    _add(canvas, inside, lambda c: brain_folds.paint_cerebrum(c, body.folds, p, edge, room, thickness))
    _add(
        canvas, inside, lambda c: brain_hind.paint_cerebellum(c, body.folia, p, edge, shrink, room["sulcus"])
    )
    _add(canvas, deep, lambda c: brain_hind.paint_brainstem(c, p, edge))
    _add(canvas, deep, lambda c: brain_deep.paint_nuclei(c, p, edge, size))
    _add(canvas, deep, lambda c: brain_deep.paint_ventricles(c, p, edge, ventricle_scale(values, scale)))


def ventricle_scale(values: dict, scale):
    """The factor on the ventricles' radii that gives them the wanted volume."""
    reference, power = REFERENCE_VENTRICLES
    return (values["ventricle_volume"] / (reference * scale**3)) ** (1.0 / power)


class _Seen(eqx.Module):
    """A body seen from a window whose origin is at `centre` of average brain space."""

    body: Body
    centre: Any


def _evaluate(seen: _Seen, place: Place, edge) -> dict:
    return evaluate(seen.body, place, edge, seen.centre)


_make_body = eqx.filter_jit(make_body)


def render(grid: Grid, key, values: dict, centre: tuple[float, float, float]) -> dict:
    """Tissue fractions on a grid whose world origin is at `centre` of average brain space.

    One compilation serves every patient on every grid, brain and head.
    """
    return drawn_on_grid(grid, _evaluate, _Seen(_make_body(key, values), jnp.asarray(centre, dtype=float)))
