"""From a recipe's distributions to the numbers of one case."""

from __future__ import annotations

import hashlib

import jax
from jaxtyping import PRNGKeyArray

from .recipe import Draw, Recipe, quantities


def named_key(key: PRNGKeyArray, name: str) -> PRNGKeyArray:
    """The stream of random numbers called `name`: independent of all others, the same on every machine."""
    return jax.random.fold_in(key, int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big"))


def drawn(recipe: Recipe, key: PRNGKeyArray) -> dict[str, float]:
    """Every quantity of the recipe as a number, by dotted name.

    Each name draws from a stream of its own, so that changing one line of a recipe changes no other number.
    """
    return {name: value_of(value, named_key(key, name)) for name, value in quantities(recipe).items()}


def value_of(value: float | Draw, key: PRNGKeyArray) -> float:
    """A number as it is, or one draw: uniform, or normal and cut at both ends."""
    if not isinstance(value, Draw):
        return float(value)
    if value.mean is None or value.sd is None:
        return float(jax.random.uniform(key, minval=value.low, maxval=value.high))
    low, high = (value.low - value.mean) / value.sd, (value.high - value.mean) / value.sd
    number = value.mean + value.sd * float(jax.random.truncated_normal(key, low, high))
    return min(max(number, value.low), value.high)


def drawn_sex(sex: str, key: PRNGKeyArray) -> str:
    """ "F" or "M"; "any" is either with equal odds."""
    if sex != "any":
        return sex
    return "F" if float(jax.random.uniform(named_key(key, "patient.sex"))) < 0.5 else "M"
