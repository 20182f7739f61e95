"""A digital abdomen: liver, spleen, kidneys, pancreas, stomach, bowel, great vessels, lumbar spine, and the lung bases."""

from __future__ import annotations

from ..grid import Grid
from ..phantom import Phantom
from . import population, trunk_body, trunk_parameters
from .population import is_male


def abdomen(
    grid: Grid, key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters
) -> Phantom:
    """A procedural abdomen of an adult who lies on the back, arms overhead.

    The world origin is the middle of the body at the upper belly (the middle of the second lumbar vertebra).

    - `age`: 18 to 95 years; `sex`: "F" or "M"; `height`: cm; `weight`: kg. What is not given is drawn.
    - `parameters`: any other name of `abdomen_parameters`, for example `liver_volume` and
      `visceral_fat` (mL), `bowel_gas` (share of the bowel), `subcutaneous_fat` (mm).
      Giving one leaves all draws that do not follow from it unchanged.

    Differentiable in every number; the same key gives the same person as `chest`, seen through another window.
    Sources of the distributions: `trunk_parameters`.
    Good values: 1.5 mm, `Grid((256, 192, 220), 1.5)`; 3 mm, `Grid((128, 96, 110), 3.0)`, for a quick look.
    Raises `ValueError` for values out of range and for unknown names (with the nearest known one).
    """
    sex, values = trunk_parameters.patient(key, age, sex, height, weight, parameters)
    return Phantom.from_fractions(grid, trunk_body.render(grid, key, values, is_male(sex), False))


def abdomen_parameters(
    key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters
) -> dict:
    """The values of the patient that `abdomen` makes from the same arguments, as plain numbers that a record can store.

    Given back to `abdomen` with the same key they make the same patient. Units and ranges: `trunk_parameters.RANGES`.
    """
    return population.as_plain(*trunk_parameters.patient(key, age, sex, height, weight, parameters))
