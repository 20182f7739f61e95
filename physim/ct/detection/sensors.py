"""What stops the photons: scintillators and semiconductors, and the fraction of photons that interact in them."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from physim_phantoms import Tissue
from physim_phantoms.attenuation import element_coefficients


def gadolinium_oxysulfide() -> Tissue:
    """Gd₂O₂S, 7.32 g/cm³: the ceramic scintillator of most CT detectors."""
    return Tissue("gadolinium_oxysulfide", 7.32, {"Gd": 0.8308, "O": 0.0845, "S": 0.0847})


def caesium_iodide() -> Tissue:
    """CsI, 4.51 g/cm³: the scintillator of flat panels."""
    return Tissue("caesium_iodide", 4.51, {"Cs": 0.5116, "I": 0.4884})


def cadmium_telluride() -> Tissue:
    """CdTe, 5.85 g/cm³: the semiconductor of photon-counting detectors."""
    return Tissue("cadmium_telluride", 5.85, {"Cd": 0.4684, "Te": 0.5316})


def absorbed(material: Tissue, thickness, energies) -> Float[Array, "..."]:
    """The fraction of photons of `energies`, keV, that interact in `thickness` mm: 1 − exp(−(photoelectric + Compton) t).

    Straight through the layer. Coherent scattering takes no photon away. Fluorescence and scattered photons are taken to
    stay in the pixel, so above a K edge the energy that is left is somewhat overestimated.
    """
    parts = element_coefficients(energies)
    taken = parts.photoelectric + parts.compton
    mass = jnp.tensordot(jnp.asarray(material.mass_fractions, taken.dtype), taken, axes=1)
    return -jnp.expm1(-mass * (jnp.asarray(material.density, taken.dtype) / 10) * thickness)
