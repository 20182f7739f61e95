"""Flat filters, and the materials that filters are made of."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Tissue
from physim_phantoms._checks import require_range, suggest

from ..geometry.checks import number

# Element and density, g/cm³: A. C. Thompson et al., X-ray Data Booklet, LBNL/PUB-490 (2009); graphite as it is machined.
_METALS: Mapping[str, tuple[str, float]] = {
    "beryllium": ("Be", 1.85),
    "graphite": ("C", 1.75),
    "copper": ("Cu", 8.96),
    "molybdenum": ("Mo", 10.2),
    "silver": ("Ag", 10.5),
    "tin": ("Sn", 7.31),
    "tungsten": ("W", 19.3),
    "lead": ("Pb", 11.35),
}


class Filter(eqx.Module):
    """A flat filter: a material and how thick it is, mm; a sheet across the beam.

    - `material`: a `Tissue`, or a name: of the tissue table ("aluminium", "titanium", "teflon", "acrylic", "gold", …),
      or "beryllium", "graphite", "copper", "molybdenum", "silver", "tin", "tungsten", "lead".

    Good values: `Filter("copper", 0.1)` for children; `Filter("tin", 0.4)` at 100 kV for the chest, or at 140 kV for dual energy.
    Raises `ValueError` for unknown materials and thicknesses that are not between 0 and 100 mm.
    """

    material: Tissue
    thickness: Float[Array | np.ndarray, ""]

    def __init__(self, material: str | Tissue, thickness):
        require_range("thickness", thickness, 0.0, 100.0, "mm")
        self.material = filter_material(material)
        self.thickness = jnp.asarray(number("thickness", thickness), float)

    def path(self, energies) -> Float[Array, " energy"]:
        """Attenuation times thickness at the energies, without a unit."""
        return self.material.attenuation(energies) * self.thickness


def filter_material(material: str | Tissue) -> Tissue:
    """A material by name (see `Filter`), or the one given; unknown names are refused with the nearest."""
    if isinstance(material, Tissue):
        return material
    if material in _METALS:
        symbol, density = _METALS[material]
        return Tissue(material, density, {symbol: 1.0})
    if material not in TISSUES:
        raise suggest("filter material", material, (*_METALS, *TISSUES))
    return TISSUES[material]
