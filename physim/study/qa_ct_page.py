"""The page of an acceptance test: images, verdicts, and the curves behind them, ready to sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from .qa_ct_table import allowed, note
from .qa_drawing import BAND, BLUE, FAINT, INK, ORANGE, blank_page, foot, head, rows, save, styled
from .qa_report import Measured, verdict


def write_page(
    path: Path, heading: str, conditions: Sequence[str], found: Sequence[Measured], qa: Mapping[str, Any]
) -> None:
    """Draws the page; the same numbers give the same bytes."""
    figure = blank_page()
    water, rods, wire = found
    head(figure, "CT acceptance test", heading, conditions, qa["tests"])
    _image(figure.add_axes((0.035, 0.565, 0.19, 0.27)), water, "WATER", 40.0, qa["uniformity"])
    _image(figure.add_axes((0.235, 0.565, 0.19, 0.27)), rods, "RODS", 400.0, None)
    _wire(figure.add_axes((0.435, 0.565, 0.19, 0.27)), wire)
    _profile(figure.add_axes((0.06, 0.345, 0.255, 0.17)), water, qa)
    _nps(figure.add_axes((0.375, 0.345, 0.25, 0.17)), qa)
    _line(figure.add_axes((0.06, 0.08, 0.255, 0.175)), qa)
    _mtf(figure.add_axes((0.375, 0.08, 0.25, 0.175)), qa)
    _tests(figure.add_axes((0.655, 0.43, 0.325, 0.42)), qa)
    _rods(figure.add_axes((0.655, 0.145, 0.325, 0.27)), qa)
    foot(figure)
    save(figure, path)


def _image(panel: Axes, part: Measured, title: str, width: float, even: Mapping[str, Any] | None) -> None:
    """One plane from the feet, the patient's left on the right, with the regions that were measured."""
    assert part.grid is not None
    shown = part.image[:, :, part.image.shape[2] // 2].T[::-1, ::-1]
    spacing, count = float(np.asarray(part.grid.spacing)[0]), shown.shape[0]
    half = spacing * count / 2
    panel.imshow(shown, cmap="gray", vmin=-width / 2, vmax=width / 2, extent=(-half, half, -half, half))
    panel.set_axis_off()
    panel.set_title(f"{title}   width {width:.0f} HU", color=INK, fontsize=10.5, loc="left")
    if even is None:
        return
    diameter = 2 * half - 20.0
    away, size = diameter / 2 - 10.0 - diameter / 20, diameter / 20
    for x, y in ((0, 0), (away, 0), (0, away), (-away, 0), (0, -away)):
        panel.add_patch(Circle((x, y), size, fill=False, edgecolor="#f2b544", linewidth=1.1))


def _wire(panel: Axes, part: Measured) -> None:
    spread = part.image[:, :, 0].T[::-1, ::-1] / part.image.max()
    middle, near = spread.shape[0] // 2, spread.shape[0] // 5
    cut = slice(middle - near, middle + near)
    panel.imshow(spread[cut, cut], cmap="gray", vmin=-0.1, vmax=1.0, interpolation="bicubic")
    panel.set_axis_off()
    panel.set_title("WIRE   point spread", color=INK, fontsize=10.5, loc="left")


def _profile(panel: Axes, water: Measured, qa: Mapping[str, Any]) -> None:
    """Mean of a band of 10 mm through the middle of all planes."""
    assert water.grid is not None
    spacing, count = float(np.asarray(water.grid.spacing)[0]), water.image.shape[0]
    band = max(1, round(5.0 / spacing))
    middle = slice(count // 2 - band, count // 2 + band)
    x = (np.arange(count) - (count - 1) / 2) * spacing
    panel.axhspan(-4, 4, color=BAND, zorder=0)
    panel.plot(x, water.image[:, middle].mean(axis=(1, 2)), color=BLUE, linewidth=1.0, label="left to right")
    panel.plot(x, water.image[middle].mean(axis=(0, 2)), color=ORANGE, linewidth=1.0, label="front to back")
    panel.set_ylim(-20, 20)
    panel.set_xlim(x[0], x[-1])
    panel.legend(frameon=False, fontsize=8.5, loc="upper right", ncols=2)
    styled(panel, f"Uniformity   largest {qa['uniformity']['largest_hu']:.1f} HU", "mm", "HU")


def _nps(panel: Axes, qa: Mapping[str, Any]) -> None:
    nps = qa["nps"]
    f, power = 10 * np.array(nps["frequency_per_mm"]), np.array(nps["power_hu2_mm2"])
    panel.plot(f, power, color=BLUE, linewidth=1.4)
    panel.axvline(10 * nps["mean_per_mm"], color=FAINT, linewidth=0.8, linestyle="--")
    panel.set_xlim(0, None)
    panel.set_ylim(0, 1.15 * power.max())
    styled(
        panel,
        f"Noise power   σ {qa['noise_hu']:.1f} HU, mean {10 * nps['mean_per_mm']:.1f} lp/cm",
        "lp/cm",
        "HU² mm²",
    )


def _line(panel: Axes, qa: Mapping[str, Any]) -> None:
    line = qa["linearity"]
    x = 10 * np.array(list(line["attenuation_per_mm"].values()))
    y = np.array([qa["rods"][name]["mean_hu"] for name in line["attenuation_per_mm"]])
    ends = np.array([0.0, 1.06 * x.max()])
    panel.plot(
        ends, line["slope_hu_mm"] * ends / 10 + line["intercept_hu"], color=FAINT, linewidth=0.9, zorder=1
    )
    panel.scatter(x, y, color=BLUE, s=26, zorder=2)
    panel.set_xlim(-0.01, ends[1])
    styled(
        panel,
        f"CT number linearity   r² {line['r_squared']:.5f} at {line['effective_energy_keV']:.0f} keV",
        "attenuation, 1/cm",
        "HU",
    )


def _mtf(panel: Axes, qa: Mapping[str, Any]) -> None:
    mtf = qa["mtf"]
    f = 10 * np.array(mtf["frequency_per_mm"])
    panel.plot(f, mtf["value"], color=BLUE, linewidth=1.6, label="wire")
    panel.plot(f, mtf["expected"], color=ORANGE, linewidth=1.1, linestyle="--", label="analytic product")
    for level in (0.5, 0.1):
        panel.axhline(level, color="#b9bfc6", linewidth=0.7)
    panel.set_xlim(0, f[-1])
    panel.set_ylim(0, 1.1 * max(1.0, max(mtf["value"])))
    panel.legend(frameon=False, fontsize=8.5, loc="upper right")
    half, tenth = (f"{v:.1f}" if v else "–" for v in (mtf["half_lp_per_cm"], mtf["tenth_lp_per_cm"]))
    styled(panel, f"Modulation transfer   50 % {half}, 10 % {tenth} lp/cm", "lp/cm", "MTF")


def _tests(panel: Axes, qa: Mapping[str, Any]) -> None:
    shown = [(t["test"], t["measured"], t["allowed"], verdict(t)) for t in qa["tests"]]
    rows(panel, ("test", "measured", "allowed", ""), shown, (0.0, 0.62, 0.65, 1.0))


def _rods(panel: Axes, qa: Mapping[str, Any]) -> None:
    shown = [
        (name, f"{rod['mean_hu']:.1f} ± {rod['deviation_hu']:.1f}", allowed(name, rod), f"{rod['cnr']:.1f}")
        for name, rod in qa["rods"].items()
    ]
    rows(panel, ("material", "HU", "Catphan CTP404", "CNR"), shown, (0.0, 0.62, 0.65, 1.0))
    panel.text(0.0, len(shown) + 0.55, note(qa), color=FAINT, fontsize=8, va="center")
