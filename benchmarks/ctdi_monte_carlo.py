"""Claim: the doses behind `ct.source.dose` are those of AAPM Report 195; makes physim/ct/source/tables/ctdi.npz.

Photons in a cylinder of PMMA, 160 or 320 mm wide and 150 mm long (IEC 60601-2-44), in a thin beam that turns about it: physics of
`photon_transport`. Chambers read the air kerma over 100 mm along z in a rod of 10 mm on the axis, and in the ring that a rod
10 mm below the surface sweeps. Every flight scores its expected track length, every collision is forced and survived in part.
Left out: the holes, the chambers' own shadow, the couch. `python benchmarks/ctdi_monte_carlo.py table` makes the table, in
5 minutes on one core; without `table` it is compared with the report.
"""

# ruff: noqa: NPY002 - Numba has only the legacy generator
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import photon_transport as mc
from numba import njit

from physim.ct.source.kerma import mass_energy_absorption
from physim_phantoms import TISSUES

TABLE = Path(__file__).parents[1] / "physim" / "ct" / "source" / "tables" / "ctdi.npz"
ENERGIES = np.arange(10, 150) + 0.5  # keV
DIAMETERS = (160.0, 320.0)  # mm
DENSITY = 1.19  # of PMMA, g/cm³
STRIPS = 32  # equal strips of the beam between the axis and the phantom's edge
ROD, DEPTH, HALF_CHAMBER = 5.0, 10.0, 50.0  # mm
# Case 4 of I. Sechopoulos et al., Med. Phys. 42 (2015) 5679 (Report 195): beam of so many mm at the axis, then eV per photon of
# 56.4 keV left in a rod of 10 by 100 mm at the centre and, on average over 36 views, 10 mm below the surface.
REPORT_195 = {10.0: (12.14, 35.24), 80.0: (11.62, 34.59)}


@lru_cache(maxsize=1)
def pmma() -> tuple[mc.Material, np.ndarray, np.ndarray]:
    """The phantom's tables, and the mass energy absorption of air and of PMMA, cm²/g, at `mc.ENERGIES`."""
    absorbed = [
        np.asarray(mass_energy_absorption(TISSUES[n], mc.ENERGIES), float) for n in ("air", "acrylic")
    ]
    composition = {symbol: float(part) for symbol, part in TISSUES["acrylic"].composition.items()}
    return mc.material(composition, DENSITY), *absorbed


@njit(cache=True)
def expected(place, along, radius, half, attenuation, out):
    """Expected track length of a photon in a cylinder about z, mm: ∫ exp(−μ t) dt over the part of its line inside."""
    shape = np.array((radius, 0.0, half))
    start, stop = mc.exit_distances(
        mc.CYLINDER, shape, place[0], place[1], place[2], along[0], along[1], along[2]
    )
    start, stop = max(start, 0.0), min(stop, out)
    return (np.exp(-attenuation * start) - np.exp(-attenuation * stop)) / attenuation if stop > start else 0.0


@njit(cache=True)
def history(place, along, energy, radius, half, m, air, own, score):
    """Adds what a photon that enters at `place` gives the centre and the ring: score[chamber, (air, PMMA)], keV cm²/g mm."""
    weight, shape = 1.0, np.array((radius, 0.0, half))
    while weight > 0:
        compton, rayleigh = mc.at(m.compton, energy), mc.at(m.rayleigh, energy)
        total = mc.at(m.photoelectric, energy) + compton + rayleigh
        _, out = mc.exit_distances(
            mc.CYLINDER, shape, place[0], place[1], place[2], along[0], along[1], along[2]
        )
        if out <= 0:
            return
        centre = expected(place, along, ROD, HALF_CHAMBER, total, out)
        ring = expected(place, along, radius - DEPTH + ROD, HALF_CHAMBER, total, out)
        ring -= expected(place, along, radius - DEPTH - ROD, HALF_CHAMBER, total, out)
        for chamber, length in ((0, centre), (1, ring)):
            score[chamber, 0] += weight * energy * length * mc.at(air, energy)
            score[chamber, 1] += weight * energy * length * mc.at(own, energy)
        meets = 1 - np.exp(-total * out)
        weight *= meets * (compton + rayleigh) / total
        place = place - np.log(1 - np.random.random() * meets) / total * along
        bound = np.random.random() * (compton + rayleigh) < compton
        cosine = mc.sampled(m.compton_cosines if bound else m.rayleigh_cosines, energy)
        if bound:
            energy = energy / (1 + energy / mc.ELECTRON * (1 - cosine))
        azimuth = 2 * np.pi * np.random.random()
        along = np.array(mc.turned(along[0], along[1], along[2], cosine, azimuth))
        if weight < 1e-3:
            weight = 0.01 if np.random.random() < weight / 0.01 else 0.0


@njit(cache=True)
def strips(energy, radius, count, m, air, own, seed):
    """Mean score of parallel photons of one energy in a beam of 10 mm, by strip of their distance from the axis."""
    np.random.seed(seed)
    made = np.zeros((STRIPS, 2, 2))
    for strip in range(STRIPS):
        for _ in range(count):
            off = (strip + np.random.random()) * radius / STRIPS
            place = np.array(
                (off, -np.sqrt(max(radius * radius - off * off, 0.0)), 10 * np.random.random() - 5)
            )
            history(place, np.array((0.0, 1.0, 0.0)), energy, radius, 75.0, m, air, own, made[strip])
    return made / count


@njit(cache=True)
def case_4(energy, beam, count, m, air, own, seed):
    """Case 4 of Report 195: a fan from 600 mm onto 320 mm of PMMA, 3 m long; mean score per photon."""
    np.random.seed(seed)
    score = np.zeros((2, 2))
    for _ in range(count):
        y, z = (2 * np.random.random() - 1) * 160 / 600, (np.random.random() - 0.5) * beam / 600
        # The source is isotropic: cos³ as many photons towards the corners.
        while np.random.random() > (1 + y * y + z * z) ** -1.5:
            y, z = (2 * np.random.random() - 1) * 160 / 600, (np.random.random() - 0.5) * beam / 600
        along = np.array((1.0, y, z)) / np.sqrt(1 + y * y + z * z)
        shape = np.array((160.0, 0.0, 1500.0))
        enter, leave = mc.exit_distances(mc.CYLINDER, shape, -600.0, 0.0, 0.0, along[0], along[1], along[2])
        if leave > enter:
            place = np.array((-600.0, 0.0, 0.0)) + enter * (1 + 1e-12) * along
            history(place, along, energy, 160.0, 1500.0, m, air, own, score)
    return score / count


def sections(radius: float) -> np.ndarray:
    """Cross sections of the centre's rod and of the ring, mm²."""
    outer, inner = radius - DEPTH + ROD, radius - DEPTH - ROD
    return np.pi * np.array([ROD**2, outer**2 - inner**2])


def rods(beam: float, count: int = 1_000_000) -> np.ndarray:
    """Case 4 of Report 195: eV per photon in the rod at the centre and in one at the periphery."""
    score = case_4(56.4, beam, count, *pmma(), 1)[:, 1]
    return score / sections(160.0) * sections(160.0)[0] * DENSITY / 10 * 1000


def kerma_length(energy: float, diameter: float, count: int, seed: int = 0) -> np.ndarray:
    """Air kerma times length over 100 mm per photon, keV cm² / (g mm): [chamber, strip]."""
    score = strips(energy, diameter / 2, count, *pmma(), seed)[..., 0]
    return (score / sections(diameter / 2)).T


def main() -> None:
    """Compares with the report, or makes the table."""
    if sys.argv[1:] == ["table"]:
        made = [[kerma_length(e, d, 6_000, round(2 * e)) for e in ENERGIES] for d in DIAMETERS]
        np.savez_compressed(
            TABLE,
            energies=ENERGIES.astype(np.float32),
            diameters=np.asarray(DIAMETERS, np.float32),
            kerma_length=np.moveaxis(np.asarray(made, np.float32), 1, -1),
        )
        return
    for beam, truth in REPORT_195.items():
        made = rods(beam)
        print(
            f"{beam:.0f} mm: centre {made[0]:.2f} eV, report {truth[0]}; periphery {made[1]:.2f}, report {truth[1]}"
        )


if __name__ == "__main__":
    main()
