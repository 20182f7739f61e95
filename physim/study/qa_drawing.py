"""The parts of a page that are alike in all acceptance tests: head, place to sign, axes, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from physim.io import atomic_file

INK, FAINT, HAIR, BLUE, ORANGE = "#1b1f24", "#6b737c", "#e3e6ea", "#1f5f99", "#c77f1a"
RED, GREEN, BAND = "#b3261e", "#2b7a3d", "#e8f1ea"
_WIDTH, _HEIGHT = 16.0, 11.3  # inches, A4 lying


def blank_page() -> Figure:
    """A4, lying."""
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes the page; the same numbers give the same bytes."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", facecolor="white", metadata={"Software": None})


def head(
    figure: Figure, title: str, heading: str, conditions: Sequence[str], tests: Sequence[Mapping[str, Any]]
) -> None:
    """What was tested, how it was scanned, and the verdict of all tests together."""
    asked = [test["passed"] for test in tests if test["passed"] is not None]
    word, colour = ("PASS", GREEN) if all(asked) else ("FAIL", RED)
    figure.text(0.035, 0.945, title, color=INK, fontsize=21, weight="bold")
    figure.text(0.98, 0.95, word, color=colour, fontsize=21, weight="bold", ha="right")
    figure.text(0.98, 0.928, f"{sum(asked)} of {len(asked)} tests", color=colour, fontsize=10.5, ha="right")
    figure.text(0.265, 0.945, heading, color=FAINT, fontsize=12.5)
    for number, line in enumerate(conditions):
        figure.text(0.035, 0.913 - 0.021 * number, line, color=INK, fontsize=10.5)
    figure.text(0.655, 0.862, "SYNTHETIC – simulated by physim", color=RED, fontsize=10.5, weight="bold")


def foot(figure: Figure) -> None:
    """Two lines to sign on."""
    for x, word in ((0.655, "Measured and judged by"), (0.855, "Date")):
        figure.text(x, 0.068, word, color=FAINT, fontsize=9.5)
    page = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor="none")
    page.set(xlim=(0, 1), ylim=(0, 1))
    page.set_axis_off()
    for left, right in ((0.655, 0.835), (0.855, 0.98)):
        page.plot([left, right], [0.085, 0.085], color=INK, linewidth=0.8)


def styled(panel: Axes, title: str, across: str, up: str) -> None:
    """Title, names of the axes, and a faint grid."""
    panel.set_title(title, color=INK, fontsize=10.5, loc="left", weight="bold")
    panel.set_xlabel(across, color=FAINT, fontsize=9)
    panel.set_ylabel(up, color=FAINT, fontsize=9)
    panel.tick_params(colors=FAINT, labelsize=8.5)
    panel.grid(color=HAIR, linewidth=0.6)
    panel.set_axisbelow(True)
    for name, spine in panel.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color("#b9bfc6")


def rows(
    panel: Axes,
    heads: Sequence[str],
    content: Sequence[Sequence[str]],
    places: Sequence[float],
    sides: Sequence[str] = ("left", "right", "left", "right"),
    size: float = 9.8,
) -> None:
    """A plain table, a hair line below each row: where every column is, and which of its edges is there."""
    panel.set(xlim=(0, 1), ylim=(len(content) + 0.6, -0.9))
    panel.set_axis_off()
    for number, row in enumerate((heads, *content)):
        y = number - 0.2
        for cell, x, side in zip(row, places, sides, strict=True):
            colour = {"pass": GREEN, "FAIL": RED}.get(cell, FAINT if number == 0 else INK)
            weight = "bold" if cell in ("pass", "FAIL") else "normal"
            style: dict[str, Any] = {"ha": side, "va": "center", "weight": weight}
            panel.text(x, y, cell, color=colour, fontsize=size, **style)
        panel.plot([0, 1], [number + 0.3] * 2, color=HAIR if number else INK, linewidth=0.7)
