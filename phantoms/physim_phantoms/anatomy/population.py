"""Who the patients are: distributions by age and sex, each with its source, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import InputError, is_concrete, require_range, suggest

AGE_RANGE = (18.0, 95.0)  # years; the sources below cover adults only


def checked_age(age):
    """The age in years, refused outside 18 to 95."""
    require_range("age", age, *AGE_RANGE, unit="years (adults only)")
    return age


def is_male(sex: str) -> bool:
    """Whether `sex` is "M"; anything other than "F" or "M" is refused."""
    if sex not in ("F", "M"):
        raise InputError(f'sex is {sex!r}; it must be "F" or "M" (the reference volumes are reported by sex)')
    return sex == "M"


def chosen_sex(key, sex: str | None) -> str:
    """The given sex, checked, or one drawn from the key."""
    if sex is None:
        if not is_concrete(key):
            raise InputError('sex cannot be drawn from a traced key; give sex="F" or sex="M"')
        return "M" if bool(jax.random.bernoulli(jax.random.fold_in(key, 0x5E))) else "F"
    is_male(sex)
    return sex


def truncated_normal(key, mean, sd, low, high):
    """One draw from a normal distribution cut at `low` and `high`; continuous in all four numbers."""
    return mean + sd * jax.random.truncated_normal(key, (low - mean) / sd, (high - mean) / sd)


class Draws:
    """Named draws from one key: a value that is given is checked and kept, one that is not is drawn.

    Each name has its own stream (its place in `ranges`), so giving one value does not change any other draw.
    """

    def __init__(self, key, ranges: Mapping[str, tuple[float, float, str]], given: Mapping[str, object]):
        for name, value in given.items():
            if name not in ranges:
                raise suggest("parameter", name, ranges)
            low, high, unit = ranges[name]
            require_range(name, value, low, high, unit)
        self.ranges, self.given = ranges, given
        self.keys = dict(zip(ranges, jax.random.split(key, len(ranges)), strict=True))
        self.values: dict[str, Any] = {}

    def __call__(self, name: str, mean, sd):
        """The value called `name`: given, or truncated normal about `mean` within its range."""
        low, high, _ = self.ranges[name]
        value = self.given.get(name)
        if value is None:
            margin = 1e-3 * (high - low)
            value = truncated_normal(
                self.keys[name], jnp.clip(mean, low + margin, high - margin), sd, low, high
            )
        self.values[name] = jnp.asarray(value, dtype=float)
        return self.values[name]


def draw_body(draw: Draws, male: bool) -> tuple:
    """Height (cm) and weight (kg): NHANES 2015-2018 by sex; weight follows from a log-normal body-mass index.

    Source: Fryar et al., Vital Health Stat 3(46), 2021: mean height 161.3 (F), 175.3 (M) cm; mean body-mass index
    29.6 (F), 29.4 (M) kg/m². The median used here, 27, lies between that survey and the world average (NCD-RisC,
    Lancet 387:1377, 2016), so that obese patients are present but do not dominate.
    """
    height = draw("height", 175.3 if male else 161.3, 7.6 if male else 7.1)
    index = 27.0 * jnp.exp(0.17 * jax.random.truncated_normal(draw.keys["weight"], -2.0, 2.5))
    given = draw.given.get("weight")
    draw.values["weight"] = jnp.asarray(index * (height / 100) ** 2 if given is None else given, dtype=float)
    low, high, _ = draw.ranges["weight"]
    draw.values["weight"] = jnp.clip(draw.values["weight"], low, high)
    return height, draw.values["weight"]


def body_surface(height, weight):
    """Body surface, m² (Du Bois 1916): 0.007184 H^0.725 W^0.425, H in cm, W in kg."""
    return 0.007184 * height**0.725 * weight**0.425


def fat_fraction(height, weight, age, male: bool):
    """Share of body mass that is fat (Gallagher et al., Am J Clin Nutr 72:694, 2000), kept within 0.06 to 0.55."""
    index = weight / (height / 100) ** 2
    sex = float(male)
    percent = 64.5 - 848.0 / index + 0.079 * age - 16.4 * sex + 0.05 * sex * age + 39.0 * sex / index
    return jnp.clip(percent / 100, 0.06, 0.55)


def as_plain(sex: str, values: dict) -> dict:
    """The values as a record can store them: a string and Python numbers."""
    return {"sex": sex, **{name: float(jnp.asarray(v)) for name, v in values.items()}}


def low_discrepancy(number: int) -> np.ndarray:
    """`number` points that fill the unit cube evenly (Roberts' R3 additive recurrence), "number 3"."""
    g = 1.2207440846057596  # the real root of g⁴ = g + 1
    return (0.5 + np.arange(1, number + 1)[:, None] * np.array([1 / g, 1 / g**2, 1 / g**3])) % 1.0
