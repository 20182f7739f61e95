"""A digital brain in its head: folded cortex, white matter, nuclei, ventricles, cerebellum, skull, scalp and eyes."""

from __future__ import annotations

from ..grid import Grid
from ..phantom import Phantom
from . import head_body, head_population, population


def brain_parameters(
    key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters
) -> dict:
    """The drawn values of the patient that `brain` makes from the same arguments: plain numbers that a record can store.

    Given back to `brain` with the same key they make the same patient. Names, units, ranges: `head_population.RANGES`.
    """
    sex, values = head_population.values_of(key, age, sex, height, weight, parameters)
    return population.as_plain(sex, values)


def brain(
    grid: Grid, key, *, age=None, sex: str | None = None, height=None, weight=None, **parameters
) -> Phantom:
    """A procedural brain of an adult with its head round it; no two keys have the same folds.

    The world origin is the middle of the cranial cavity: about 17 mm behind and 7 mm above the anterior commissure,
    between the hemispheres; the axes are those of the ICBM 152 atlas.

    - `age`: 18 to 95 years; `sex`: "F" or "M"; `height`: cm; `weight`: kg. What is not given is drawn.
    - `parameters`: any name of `brain_parameters`, for example `intracranial_volume`, `ventricle_volume` (mL),
      `cortical_thickness`, `atrophy` (mm). Giving one leaves the other draws unchanged.

    Differentiable in every number. The same key gives the same patient as `head`, seen through another window.
    Good values: `Grid((192, 224, 192), 1.0)`; `Grid((96, 112, 96), 2.0)` for a quick look.
    Raises `ValueError` for values out of range and unknown names.
    """
    _, values = head_population.values_of(key, age, sex, height, weight, parameters)
    return Phantom.from_fractions(
        grid, head_body.render(grid, key, values, head_body.BRAIN_CENTRE), components=4
    )
