"""A digital head for CT: the patient of `digital_brain` with face, jaws, teeth, sinuses, throat and neck in view."""

from __future__ import annotations

from ..grid import Grid
from ..phantom import Phantom
from . import head_body, head_population, population


def head_parameters(key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters) -> dict:
    """The drawn values of the patient that `head` makes from the same arguments: plain numbers that a record can store.

    Given back to `head` with the same key they make the same patient. Names, units, ranges: `head_population.RANGES`.
    """
    sex, values = head_population.values_of(key, age, sex, height, weight, parameters)
    return population.as_plain(sex, values)


def head(
    grid: Grid, key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters
) -> Phantom:
    """A procedural head of an adult, from the vertex to the neck.

    The world origin is the middle of the head: in the midline, about 4 mm behind and 24 mm below the anterior
    commissure; the axes are those of the ICBM 152 atlas, so the face looks 12 degrees down. Below the chin the neck
    continues to the lower edge of the grid.

    - `age`: 18 to 95 years; `sex`: "F" or "M"; `height`: cm; `weight`: kg. What is not given is drawn.
    - `parameters`: any name of `head_parameters`, for example `skull_thickness`, `scalp_thickness`, `facial_fat` (mm),
      `jaw_size`. Giving one leaves the other draws unchanged.

    Differentiable in every number. The same key gives the same patient as `brain`, seen through another window.
    Good values: `Grid((192, 256, 256), 1.0)`; 2 mm for a quick look.
    Raises `ValueError` for values out of range and unknown names.
    """
    _, values = head_population.values_of(key, age, sex, height, weight, parameters)
    return Phantom.from_fractions(
        grid, head_body.render(grid, key, values, head_body.HEAD_CENTRE), components=4
    )
