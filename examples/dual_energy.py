"""Iodine and calcium that look alike in one scan, told apart by two: dual-energy CT from projections to concentrations.

Rods of iodine and of calcium solution in 200 mm of water are scanned at 80 kV and at 140 kV behind 0.4 mm of tin.
`ct.decompose` explains both readings of every ray by lengths of water and of iodine solution, with the exact polychromatic
model, so beam hardening is gone before an image exists. From their images come
- virtual monoenergetic images: what photons of one energy would have shown;
- an iodine and a calcium map in mg/ml: in a solution the water fills its place, so what exceeds 1 ml/ml of water
  tells calcium, which acts like some water and some iodine, from iodine.

Look at: rods of 80 kV images that are equally bright and end up in different maps; the measured concentrations on the line
of the true ones; the noise, least near 70 keV. Calcium is not quite a mixture of water and iodine: far from
the energies of the two scans its HU are up to 8 % off. About a minute on two cores once compiled.

    python examples/dual_energy.py [--out figures] [--quick]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import figure as fig
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from physim import ct
from physim.ct.source import ENERGIES
from physim_phantoms import TISSUES, Grid, Tissue, qa
from physim_phantoms.shapes import Cylinder

WATER = TISSUES["water"]
SOLUTION = 10.0  # mg of iodine per ml of the second basis material
BASIS = (WATER, WATER.with_iodine(SOLUTION))
IODINE, CALCIUM = (2.0, 5.0, 10.0, 15.0), (25.0, 60.0, 120.0, 180.0)  # mg/ml
RING, RADIUS = 65.0, 12.0  # mm
VIRTUAL = np.arange(40.0, 145.0, 5.0)  # keV


def with_calcium(concentration: float) -> Tissue:
    """Water with calcium dissolved in it, mg/ml, which displaces nothing."""
    parts = {symbol: float(part) for symbol, part in WATER.composition.items()}
    density = 1.0 + concentration / 1000
    composition = {symbol: part / density for symbol, part in parts.items()}
    composition["Ca"] = 1 - sum(composition.values())
    return WATER.replace(name=f"calcium_{concentration:g}", density=density, composition=composition)


def rods() -> dict[str, tuple[float, Tissue, tuple[float, float]]]:
    """Name, concentration, tissue and place of every rod; iodine and calcium take turns around the circle."""
    made = {}
    for number, amount in enumerate(c for pair in zip(IODINE, CALCIUM, strict=True) for c in pair):
        element = ("I", "Ca")[number % 2]
        tissue = WATER.with_iodine(amount) if element == "I" else with_calcium(amount)
        angle = 2 * np.pi * number / 8
        place = (RING * float(np.cos(angle)), RING * float(np.sin(angle)))
        made[f"{element} {amount:g}"] = (amount, tissue.replace(name=f"rod_{number}"), place)
    return made


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    asked = fig.options(__doc__, arguments)
    spacing, views, columns = (2.0, 240, 220) if asked.quick else (1.0, 600, 440)
    grid = fig.one_plane((220.0, 220.0), spacing)
    parts: list[qa.Part] = [("water", Cylinder((0.0, 0.0, 0.0), 100.0, 100.0))]
    parts += [(tissue, Cylinder((*place, 0.0), RADIUS, 100.0)) for _, tissue, place in rods().values()]
    phantom = qa.assemble(grid, parts)

    geometry = ct.fan_beam(views, 595.0, 1085.0, columns, 440.0 / columns, curved=True, slice_thickness=5.0)
    low = ct.Protocol(kvp=80.0, mas=500.0)
    high = ct.Protocol(kvp=140.0, mas=500.0, filters=ct.Filter("tin", 0.4))
    raws = [ct.scan(phantom, geometry, p, jax.random.key(n)) for n, p in enumerate((low, high))]
    lengths = ct.decompose(raws, BASIS)
    method = ct.FilteredBackProjection(ct.Soft())
    volumes = jnp.stack([method.solve(length, grid, geometry) for length in lengths])

    images = {
        "80 kV": ct.reconstruct(raws[0], grid, method),
        "140 kV + Sn": ct.reconstruct(raws[1], grid, method),
    }
    images |= {f"{e:g} keV": ct.monoenergetic(volumes, BASIS, e) for e in VIRTUAL}
    iodine, calcium = concentrations(np.asarray(volumes), (low, high))
    images |= {"I": iodine, "Ca": calcium}
    planes = {name: np.asarray(image)[..., 0] for name, image in images.items()}
    table = {name: regions(plane, grid) for name, plane in planes.items()}
    numbers = measured(table)
    fig.tell(numbers, 1)
    draw(planes, table, grid, asked.out)
    return numbers


def concentrations(volumes: np.ndarray, protocols: Sequence[ct.Protocol]) -> tuple[np.ndarray, np.ndarray]:
    """Iodine and calcium, mg/ml, of solutions in which water fills 1 ml/ml; zero outside the body.

    Behind 200 mm of water, as the body has, both spectra take 1 mg/ml of calcium for a ml/ml of water and b of iodine
    solution. The volumes of i iodine and c calcium are then 1 − i / SOLUTION + a c of water and i / SOLUTION + b c of
    solution, and their sum is 1 + (a + b) c.
    """
    energies = jnp.asarray(ENERGIES)
    weights = [p.fluence() * p.detector.weight(energies)[0] for p in protocols]
    seen = np.stack(weights) * np.exp(-200.0 * np.asarray(WATER.attenuation(energies)))
    base = np.stack([np.asarray(m.attenuation(energies)) for m in BASIS], axis=-1)
    added = np.asarray(with_calcium(100.0).attenuation(energies)) - base[:, 0]
    a, b = np.linalg.solve(seen @ base, seen @ added) / 100.0
    total = volumes[0] + volumes[1]
    body = total > 0.95
    calcium = np.where(body, (total - 1) / (a + b), 0)
    return np.where(body, SOLUTION * (volumes[1] - b * calcium), 0), calcium


def regions(plane: np.ndarray, grid: Grid) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation in every rod, and in the middle."""
    found = {}
    places = {name: rod[2] for name, rod in rods().items()} | {"water": (0.0, 0.0)}
    for name, place in places.items():
        here = ct.measure.region_statistics(plane[..., None], ct.measure.disc(grid, place, 0.7 * RADIUS))
        found[name] = (float(here.mean), float(here.deviation))
    return found


def measured(table: Mapping[str, Mapping[str, tuple[float, float]]]) -> dict[str, float]:
    """What is printed: concentrations of every rod and HU of the monoenergetic images."""
    numbers = {f"iodine in {rod} [mg/ml]": mean for rod, (mean, _) in table["I"].items()}
    numbers |= {f"calcium in {rod} [mg/ml]": mean for rod, (mean, _) in table["Ca"].items()}
    for energy in ("50 keV", "70 keV", "100 keV"):
        numbers[f"water at {energy} [HU]"] = table[energy]["water"][0]
    return numbers


def true_hu(tissue: Tissue) -> np.ndarray:
    """HU of a tissue for photons of each of VIRTUAL."""
    return 1000 * (np.asarray(tissue.attenuation(VIRTUAL)) / np.asarray(WATER.attenuation(VIRTUAL)) - 1)


def draw(planes, table, grid: Grid, folder: Path) -> None:
    """Two scans, two monoenergetic images, two maps; HU over energy, noise over energy, concentrations."""
    page = fig.page(
        15.0, 9.0, "Dual energy", "iodine and calcium in water 200 mm   ·   80 kV and 140 kV + 0.4 mm Sn"
    )
    hu = (-150.0, 450.0)
    shown = (
        ("80 kV", "80 kV", "scan", hu, "gray"),
        ("140 kV + Sn", "140 kV + Sn", "scan", hu, "gray"),
        ("50 keV", "50 keV", "virtual", hu, "gray"),
        ("100 keV", "100 keV", "virtual", hu, "gray"),
        ("I", "IODINE", "0 to 16 mg/ml", (0.0, 16.0), "inferno"),
        ("Ca", "CALCIUM", "0 to 190 mg/ml", (0.0, 190.0), "bone"),
    )
    panels = []
    for number, (name, title, note, window, colours) in enumerate(shown):
        place = (0.34 + 2.404 * number, 0.95, 2.3, 2.3)
        panels.append(fig.image(page, place, planes[name], grid, window, title, note, colours=colours))
    fig.scale_bar(panels[0])
    for rod, (_, _, place) in rods().items():
        x, y = 0.6 * np.array(place)
        panels[0].text(x, y, rod, color=fig.INK, fontsize=6.5, ha="center", va="center")
    draw_energies(page, table)
    draw_concentrations(page, table, "I", "Iodine", IODINE, fig.AMBER, 3.8)
    draw_concentrations(page, table, "Ca", "Calcium", CALCIUM, fig.TEAL, 6.1)
    fig.save(page, folder, "dual_energy")


def draw_energies(page: Figure, table) -> None:
    """HU of every rod and noise of water in the monoenergetic images."""
    panel = fig.plot(page, (0.95, 3.8, 4.9, 4.05), "HU of the rods over energy", "keV", "HU")
    column = lambda place, part: [table[f"{e:g} keV"][place][part] for e in VIRTUAL]
    for rod, (_, tissue, _) in rods().items():
        colour = fig.AMBER if rod.startswith("I") else fig.TEAL
        panel.plot(VIRTUAL, true_hu(tissue), color=colour, linewidth=0.9)
        panel.plot(VIRTUAL, column(rod, 0), "o", color=colour, markersize=3)
    words = ("iodine", fig.AMBER), ("calcium", fig.TEAL), ("lines: true, dots: measured", fig.INK)
    for number, (word, tone) in enumerate(words):
        panel.text(138, 660 - 36 * number, word, color=tone, fontsize=8.5, ha="right")
    panel.set(ylim=(-20, 700), xlim=(40, 140))
    noise = fig.plot(page, (6.75, 3.8, 2.6, 4.05), "Noise in water", "keV", "HU")
    noise.plot(VIRTUAL, column("water", 1), color=fig.INK, linewidth=1.3)
    noise.set(xlim=(40, 140), ylim=(0, None))


def draw_concentrations(
    page: Figure, table, element: str, word: str, amounts, colour: str, top: float
) -> None:
    """Measured against true; the rods of the other element hold none."""
    across = "true, mg/ml     × rods of the other element" if element == "Ca" else ""
    panel = fig.plot(page, (10.2, top, 4.45, 1.75), f"{word}, measured against true", across, "mg/ml")
    most = 1.1 * amounts[-1]
    panel.plot([0, most], [0, most], color=fig.GREY, linewidth=1.0)
    for rod, (amount, _, _) in rods().items():
        mean, deviation = table[element][rod]
        own = rod.split()[0] == element
        true, mark, tone = (amount, "o", colour) if own else (0.0, "x", fig.RED)
        panel.errorbar(true, mean, deviation, fmt=mark, color=tone, markersize=5, linewidth=1.0)
    panel.set(xlim=(-0.04 * most, most), ylim=(-0.15 * most, 1.15 * most))


if __name__ == "__main__":
    main()
