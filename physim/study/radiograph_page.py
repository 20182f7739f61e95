"""Pictures of a radiograph: the bare image, and a page with the truth behind it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from physim.io import atomic_file

from .contact_sheet import ACCENT, FAINT, INK, PAPER
from .ct_case import person

_COLUMN, _EDGE, _GAP, _HEAD, _FOOT = 5.2, 0.34, 0.08, 0.98, 0.42  # inches


def write_picture(path: Path, presentation: np.ndarray) -> None:
    """The radiograph as a grey PNG, head up and the patient's right on the left."""
    with atomic_file(path) as temporary:
        imsave(
            temporary,
            presentation,
            vmin=0.0,
            vmax=1.0,
            cmap="gray",
            format="png",
            metadata={"Software": "physim"},
        )


def write_page(path: Path, heading: str, images: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
    """The radiograph beside its line integrals and the bone and nodule in the way."""
    line, bone = images["line_integral"], images["bone_path"]
    brightest = max(float(np.quantile(bone, 0.998)), 1.0)
    view = record["geometry"]["view"]
    panels = (
        (f"RADIOGRAPH, {view.upper()}", "processed for display", images["presentation"], "gray", (0.0, 1.0)),
        (
            "LINE INTEGRALS",
            f"truth, {record['geometry']['line_integral_keV']:.0f} keV, 0 to {line.max():.1f}",
            line,
            "gray",
            (0.0, float(line.max())),
        ),
        (
            "BONE",
            f"truth, path shown 0 to {brightest:.0f} mm, largest {bone.max():.0f} mm",
            bone,
            "gray",
            (0.0, brightest),
        ),
    )
    width, height = 3 * _COLUMN + 2 * _GAP + 2 * _EDGE, _COLUMN + _HEAD + _FOOT
    figure = Figure(figsize=(width, height), dpi=150, facecolor=PAPER)
    FigureCanvasAgg(figure)
    for number, (title, note, image, colours, window) in enumerate(panels):
        left = _EDGE + number * (_COLUMN + _GAP)
        panel = figure.add_axes((left / width, _FOOT / height, _COLUMN / width, _COLUMN / height))
        panel.imshow(image, cmap=colours, vmin=window[0], vmax=window[1], interpolation="bicubic")
        _outlined(panel, images["nodule_path"], number > 0)
        panel.set_axis_off()
        _sides(panel, view)
        middle = (left + _COLUMN / 2) / width
        style: dict[str, Any] = {"ha": "center", "va": "baseline"}
        figure.text(
            middle, 1 - (_HEAD - 0.235) / height, title, color=INK, fontsize=10, weight="bold", **style
        )
        figure.text(middle, 1 - (_HEAD - 0.08) / height, note, color=FAINT, fontsize=7, **style)
    _words(figure, width, height, heading, record)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=PAPER, metadata={"Software": None})


def _outlined(panel: Axes, nodule: np.ndarray, shown: bool) -> None:
    if shown and nodule.max() > 1:
        panel.contour(nodule, [0.5], colors=[ACCENT], linewidths=0.8)


def _sides(panel: Axes, view: str) -> None:
    """What is at the left and at the right edge."""
    marks = ("R", "L") if view == "pa" else ("A", "P")
    for place, mark, side in zip((0.015, 0.985), marks, ("left", "right"), strict=True):
        panel.text(place, 0.5, mark, transform=panel.transAxes, color=INK, fontsize=9, ha=side, va="center")


def _words(figure: Figure, width: float, height: float, heading: str, record: Mapping[str, Any]) -> None:
    numbers, lesion = record["quantities"], record["nodule"]
    found = f"nodule {lesion['volume_ml']:.1f} ml" if lesion["volume_ml"] else "no nodule"
    details = (
        f"{person(record)}   ·   {found}   ·   {numbers['protocol.kvp']:.0f} kV, "
        f"{numbers['protocol.mas']:.1f} mAs, grid {numbers['protocol.grid_ratio']:g}:1"
    )
    left, right, top = _EDGE / width, 1 - _EDGE / width, 1 - 0.36 / height
    heading += "   lateral" if record["geometry"]["view"] == "lateral" else ""
    figure.text(left, top, heading, color=INK, fontsize=14, weight="bold", va="baseline")
    figure.text(right, top, details, color=INK, fontsize=9.5, ha="right", va="baseline")
    figure.text(
        left,
        0.16 / height,
        "SYNTHETIC – simulated by physim",
        color=ACCENT,
        fontsize=9,
        weight="bold",
        va="baseline",
    )
    if lesion["volume_ml"]:
        figure.text(right, 0.16 / height, "nodule", color=ACCENT, fontsize=8, ha="right", va="baseline")
