"""How far the dose can go down: one patient from 400 to 12.5 mAs, by true scans and by lowering the best one.

A liver with four metastases, 40 HU darker than it, is scanned at halved and halved again charge. The noise of filtered
back-projection follows 1 / √mAs until the electronics are heard; the CTDIvol is proportional to the charge. `ct.low_dose`
makes the same scans from the raw data of the first, which is how dose studies are done on patients who may be scanned only
once: its noise must be that of a true scan.

Look at: which metastasis is lost at which dose; both rows at one dose, which must not be told apart; the noise at the
lowest dose, above the 1 / √mAs line. About a minute on two cores once compiled.

    python examples/dose_sweep.py [--out figures] [--quick]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import figure as fig
import jax
import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator

from physim import ct
from physim_phantoms import TISSUES, Grid, Phantom, anatomy
from physim_phantoms.shapes import Ellipsoid

HEIGHT, LIVER = 32.0, (38.0, 160.0, -62.0, 84.0)  # mm: z, and (right, left, front, back) of what is shown
SOFT = (-75.0, 175.0)  # HU
METASTASES = (
    (108.0, 42.0, 9.0),
    (96.0, -18.0, 7.0),
    (128.0, 8.0, 5.0),
    (84.0, 60.0, 3.5),
)  # x, y, radius, mm
DARKER = 40.0  # HU
Images = dict[float, list[np.ndarray]]


def patient_on(grid: Grid) -> tuple[Phantom, np.ndarray]:
    """A plane through the liver, and the share of metastasis in each voxel."""
    healthy = anatomy.abdomen(
        grid, jax.random.key(3), age=55.0, sex="M", height=178.0, weight=82.0, bowel_gas=0.08
    )
    spheres = [Ellipsoid((x, y, HEIGHT), r).voxelise(grid, 4) for x, y, r in METASTASES]
    amount = np.sum(spheres, axis=0)
    liver = TISSUES["liver"]
    tissue = liver.replace(name="metastasis", density=liver.density * (1 - DARKER / 1060.0))
    return healthy.with_tissue(tissue, amount).packed(), amount[..., 0]


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    asked = fig.options(__doc__, arguments)
    spacing, views, columns = (2.0, 360, 300) if asked.quick else (1.0, 720, 600)
    charges = (400.0, 100.0, 12.5) if asked.quick else (400.0, 200.0, 100.0, 50.0, 25.0, 12.5)
    grid = fig.one_plane((340.0, 260.0), spacing, height=HEIGHT)
    patient, metastases = patient_on(grid)
    geometry = ct.fan_beam(
        views, 595.0, 1085.0, columns, 618.0 / columns, curved=True, slice_thickness=5.0, centre=grid.centre
    )
    bowtie = ct.EqualisingBowtie(320.0, 595.0, "teflon")
    part, liver_grid = cut(grid)
    image = lambda raw: np.asarray(ct.reconstruct(raw, liver_grid, window=ct.Soft()))[..., 0]

    true, lowered, dose, full = {}, {}, {}, []
    for number, mas in enumerate(charges):
        protocol = ct.Protocol(kvp=120.0, mas=mas, bowtie=bowtie)
        keys = jax.random.split(jax.random.key(number), 4)
        raws = [ct.scan(patient, geometry, protocol, key) for key in keys[:2]]
        true[mas] = [image(raw) for raw in raws]
        full = full or raws
        if number:
            pairs = zip(full, keys[2:], strict=True)
            lowered[mas] = [image(ct.low_dose(raw, mas / charges[0], key)) for raw, key in pairs]
        dose[mas] = float(ct.dose(protocol, geometry, ct.BODY_PHANTOM).ctdi_vol)

    liver, metastases = np.asarray(patient.fraction("liver"))[..., 0][part] > 0.99, metastases[part]
    noise = {name: noise_of(images, liver) for name, images in (("true", true), ("helper", lowered))}
    numbers = measured(noise, dose, true[charges[0]], metastases, liver)
    fig.tell(numbers)
    draw(true, lowered, noise, dose, liver_grid, metastases, asked.out)
    return numbers


def cut(grid: Grid) -> tuple[tuple[slice, ...], Grid]:
    """The part of the plane that is reconstructed, as slices and as a grid: the liver is enough."""
    corners = np.array([[LIVER[0], LIVER[2], HEIGHT], [LIVER[1], LIVER[3], HEIGHT]])
    low, high = np.rint(np.asarray(grid.world_to_index(corners))).astype(int).tolist()
    shape = (high[0] - low[0], high[1] - low[1], 1)
    part = Grid(shape, grid.spacing, grid.index_to_world(np.array(low)))
    return (slice(low[0], high[0]), slice(low[1], high[1])), part


def noise_of(images: Images, liver: np.ndarray) -> dict[float, float]:
    """The standard deviation in HU from the difference of two scans, in which the patient cancels."""
    return {mas: float(np.std((a - b)[liver]) / np.sqrt(2)) for mas, (a, b) in images.items()}


def measured(noise, dose, best, metastases, liver) -> dict[str, float]:
    """What is printed: noise and dose at every charge, and the exponent of the law."""
    numbers = {}
    for mas in dose:
        numbers[f"CTDIvol at {mas:g} mAs [mGy]"] = dose[mas]
        numbers[f"noise at {mas:g} mAs, true [HU]"] = noise["true"][mas]
        if mas in noise["helper"]:
            numbers[f"noise at {mas:g} mAs, low_dose [HU]"] = noise["helper"][mas]
    charges = np.array([mas for mas in dose if mas >= 50.0])
    slope = np.polyfit(np.log(charges), np.log([noise["true"][mas] for mas in charges]), 1)[0]
    numbers["exponent of the noise from 50 mAs up"] = float(slope)
    mean = np.mean(best, axis=0)
    numbers["metastases against liver [HU]"] = float(mean[metastases > 0.99].mean() - mean[liver].mean())
    return numbers


def draw(
    true: Images,
    lowered: Images,
    noise: Mapping[str, Mapping[float, float]],
    dose: Mapping[float, float],
    grid: Grid,
    metastases: np.ndarray,
    folder: Path,
) -> None:
    """The liver at falling doses, true above lowered; noise and agreement over the charge."""
    page = fig.page(15.0, 10.7, "Dose sweep", "liver metastases   ·   120 kV, soft kernel, 5 mm slice")
    shown = [mas for mas in true if mas != 200.0]
    wide = 2.78
    for column, mas in enumerate(shown):
        left = 0.34 + (wide + 0.105) * column
        note = f"CTDIvol {dose[mas]:.1f} mGy, σ {noise['true'][mas]:.0f} HU"
        above = fig.image(page, (left, 0.95, wide, 3.32), true[mas][0], grid, SOFT, f"{mas:g} mAs", note)
        other = lowered[mas][0] if column else np.mean(true[mas], axis=0)
        below = fig.image(page, (left, 4.4, wide, 3.32), other, grid, SOFT)
        if not column:
            fig.scale_bar(above, 20.0)
            below.contour(*grid.axes()[:2], metastases.T, [0.5], colors=[fig.AMBER], linewidths=1.0)
        words = ("true scan", f"low_dose of {shown[0]:g} mAs" if column else "where they are")
        for panel, word in zip((above, below), words, strict=True):
            panel.text(0.03, 0.95, word, transform=panel.transAxes, color=fig.INK, fontsize=8.5, va="top")
    law = fig.plot(page, (0.95, 8.35, 7.6, 1.3), "Noise in the liver", "mAs, CTDIvol", "HU")
    same = fig.plot(
        page, (9.5, 8.35, 5.1, 1.3), "low_dose against true", "mAs, CTDIvol", "ratio of the noise"
    )
    charges, measured_noise = np.array(list(dose)), np.array(list(noise["true"].values()))
    expected = measured_noise[0] * np.sqrt(charges[0] / charges)
    law.plot(charges, expected, color=fig.GREY, linewidth=1.2, label="1 / √mAs")
    law.plot(charges, measured_noise, "o", color=fig.TEAL, markersize=6, label="true scans")
    helper = np.array(list(noise["helper"].values()))
    law.plot(charges[1:], helper, "x", color=fig.AMBER, markersize=7, label="low_dose")
    fig.legend(law)
    same.axhspan(0.95, 1.05, color="#1d2a2c")
    same.plot(charges[1:], helper / measured_noise[1:], "x", color=fig.AMBER, markersize=7)
    same.set(ylim=(0.9, 1.1))
    law.set_yscale("log")
    for panel in (law, same):
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(FixedLocator(charges.tolist()))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticklabels([f"{mas:g}\n{dose[mas]:.2g} mGy" for mas in charges])
    law.yaxis.set_major_locator(FixedLocator([5.0, 10.0, 20.0, 40.0]))
    law.yaxis.set_minor_locator(NullLocator())
    law.set_yticklabels(["5", "10", "20", "40"])
    fig.save(page, folder, "dose_sweep")


if __name__ == "__main__":
    main()
