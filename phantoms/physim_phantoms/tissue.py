"""Tissues: what a voxel is made of, as numbers that CT, MRI and biomechanics can use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from . import attenuation, relaxation
from ._checks import InputError, is_concrete, require_range, suggest

RELAXATION_TIMES = ("t1", "t2", "t2_star")
# Smallest and largest value of each property that some tissue, material or metal can have.
RANGES = {
    "density": (1e-6, 25.0, "g/cm³"),
    "proton_density": (0.0, 1.5, "(water is 1)"),
    "t1": (1e-6, 100.0, "s"),
    "t2": (1e-6, 100.0, "s"),
    "t2_star": (1e-6, 100.0, "s"),
    "susceptibility": (-1e3, 1e6, "ppm"),
    "diffusivity": (0.0, 1.0, "mm²/s"),
    "youngs_modulus": (0.0, 1e10, "kPa"),
    "poisson_ratio": (-1.0, 0.5, ""),
    "tumour_diffusivity": (0.0, 100.0, "(white matter is 1)"),
    "chemical_shift": (-1000.0, 1000.0, "ppm"),
}

_GADOLINIUM_MOLAR_MASS = 157.25  # g/mol
_GADOLINIUM_SUSCEPTIBILITY = 0.319  # ppm per mmol/l

Scalar = Float[Array | np.ndarray, ""]
Number = int | float | np.floating | Scalar
PerField = Float[Array | np.ndarray, "3"]


class Tissue(eqx.Module):
    """A tissue or material; immutable, every number is a differentiable leaf.

    - `density`: g/cm³. - `composition`: mass fractions by element symbol, like `{"H": 0.112, "O": 0.888}`.
    - `proton_density`: relative to water. - `t1`, `t2`, `t2_star`: s at 1.5, 3 and 7 T, or one number for all fields.
    - `susceptibility`: magnetic volume susceptibility, ppm (SI). - `diffusivity`: apparent, of water, mm²/s.
    - `youngs_modulus`: kPa. - `poisson_ratio`.
    - `tumour_diffusivity`: of tumour cells, relative to white matter; 0 where they cannot go.
    - `chemical_shift`: of the protons' resonance relative to water, ppm; fat precesses more slowly, its main peak at -3.4.
    - `citation`: sources, one text or one per group of values.

    Materials without magnetic resonance signal have proton density 0 and the placeholder of 1 s for all three times:
    any signal equation then gives 0, and no gradient becomes NaN.

    Raises `InputError` for values outside what any material can have, compositions that do not sum to 1, T2* above T2
    or T2 above T1. Good values: start from a row of the table, `TISSUES["liver"].replace(t1=0.9)`.
    """

    name: str = eqx.field(static=True)
    density: Scalar
    mass_fractions: Float[Array | np.ndarray, " element"]
    proton_density: Scalar
    t1: PerField
    t2: PerField
    t2_star: PerField
    susceptibility: Scalar
    diffusivity: Scalar
    youngs_modulus: Scalar
    poisson_ratio: Scalar
    tumour_diffusivity: Scalar
    chemical_shift: Scalar
    citation: tuple[tuple[str, str], ...] = eqx.field(static=True)

    def __init__(
        self,
        name: str,
        density,
        composition,
        *,
        proton_density=0.0,
        t1=1.0,
        t2=None,
        t2_star=None,
        susceptibility=-9.05,
        diffusivity=0.0,
        youngs_modulus=0.0,
        poisson_ratio=0.49,
        tumour_diffusivity=0.0,
        chemical_shift=0.0,
        citation: str | Mapping[str, str] = "",
    ):
        self.name = _checked_name(name)
        self.density = _value("density", density, name)
        self.mass_fractions = _composition(composition)
        self.proton_density = _value("proton_density", proton_density, name)
        self.t1 = _value("t1", t1, name)
        self.t2 = self.t1 if t2 is None else _value("t2", t2, name)
        self.t2_star = self.t2 if t2_star is None else _value("t2_star", t2_star, name)
        _refuse_disorder(name, self.t1, self.t2, self.t2_star)
        self.susceptibility = _value("susceptibility", susceptibility, name)
        self.diffusivity = _value("diffusivity", diffusivity, name)
        self.youngs_modulus = _value("youngs_modulus", youngs_modulus, name)
        self.poisson_ratio = _value("poisson_ratio", poisson_ratio, name)
        self.tumour_diffusivity = _value("tumour_diffusivity", tumour_diffusivity, name)
        self.chemical_shift = _value("chemical_shift", chemical_shift, name)
        sources = (
            citation.items() if isinstance(citation, Mapping) else [("all", citation)] if citation else []
        )
        self.citation = tuple((str(group), str(source)) for group, source in sources)

    def __hash__(self) -> int:
        return hash(self.name)  # arrays have no hash, and a tissue may be the key of a mapping

    @property
    def composition(self) -> dict[str, Array | np.ndarray | float]:
        """Mass fractions by element symbol; elements that are absent are left out, unless traced."""
        pairs = zip(attenuation.ELEMENTS, self.mass_fractions, strict=True)
        return {symbol: part for symbol, part in pairs if not is_concrete(part) or part != 0}

    def value(self, name: str, field: Number = 3.0) -> Float[Array, ""]:
        """One property; "t1", "t2" and "t2_star" at a field strength between 0.01 and 20 T.

        Between 1.5, 3 and 7 T a monotone curve in log field; T1 is continued as a power law beyond, T2 held, and
        1/T2* - 1/T2 held in proportion to the field. Raises `InputError` for unknown names, with the nearest one.
        """
        if name not in RANGES:
            raise suggest("tissue property", name, RANGES)
        if name not in RELAXATION_TIMES:
            return jnp.asarray(getattr(self, name))
        require_range("field", field, relaxation.LOWEST_FIELD, relaxation.HIGHEST_FIELD, "T")
        if name == "t1":
            return relaxation.t1_at(self.t1, field)
        if name == "t2":
            return relaxation.t2_at(self.t2, self.t1, field)
        return relaxation.t2_star_at(self.t2_star, self.t2, self.t1, field)

    def mass_attenuation(self, energies) -> Float[Array, "..."]:
        """Total mass attenuation at photon energies of 1 to 300 keV, cm²/g, in the shape of the energies."""
        parts = attenuation.element_coefficients(energies)
        total = parts.photoelectric + parts.compton + parts.rayleigh
        return jnp.tensordot(jnp.asarray(self.mass_fractions, total.dtype), total, axes=1)

    def attenuation(self, energies) -> Float[Array, "..."]:
        """Linear attenuation at photon energies of 1 to 300 keV, 1/mm, in the shape of the energies."""
        total = self.mass_attenuation(energies)
        return total * jnp.asarray(self.density, total.dtype) / 10

    def with_iodine(self, concentration) -> Tissue:
        """The same tissue with iodine dissolved in it, mg per ml; differentiable in the concentration.

        mu = mu_tissue + c mu_iodine: the solution displaces nothing, and the rest of the molecule is left out.
        Good values: 5-15 mg/ml in arteries, 1-3 mg/ml in enhancing organs.
        """
        require_range("iodine concentration", concentration, 0.0, 500.0, "mg/ml")
        return self._loaded("I", concentration / 1000, "iodine", {})

    def with_gadolinium(self, concentration) -> Tissue:
        """The same tissue with a gadolinium agent, mmol per litre: 1/T1 + r1 c, 1/T2 + r2 c, 1/T2* + r2 c.

        Relaxivities of gadobutrol in plasma at 37 °C: r1 from P. Szomolanyi et al., Invest. Radiol. 54 (2019) 559; r2 from
        M. Rohrer et al., Invest. Radiol. 40 (2005) 715, whose value at 3 T also stands for 7 T. Linear only while water
        exchange is fast. Susceptibility by Curie's law for spin 7/2 at 37 °C. Good values: 0.1-1 mmol/l in tissue, up to
        5 mmol/l at the first pass in blood.
        """
        require_range("gadolinium concentration", concentration, 0.0, 100.0, "mmol/l")
        faster = {"t1": relaxation.R1 * concentration, "t2": relaxation.R2 * concentration}
        faster["t2_star"] = faster["t2"]
        changes = {name: 1 / (1 / getattr(self, name) + rate) for name, rate in faster.items()}
        changes["susceptibility"] = self.susceptibility + _GADOLINIUM_SUSCEPTIBILITY * concentration
        return self._loaded("Gd", concentration * _GADOLINIUM_MOLAR_MASS * 1e-6, "gadolinium", changes)

    def _loaded(self, symbol: str, added, agent: str, changes: dict) -> Tissue:
        """With `added` g/cm³ of an element, and other changes."""
        element = np.zeros(len(attenuation.ELEMENTS))
        element[attenuation.ELEMENTS.index(symbol)] = 1.0
        density = self.density + added
        composition = (self.mass_fractions * self.density + element * added) / density
        name = f"{self.name}_with_{agent}"
        return self.replace(name=name, density=density, composition=composition, **changes)

    def replace(self, **changes) -> Tissue:
        """The same tissue with other values, named as in the constructor; differentiable in them."""
        values = {name: getattr(self, name) for name in ("name", *RANGES)}
        values |= {"composition": self.mass_fractions, "citation": dict(self.citation)}
        for name in changes:
            if name not in values:
                raise suggest("tissue property", name, values)
        return Tissue(**(values | changes))


class TissueTable(Mapping[str, Tissue]):
    """The tissues of tables/tissues.toml by name; read on first use, unknown names are refused with the nearest."""

    def __getitem__(self, name: str) -> Tissue:
        if name not in self._tissues:
            raise suggest("tissue", name, self._tissues)
        return self._tissues[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tissues)

    def __len__(self) -> int:
        return len(self._tissues)

    def __contains__(self, name: object) -> bool:
        return name in self._tissues

    def get(self, key: str, default: Any = None) -> Any:
        """The tissue, or `default` where there is none of that name."""
        return self._tissues.get(key, default)

    def __repr__(self) -> str:
        return f"TissueTable({', '.join(self)})"

    @cached_property
    def _tissues(self) -> dict[str, Tissue]:
        text = (files("physim_phantoms") / "tables" / "tissues.toml").read_text(encoding="utf-8")
        return {name: Tissue(name, **row) for name, row in tomllib.loads(text).items()}


TISSUES = TissueTable()


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InputError(f'a tissue is called {name!r}; its name must be a text like "liver"')
    return name


def _value(field: str, value, tissue: str) -> Array | np.ndarray:
    """A number, or for relaxation times three, as a floating-point array within the field's range."""
    low, high, unit = RANGES[field]
    shape = (3,) if field in RELAXATION_TIMES else ()
    if not is_concrete(value):
        array = jnp.asarray(value)
        return array if array.shape == shape else jnp.broadcast_to(array, shape)
    try:
        array = np.asarray(value)
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
        if array.shape not in ((), shape):
            raise ValueError
    except (TypeError, ValueError):
        kind = "one number, or three at 1.5, 3 and 7 T" if shape else "one number"
        raise InputError(f"{field} of {tissue} is {value!r}; it must be {kind}") from None
    require_range(f"{field} of {tissue}", array, low, high, unit)
    return np.array(np.broadcast_to(array, shape))


def _composition(composition) -> Array | np.ndarray:
    if isinstance(composition, Mapping):
        return attenuation.mass_fractions(composition)
    shape = (len(attenuation.ELEMENTS),)
    if np.shape(composition) != shape:
        raise InputError(
            f"composition has shape {np.shape(composition)}; give a mapping or {shape[0]} mass fractions"
        )
    if not is_concrete(composition):
        return composition
    return attenuation.mass_fractions(dict(zip(attenuation.ELEMENTS, np.asarray(composition), strict=True)))


def _refuse_disorder(name: str, t1, t2, t2_star) -> None:
    if not all(map(is_concrete, (t1, t2, t2_star))):
        return
    if np.any(t2_star > t2 * 1.000001) or np.any(t2 > t1 * 1.000001):
        raise InputError(
            f"relaxation times of {name} are t1 {t1}, t2 {t2}, t2_star {t2_star} s; "
            "T2* cannot exceed T2, nor T2 T1"
        )
