"""Who the patient is: the drawn measures of one head, their ranges and their sources."""

from __future__ import annotations

import jax.numpy as jnp

from .population import AGE_RANGE, Draws, chosen_sex, draw_body, is_male

RANGES: dict[str, tuple[float, float, str]] = {
    "age": (*AGE_RANGE, "years"),
    "height": (140.0, 210.0, "cm"),
    "weight": (35.0, 180.0, "kg"),
    "intracranial_volume": (1100.0, 1900.0, "mL"),
    "head_breadth": (0.92, 1.08, "(relative to the average head of this volume)"),
    "head_height": (0.94, 1.06, "(relative to the average head of this volume)"),
    "asymmetry": (0.0, 4.0, "mm"),
    "atrophy": (0.0, 2.5, "mm"),
    "cortical_thickness": (1.8, 3.4, "mm"),
    "gyral_width": (7.5, 13.0, "mm"),
    "sulcal_depth": (9.0, 20.0, "mm"),
    "ventricle_volume": (6.0, 120.0, "mL"),
    "deep_grey_size": (0.8, 1.15, "(relative to the average)"),
    "skull_thickness": (3.5, 11.0, "mm"),
    "diploe_share": (0.2, 0.7, "(of the skull's thickness)"),
    "scalp_thickness": (3.5, 12.0, "mm"),
    "facial_fat": (1.0, 15.0, "mm"),
    "eye_diameter": (21.5, 27.0, "mm"),
    "sinus_size": (0.5, 1.3, "(relative to the average)"),
    "jaw_size": (0.9, 1.1, "(relative to the average)"),
    "nose_size": (0.8, 1.25, "(relative to the average)"),
}


def draw_head(key, sex: str, given: dict) -> dict:
    """The values of one patient, by name, each given or drawn.

    Sources: brain and fluid over adult life Courchesne et al., Radiology 216 (2000) 672, and Good et al., NeuroImage 14
    (2001) 21; faster growth of the ventricles in old age Scahill et al., Arch Neurol 60 (2003) 989; thickness of the
    cortex Fischl and Dale, PNAS 97 (2000) 11050, its thinning Salat et al., Cereb Cortex 14 (2004) 721; skull thickness
    Lynnerup, Forensic Sci Int 117 (2001) 45. The trends follow these sources; the curves (ventricles and atrophy by age,
    mean skull thickness, spread of the intracranial volume) were fitted by eye to stay inside their ranges, and the
    spreads of shape, of the face and of the scalp are choices made here.
    """
    male = is_male(sex)
    draw = Draws(key, RANGES, given)
    age = draw("age", 55.0, 18.0)
    height, weight = draw_body(draw, male)
    _draw_brain(draw, age, height, male)
    _draw_cover(draw, weight / (height / 100.0) ** 2, male)
    return draw.values


def _draw_brain(draw: Draws, age, height, male: bool) -> None:
    """The cavity and what fills it."""
    decades = jnp.maximum(age - 20.0, 0.0) / 10.0
    tall = height - (175.3 if male else 161.3)
    draw("intracranial_volume", (1540.0 if male else 1370.0) + 3.0 * tall, 100.0)
    draw("head_breadth", 1.0, 0.025)
    draw("head_height", 1.0, 0.018)
    draw("asymmetry", 1.2, 0.4)
    draw("atrophy", 0.15 + 0.06 * decades + 0.010 * decades**2, 0.12)
    draw("cortical_thickness", 2.75 - 0.04 * decades, 0.1)
    draw("gyral_width", 10.9, 0.45)
    draw("sulcal_depth", 16.0, 0.8)
    larger = 1.1 if male else 1.0
    mean = larger * (14.0 + 1.2 * decades + 0.65 * decades**2)
    draw("ventricle_volume", mean, 0.28 * mean)
    draw("deep_grey_size", 1.02 - 0.012 * decades, 0.025)


def _draw_cover(draw: Draws, mass_index, male: bool) -> None:
    """Skull, scalp and face; `mass_index` in kg/m²."""
    draw("skull_thickness", 6.6, 1.0)
    draw("diploe_share", 0.45, 0.07)
    draw("scalp_thickness", 5.6 + 0.08 * (mass_index - 25.0), 0.8)
    draw("facial_fat", 4.0 + 0.25 * (mass_index - 25.0), 1.0)
    draw("eye_diameter", 24.2, 0.7)
    draw("sinus_size", 1.03 if male else 0.95, 0.12)
    draw("jaw_size", 1.02 if male else 0.97, 0.025)
    draw("nose_size", 1.03 if male else 0.96, 0.06)


def values_of(key, age, sex: str | None, height, weight, parameters: dict) -> tuple[str, dict]:
    """The sex and the values, given or drawn, from the arguments of `brain` or `head`."""
    given = {"age": age, "height": height, "weight": weight, **parameters}
    given = {name: value for name, value in given.items() if value is not None}
    sex = chosen_sex(key, sex)
    return sex, draw_head(key, sex, given)
