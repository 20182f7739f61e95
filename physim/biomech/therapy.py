"""Treatments in time: fractionated radiotherapy, chemotherapy with its clearance, resection."""

from __future__ import annotations

import abc
import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim_phantoms._checks import InputError, require_finite, require_range

Map = int | float | np.floating | Float[Array | np.ndarray, ""] | Float[Array | np.ndarray, "x y z"]
Region = Bool[Array | np.ndarray, "x y z"] | Float[Array | np.ndarray, "x y z"]


class Treatment(eqx.Module):
    """What happens to tumour cells on some days; every number but the days can be traced."""

    days: eqx.AbstractVar[tuple[float, ...]]

    @property
    @abc.abstractmethod
    def maps(self) -> dict[str, Map | Region]:
        """Its values that may be maps on the grid, by name."""


class Radiotherapy(Treatment):
    """Fractions of one dose each, of which the surviving share of cells follows the linear-quadratic model:

        S = exp(−(α d + β d²)),        β = α / (α/β)

    - `days`: of the fractions, ascending. - `dose`: of one fraction, Gy: a number, or a map on the grid from a plan.
    - `alpha`: radiosensitivity, 1/Gy. - `alpha_beta`: α/β, Gy.

    Sources: Fowler, Br. J. Radiol. 62 (1989) 679; in growth models Rockne et al., J. Math. Biol. 58 (2009) 561.
    Good values: `Radiotherapy.fractionated(start=30.0)`, 30 × 2 Gy on weekdays; alpha 0.02 to 0.1 1/Gy, alpha_beta 10 Gy for
    tumour. Raises `ValueError` for days that do not ascend, doses outside 0 to 100 Gy, NaN.
    """

    days: tuple[float, ...] = eqx.field(static=True)
    dose: Map = 2.0
    alpha: Map = 0.05
    alpha_beta: Map = 10.0

    def __init__(self, days, dose: Map = 2.0, alpha: Map = 0.05, alpha_beta: Map = 10.0):
        self.days = ascending_days("days", days)
        require_range("dose", dose, 0.0, 100.0, "Gy")
        require_range("alpha", alpha, 0.0, 2.0, "1/Gy")
        require_range("alpha_beta", alpha_beta, 0.1, 100.0, "Gy")
        self.dose, self.alpha, self.alpha_beta = dose, alpha, alpha_beta

    @classmethod
    def fractionated(
        cls,
        start: float,
        fractions: int = 30,
        dose: Map = 2.0,
        alpha: Map = 0.05,
        alpha_beta: Map = 10.0,
        weekly: int = 5,
    ) -> Radiotherapy:
        """One fraction a day from `start` on, `weekly` days in a row and then a rest until the week is over."""
        if not (1 <= weekly <= 7 and 1 <= fractions <= 200):
            raise InputError(
                f"{fractions} fractions on {weekly} days a week were asked for; write 1 to 200 fractions on 1 to 7 days"
            )
        days = tuple(float(start) + 7 * (n // weekly) + n % weekly for n in range(fractions))
        return cls(days, dose, alpha, alpha_beta)

    @property
    def maps(self) -> dict[str, Map | Region]:
        """Dose and both sensitivities."""
        return {"dose": self.dose, "alpha": self.alpha, "alpha_beta": self.alpha_beta}

    def survival(self) -> Float[Array, "..."]:
        """The share of cells that survives one fraction."""
        dose = jnp.asarray(self.dose, float)
        return jnp.exp(-jnp.asarray(self.alpha) * dose * (1 + dose / jnp.asarray(self.alpha_beta)))


class Chemotherapy(Treatment):
    """Doses of a drug that is cleared exponentially and kills in proportion to what is left of it:

        du/dt = … − s C(t) u,        C(t) = Σ_j c exp(−λ (t − t_j)) over the doses before t

    - `days`: of the doses, ascending. - `dose`: c, relative to one full dose. - `sensitivity`: s, 1/day just after a full
      dose. - `clearance`: λ, 1/day: ln 2 over the half-life.

    A dose kills the share 1 − exp(−s c / λ) in all. Source: Jarrett et al., Nat. Protoc. 16 (2021) 5309.
    Good values: temozolomide, whose half-life is 1.8 h: clearance 9.24 1/day; sensitivity 0.2 to 1 1/day.
    Raises `ValueError` for days that do not ascend, negative values, a clearance of 0, NaN.
    """

    days: tuple[float, ...] = eqx.field(static=True)
    sensitivity: Map = 0.4
    dose: Map = 1.0
    clearance: float | Float[Array | np.ndarray, ""] = 9.24

    def __init__(self, days, sensitivity: Map = 0.4, dose: Map = 1.0, clearance=9.24):
        self.days = ascending_days("days", days)
        require_range("sensitivity", sensitivity, 0.0, 1e3, "1/day")
        require_range("dose", dose, 0.0, 1e3)
        require_range("clearance", clearance, 1e-3, 1e3, "1/day")
        self.sensitivity, self.dose, self.clearance = sensitivity, dose, clearance

    @property
    def maps(self) -> dict[str, Map | Region]:
        """Sensitivity and dose."""
        return {"sensitivity": self.sensitivity, "dose": self.dose}

    def exposure(
        self, start: Float[np.ndarray | Array, " step"], stop: Float[np.ndarray | Array, " step"]
    ) -> Float[Array, " step"]:
        """∫ C dt of a full dose over each interval, days."""
        rate = jnp.asarray(self.clearance, float)
        taken = jnp.asarray(self.days)[:, None]
        left = lambda time: jnp.exp(-rate * jnp.maximum(jnp.asarray(time) - taken, 0.0))
        return ((left(start) - left(stop)) / rate).sum(0)


class Resection(Treatment):
    """Tissue is taken out on one day: its cells are gone, and nothing diffuses through the cavity afterwards.

    - `day`. - `region`: on the grid, bool or the share of each voxel that is taken, 0 to 1. Differentiable in the share.

    Source: Swanson et al., Cell Prolif. 33 (2000) 317. Good values: the enhancing tumour with a margin, or a sphere.
    Raises `ValueError` for shares outside 0 to 1 and NaN; `grow` does for a region that touches nothing.
    """

    days: tuple[float, ...] = eqx.field(static=True)
    region: Region

    def __init__(self, day: float, region: Region):
        self.days = ascending_days("day", (day,))
        require_finite("region", region)
        require_range("region", region, 0.0, 1.0)
        self.region = region

    @property
    def maps(self) -> dict[str, Map | Region]:
        """The region."""
        return {"region": self.region}

    def left(self, dtype) -> Float[Array, "x y z"]:
        """The share of each voxel that stays."""
        return 1 - jnp.asarray(self.region, dtype)


def ascending_days(name: str, days) -> tuple[float, ...]:
    """Days that ascend from 0 or later."""
    require_finite(name, days)
    given = tuple(float(day) for day in np.atleast_1d(np.asarray(days, float)))
    if not given or given[0] < 0 or any(b <= a for a, b in itertools.pairwise(given)):
        raise InputError(f"{name} is {given}; it must ascend from 0 or later, like (0.0, 90.0, 180.0)")
    return given
