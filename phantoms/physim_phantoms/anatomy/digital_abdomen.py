"""A digital abdomen: liver, spleen, kidneys, pancreas, stomach, bowel, great vessels, lumbar spine, what lies above the diaphragm."""

from __future__ import annotations

from ..grid import Grid
from ..phantom import Phantom
from . import trunk_body, trunk_parameters
from .population import is_male


def abdomen_parameters(key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters) -> dict:
    """The drawn values of the patient that `abdomen` makes from the same arguments: plain numbers that a record can store.

    Given back to `abdomen` with the same key they make the same patient. Names, units and ranges: `trunk_parameters.RANGES`.
    """
    sex, values = _values(key, age, sex, height, weight, parameters)
    return trunk_parameters.as_plain(sex, values)


def abdomen(
    grid: Grid, key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters
) -> Phantom:
    """A procedural chest of an adult, supine, arms overhead; the world origin is mid-chest (T7/T8), mid-depth.

    - `age`: 18 to 95 years; `sex`: "F" or "M"; `height`: cm; `weight`: kg. What is not given is drawn.
    - `parameters`: any name of `abdomen_parameters`, for example `lung_capacity` (mL), `heart_volume` (mL),
      `inspiration` (share of the capacity), `subcutaneous_fat` (mm). Giving one leaves the other draws unchanged.

    Differentiable in every number. The same key gives the same trunk as `abdomen`, seen through another window.
    Good values: 1.5 mm, `Grid((256, 192, 220), 1.5)`; 3 mm for a quick look.
    Raises `ValueError` for values out of range and unknown names.
    """
    sex, values = _values(key, age, sex, height, weight, parameters)
    return Phantom.from_fractions(grid, trunk_body.render(grid, key, values, is_male(sex), True))


def _values(key, age, sex, height, weight, parameters) -> tuple[str, dict]:
    """The sex and the values, given or drawn."""
    given = {"age": age, "height": height, "weight": weight, **parameters}
    given = {name: value for name, value in given.items() if value is not None}
    sex = trunk_parameters.chosen_sex(key, sex)
    return sex, trunk_parameters.draw_trunk(key, sex, given)


