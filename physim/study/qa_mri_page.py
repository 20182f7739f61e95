"""The page of an MRI scanner's acceptance test: images, verdicts, and the curves behind them, ready to sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from .qa_drawing import BAND, BLUE, FAINT, INK, ORANGE, blank_page, foot, head, rows, save, styled
from .qa_mri_curves import displacements, distances, noise_histogram
from .qa_mri_table import RELAXATION, sphere_rows
from .qa_report import Measured, verdict

_COLOURS = {"t1": BLUE, "t2": ORANGE}


def write_page(
    path: Path, heading: str, conditions: Sequence[str], found: Sequence[Measured], qa: Mapping[str, Any]
) -> None:
    """Draws the page; the same numbers give the same bytes."""
    figure = blank_page()
    t1, t2, bent, _, water = found
    head(figure, "MRI acceptance test", heading, conditions, qa["tests"])
    _map(figure, 0.03, t1, "T1", (20.0, 2500.0))
    _map(figure, 0.185, t2, "T2", (5.0, 1000.0))
    _image(figure.add_axes((0.34, 0.63, 0.14, 0.2)), bent, "LATTICE   as scanned", 1.0)
    _image(figure.add_axes((0.485, 0.63, 0.14, 0.2)), water, "WATER   window at noise", _noise_window(qa))
    _truth(figure.add_axes((0.06, 0.365, 0.255, 0.2)), qa)
    _errors(figure.add_axes((0.375, 0.365, 0.25, 0.2)), qa)
    displacements(figure, (0.045, 0.07, 0.165, 0.215), qa["distortion"])
    distances(figure.add_axes((0.285, 0.085, 0.135, 0.19)), qa["distortion"])
    noise_histogram(figure.add_axes((0.47, 0.085, 0.155, 0.19)), qa["noise"])
    _tests(figure.add_axes((0.655, 0.53, 0.325, 0.32)), qa)
    _spheres(figure.add_axes((0.655, 0.135, 0.325, 0.38)), qa)
    foot(figure)
    save(figure, path)


def _map(figure: Figure, left: float, part: Measured, name: str, span: tuple[float, float]) -> None:
    """The logarithm of a map, seen from the feet, so that all spheres can be told apart; the scale is in ms."""
    panel = figure.add_axes((left, 0.63, 0.14, 0.2))
    shown = np.where(part.image[:, :, 0] > 0, part.image[:, :, 0], np.nan).T
    drawn = panel.imshow(
        np.log10(shown), origin="lower", cmap="viridis", vmin=np.log10(span[0]), vmax=np.log10(span[1])
    )
    cut = part.image.shape[0] // 5
    panel.set(xlim=(part.image.shape[0] - cut, cut), ylim=(cut, part.image.shape[0] - cut))
    panel.set_facecolor("#f4f5f7")
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set_visible(False)
    panel.set_title(f"{name}   map, ms", color=INK, fontsize=10.5, loc="left")
    scale = figure.add_axes((left + 0.005, 0.622, 0.13, 0.007))
    bar = figure.colorbar(drawn, cax=scale, orientation="horizontal")
    ticks = [t for t in (10, 30, 100, 300, 1000) if span[0] <= t <= span[1]]
    bar.set_ticks(np.log10(ticks).tolist(), labels=[str(t) for t in ticks])
    bar.outline.set_visible(False)  # type: ignore[reportCallIssue]
    scale.tick_params(colors=FAINT, labelsize=7.5, length=2)


def _image(panel: Axes, part: Measured, title: str, top: float) -> None:
    """One plane, from the feet, the patient's left on the right."""
    panel.imshow(part.image[:, :, 0].T[::-1, ::-1], cmap="gray", vmin=0.0, vmax=top)
    panel.set_axis_off()
    panel.set_title(title, color=INK, fontsize=10.5, loc="left")


def _noise_window(qa: Mapping[str, Any]) -> float:
    """So narrow that noise in air and ghosts are seen."""
    return 8.0 * float(qa["noise"]["asked_noise"])


def _truth(panel: Axes, qa: Mapping[str, Any]) -> None:
    """Measured against true times, on the line of identity."""
    ends = np.array([4.0, 3000.0])
    panel.plot(ends, ends, color=FAINT, linewidth=0.8, zorder=1)
    for array, colour in _COLOURS.items():
        true, found = _times(qa, array)
        panel.scatter(true, found, s=24, color=colour, zorder=2, label=array.upper())
    panel.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    _plain(panel)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.legend(frameon=False, fontsize=9, loc="upper left")
    styled(panel, "Relaxation times   measured over true", "true, ms", "measured, ms")


def _errors(panel: Axes, qa: Mapping[str, Any]) -> None:
    """How far every sphere is from the truth, in the band that is allowed."""
    panel.axhspan(-RELAXATION, RELAXATION, color=BAND, zorder=0)
    panel.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1)
    largest = 0.0
    for array, colour in _COLOURS.items():
        true, found = _times(qa, array)
        error = 100 * (found / true - 1)
        largest = max(largest, float(np.abs(error).max()))
        panel.plot(true, error, color=colour, linewidth=0.8, marker="o", markersize=4.5, label=array.upper())
    high = max(1.5 * RELAXATION, 1.15 * largest)
    panel.set(xscale="log", xlim=(4.0, 3000.0), ylim=(-high, high))
    _plain(panel)
    panel.legend(frameon=False, fontsize=9, loc="upper right", ncols=2)
    styled(panel, f"Error   allowed ± {RELAXATION:g} %", "true, ms", "%")


def _plain(panel: Axes) -> None:
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _times(qa: Mapping[str, Any], array: str) -> tuple[np.ndarray, np.ndarray]:
    spheres = qa[array]["spheres"].values()
    return np.array([s["true_ms"] for s in spheres]), np.array([s["measured_ms"] for s in spheres])


def _tests(panel: Axes, qa: Mapping[str, Any]) -> None:
    shown = [(t["test"], t["measured"], t["allowed"], verdict(t)) for t in qa["tests"]]
    rows(panel, ("test", "measured", "allowed", ""), shown, (0.0, 0.68, 0.71, 1.0))


def _spheres(panel: Axes, qa: Mapping[str, Any]) -> None:
    heads = ("", "T1 true", "measured", "error", "T2 true", "measured", "error")
    places = (0.0, 0.19, 0.36, 0.5, 0.69, 0.86, 1.0)
    rows(panel, heads, sphere_rows(qa), places, ("left", *("right",) * 6), size=9.0)
    panel.text(
        0.0,
        len(qa["t1"]["spheres"]) + 0.55,
        "ms and %; truth: nominal times of the ISMRM/NIST system phantom at this field, 20 °C",
        color=FAINT,
        fontsize=8,
        va="center",
    )
