"""Who the patient is: the drawn values of a trunk, their ranges and sources, and the frame they make."""

from __future__ import annotations

import jax.numpy as jnp

from .population import AGE_RANGE, Draws, body_surface, chosen_sex, draw_body, fat_fraction, is_male
from .trunk_frame import Trunk

RANGES: dict[str, tuple[float, float, str]] = {
    "age": (*AGE_RANGE, "years"),
    "height": (140.0, 210.0, "cm"),
    "weight": (35.0, 180.0, "kg"),
    "trunk_length": (0.92, 1.08, "(relative to height)"),
    "chest_depth": (0.85, 1.15, "(relative to the reference shape)"),
    "kyphosis": (15.0, 70.0, "degrees"),
    "lordosis": (20.0, 75.0, "degrees"),
    "lateral_bow": (-15.0, 15.0, "mm"),
    "rib_slope": (0.8, 1.2, "(relative to the reference shape)"),
    "bone_share": (0.25, 1.0, "(trabecular bone in spongy bone)"),
    "muscle": (0.6, 1.5, "(relative to the reference thickness)"),
    "subcutaneous_fat": (2.0, 70.0, "mm"),
    "visceral_fat": (150.0, 9000.0, "mL"),
    "lung_capacity": (3000.0, 10500.0, "mL"),
    "inspiration": (0.5, 1.0, "(share of the lung capacity)"),
    "heart_volume": (350.0, 1400.0, "mL"),
    "heart_turn": (-20.0, 20.0, "degrees"),
    "aorta_diameter": (20.0, 45.0, "mm"),
    "liver_volume": (700.0, 3200.0, "mL"),
    "spleen_volume": (50.0, 500.0, "mL"),
    "kidney_volume": (150.0, 550.0, "mL"),
    "kidney_difference": (-0.2, 0.2, "(left minus right, relative)"),
    "kidney_height": (-15.0, 15.0, "mm"),
    "pancreas_volume": (40.0, 200.0, "mL"),
    "gallbladder_volume": (8.0, 100.0, "mL"),
    "stomach_volume": (120.0, 700.0, "mL"),
    "stomach_air": (0.0, 0.8, "(share of the stomach)"),
    "bowel_gas": (0.0, 0.8, "(share of the bowel)"),
    "breast_volume": (60.0, 2000.0, "mL"),
}

# Reference adults, male then female: ICRP Publication 89 (2002), mass in g; densities as in `TISSUES`.
_LIVER, _SPLEEN, _KIDNEYS, _PANCREAS = (1800.0, 1400.0), (150.0, 130.0), (310.0, 275.0), (140.0, 120.0)
_HEART_WITH_BLOOD = (840.0, 620.0)
_REFERENCE_SURFACE = (1.90, 1.66)  # m²: 176 cm and 73 kg, 163 cm and 60 kg


def draw_trunk(key, sex: str, given: dict) -> dict:
    """The values of one patient, by name, each given or drawn.

    Sources: total lung capacity Quanjer et al., Eur Respir J 6 Suppl 16 (1993) 5; organ masses ICRP Publication 89
    (2002), scaled with body surface, spread 13 to 20 %; aorta Wolak et al., JACC Cardiovasc Imaging 1 (2008) 200.
    The shares of fat under the skin and inside, and the spreads of shape, are choices made here.
    """
    male = is_male(sex)
    ranges = {n: r for n, r in RANGES.items() if not (male and n == "breast_volume")}
    draw = Draws(key, ranges, given)
    age = draw("age", 55.0, 16.0)
    height, weight = draw_body(draw, male)
    _draw_shape(draw, age)
    _draw_fat(draw, age, height, weight, male)
    _draw_chest(draw, age, height, weight, male)
    _draw_belly(draw, height, weight, male)
    return draw.values


def _draw_shape(draw: Draws, age) -> None:
    """Spine, bones and muscles."""
    draw("trunk_length", 1.0, 0.02)
    draw("chest_depth", 1.0, 0.05)
    draw("kyphosis", 36.0 + 0.2 * (age - 40.0), 8.0)
    draw("lordosis", 48.0, 8.0)
    draw("lateral_bow", 0.0, 4.0)
    draw("rib_slope", 1.0, 0.05)
    draw("bone_share", 0.9 - 0.006 * (age - 30.0), 0.07)
    draw("muscle", 1.05 - 0.004 * (age - 40.0), 0.1)


def _draw_fat(draw: Draws, age, height, weight, male: bool) -> None:
    """Fat from the body's share of fat: four fifths (M) or nine tenths (F) of it under the skin, the rest inside."""
    fat = fat_fraction(height, weight, age, male) * weight / 0.95  # L
    inside = 0.16 if male else 0.09
    skin_deep = (1.0 - inside) * 0.75 * fat / body_surface(height, weight)  # L/m² = mm
    draw("subcutaneous_fat", 1.15 * skin_deep, 0.15 * skin_deep)
    draw("visceral_fat", 1000.0 * inside * fat, 200.0 * inside * fat)
    if not male:
        draw("breast_volume", 430.0 + 32.0 * (weight / (height / 100.0) ** 2 - 24.0), 130.0)


def _draw_chest(draw: Draws, age, height, weight, male: bool) -> None:
    """Lungs, heart and aorta."""
    metres = height / 100.0
    capacity = 7.99 * metres - 7.08 if male else 6.60 * metres - 5.79
    draw("lung_capacity", 1000.0 * capacity, 700.0 if male else 600.0)
    draw("inspiration", 0.86, 0.06)
    relative = body_surface(height, weight) / _REFERENCE_SURFACE[not male]
    draw("heart_volume", _HEART_WITH_BLOOD[not male] / 1.06 * relative, 90.0)
    draw("heart_turn", 0.0, 6.0)
    draw("aorta_diameter", (33.5 if male else 31.0) + 0.15 * (age - 55.0), 2.8)


def _draw_belly(draw: Draws, height, weight, male: bool) -> None:
    """Abdominal organs: mass by density, scaled with body surface."""
    relative = body_surface(height, weight) / _REFERENCE_SURFACE[not male]

    def organ(name: str, masses: tuple[float, float], density: float, spread: float):
        mean = masses[not male] / density * relative
        return draw(name, mean, spread * mean)

    organ("liver_volume", _LIVER, 1.05, 0.14)
    organ("spleen_volume", _SPLEEN, 1.06, 0.2)
    organ("kidney_volume", _KIDNEYS, 1.05, 0.13)
    draw("kidney_difference", 0.03, 0.05)
    draw("kidney_height", 0.0, 5.0)
    organ("pancreas_volume", tuple(0.65 * m for m in _PANCREAS), 1.05, 0.18)  # type: ignore[arg-type]
    draw("gallbladder_volume", 35.0, 12.0)
    draw("stomach_volume", 330.0, 90.0)
    draw("stomach_air", 0.25, 0.12)
    draw("bowel_gas", 0.2, 0.1)


# Lungs of the reference wall, mL: measured on the finished shape, per mm for the diaphragm, per mL for the heart.
_LUNGS, _MEDIASTINUM, _PER_LIFT, _PER_HEART = 6414.0, 640.0, 20.0, 1.41


def frame(values: dict) -> Trunk:
    """The frame of a patient: the chest is as wide as its lung capacity asks, the belly as its fat asks."""
    rise = values["height"] / 170.0 * values["trunk_length"]
    occupied = _MEDIASTINUM + _PER_HEART * values["heart_volume"]
    area = (values["lung_capacity"] + occupied) / (_LUNGS * rise)
    width = (area / values["chest_depth"]) ** 0.5
    depth = (area * values["chest_depth"]) ** 0.5
    # The chest must also hold the belly of a heavy person: part of the fat widens the lower ribs.
    extra = (values["visceral_fat"] - 2000.0) + 0.5 * (values["liver_volume"] - 1600.0)
    per_mm = 1000.0 / (330.0 * rise)  # mm² of cross-section per mL
    perimeter = 420.0 + 0.02 * (values["visceral_fat"] - 2000.0)
    swell = extra * per_mm / perimeter
    exhaled = values["lung_capacity"] * (1.0 - values["inspiration"])
    lift = exhaled / (_PER_LIFT * area)
    bend = (values["kyphosis"] / 40.0, values["lordosis"] / 50.0, values["lateral_bow"])
    return Trunk(rise, width, depth, (0.55 * swell, 1.5 * swell), bend, lift)


def complete(values: dict) -> dict:
    """The values that the shape needs; a man's breast is 20 mL (ICRP Publication 89: 25 g)."""
    return {"breast_volume": jnp.asarray(20.0, dtype=float), **values}


def patient(key, age, sex: str | None, height, weight, parameters: dict) -> tuple[str, dict]:
    """The sex and the values of a patient, given or drawn; unknown names and values out of range are refused."""
    given = {"age": age, "height": height, "weight": weight, **parameters}
    sex = chosen_sex(key, sex)
    return sex, draw_trunk(key, sex, {name: value for name, value in given.items() if value is not None})
