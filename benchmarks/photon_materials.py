"""What one material does to photons, as tables for the Monte Carlo: attenuation by process, and scattering angles."""

from typing import NamedTuple

import numpy as np
from form_factors import HC, form_factor_squared, incoherent_function, liquid_water

from physim_phantoms.attenuation import ELEMENTS, element_coefficients, mass_fractions

ELECTRON = 510.99895  # rest energy, keV
RADIUS = 2.8179403e-13  # of the electron, cm
AVOGADRO = 6.02214076e23
ENERGIES = np.arange(1.0, 151.0)  # knots of all tables, keV
QUANTILES = 1025
X_STEP, X_COUNT = 0.005, 2600  # 1/Å


class Material(NamedTuple):
    """Tables at `ENERGIES`: attenuation by process, 1/mm, cosines at equal steps of probability, and their normalisation."""

    photoelectric: np.ndarray
    compton: np.ndarray
    rayleigh: np.ndarray
    compton_cosines: np.ndarray
    rayleigh_cosines: np.ndarray
    compton_norm: np.ndarray
    rayleigh_norm: np.ndarray
    incoherent: np.ndarray
    coherent: np.ndarray


def material(
    composition: dict[str, float], density: float, *, liquid: bool = False, free: bool = False
) -> Material:
    """Tables of a mixture by mass (g/cm³). `liquid`: water's measured interference; `free`: electrons without binding."""
    parts = mass_fractions(composition)
    weights = _atomic_weights()
    atoms = {z + 1: parts[z] / weights[ELEMENTS[z]] for z in np.flatnonzero(parts)}  # mol/g
    mass = np.stack([np.tensordot(parts, np.asarray(c, float), 1) for c in element_coefficients(ENERGIES)])
    photoelectric, compton, rayleigh = mass * density / 10
    x = np.arange(X_COUNT) * X_STEP
    electrons = float(sum(n * z for z, n in atoms.items()))
    incoherent = np.full_like(x, electrons) if free else incoherent_function(atoms, x)
    independent = form_factor_squared(atoms, x)
    coherent = independent * (liquid_water(x) if liquid else 1)
    compton_cosines, compton_norm = _angles(klein_nishina, incoherent)
    rayleigh_cosines, rayleigh_norm = _angles(thomson, coherent)
    if liquid:
        rayleigh = rayleigh * rayleigh_norm / _angles(thomson, independent)[1]
    if free:
        compton = compton_norm * RADIUS**2 * AVOGADRO * density / 10
    return Material(
        photoelectric,
        compton,
        rayleigh,
        compton_cosines,
        rayleigh_cosines,
        compton_norm,
        rayleigh_norm,
        incoherent,
        coherent,
    )


def klein_nishina(energy, cosine):
    """dσ/dΩ of a free electron at rest over r_e²: O. Klein and Y. Nishina, Z. Phys. 52 (1929) 853."""
    ratio = 1 / (1 + energy / ELECTRON * (1 - cosine))
    return 0.5 * ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)


def thomson(energy, cosine):
    """The same without recoil."""
    return 0.5 * (1 + cosine**2) + 0 * energy


def _angles(process, function: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines at equal steps of probability for each energy, and the integral of process × function over the sphere."""
    angle = np.pi * np.linspace(0, 1, 6001) ** 2  # dense forward
    cosine = np.cos(angle)
    energies = ENERGIES[:, None]
    x = np.sqrt((1 - cosine) / 2) * energies / HC
    density = process(energies, cosine) * np.interp(x, np.arange(X_COUNT) * X_STEP, function)
    pieces = 0.5 * (density[:, 1:] + density[:, :-1]) * -np.diff(cosine)
    running = np.concatenate([np.zeros((len(ENERGIES), 1)), np.cumsum(pieces, axis=1)], axis=1)
    steps = np.linspace(0, 1, QUANTILES)
    cosines = np.stack([np.interp(steps, row / row[-1], cosine) for row in running])
    return cosines, 2 * np.pi * running[:, -1]


def _atomic_weights() -> dict[str, float]:
    """Of the elements of tissue, g/mol."""
    names = ["H", "C", "N", "O", "Na", "Mg", "P", "S", "Cl", "K", "Ca"]
    values = (1.008, 12.011, 14.007, 15.999, 22.990, 24.305, 30.974, 32.06, 35.45, 39.098, 40.078)
    return dict(zip(names, values, strict=True))
