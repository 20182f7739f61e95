"""One page that shows a case: three planes through a point, one column for each image, as a radiologist hangs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from physim.io import atomic_file
from physim_phantoms import Grid, InputError

INK, PAPER, FAINT, ACCENT = "#e8eaed", "#0b0c0e", "#7d848d", "#f2b544"
PLANES = (("AXIAL", 0, 1, 2), ("CORONAL", 0, 2, 1), ("SAGITTAL", 1, 2, 0))  # name, across, up, through
_MARKS = {0: ("R", "L"), 1: ("A", "P")}  # what is at the left and at the right edge of a panel
_SCALE, _GAP, _HEAD, _FOOT, _EDGE = 0.0117, 0.08, 0.98, 0.42, 0.34  # inches per mm, and inches


@dataclass(frozen=True)
class Contour:
    """A thin line where `volume` passes `level`."""

    volume: np.ndarray
    level: float
    colour: str


@dataclass(frozen=True)
class Column:
    """One column: a volume "x y z" shown between the two values of `window`, or "x y z 3" of colours from 0 to 1."""

    title: str
    volume: np.ndarray
    note: str = ""
    window: tuple[float, float] = (0.0, 1.0)
    contours: Sequence[Contour] = ()
    legend: Mapping[str, str] = field(default_factory=dict)


def window_over(
    volume: np.ndarray, region: np.ndarray, below: float = 0.35, above: float = 0.12
) -> tuple[float, float]:
    """A window round what `region` shows, from its 2nd to its 98th percentile with some room; never below zero."""
    shown = volume[region]
    if shown.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(shown, (2.0, 98.0)))
    span = max(high - low, 1e-6)
    return max(0.0, low - below * span), high + above * span


def contact_sheet(
    path: str | Path,
    columns: Sequence[Column],
    grid: Grid,
    centre: Sequence[float] | np.ndarray,
    *,
    heading: str,
    details: str = "",
    margin: float = 6.0,
) -> Path:
    """Draws axial, coronal and sagittal planes through `centre` (world, mm) into one PNG; returns the path.

    Radiological orientation: the patient's right at the left, anterior at the top or the left. Every panel has the
    same scale. What is cropped is background in the first column and in those of colours, but for `margin` mm. The
    same input gives the same bytes. Raises `InputError` for no column or a volume of another shape than the grid's.
    """
    if not columns:
        raise InputError(
            "no column was given; write contact_sheet(path, [Column('T1', image)], grid, centre, ...)"
        )
    for column in columns:
        if column.volume.shape[:3] != grid.shape:
            raise InputError(f"{column.title} has shape {column.volume.shape[:3]}; the grid has {grid.shape}")
    box = _content(columns, grid, margin)
    index = np.clip(
        np.rint(grid.world_to_index(np.asarray(centre, float))).astype(int), 0, np.array(grid.shape) - 1
    )
    layout = _Layout(len(columns), (box[:, 1] - box[:, 0]) * np.asarray(grid.spacing))
    figure = Figure(figsize=(layout.width, layout.height), dpi=150, facecolor=PAPER)
    FigureCanvasAgg(figure)
    for row, plane in enumerate(PLANES):
        for number, column in enumerate(columns):
            panel = figure.add_axes(layout.panel(row, number))
            _draw(panel, column, plane, index, box, np.asarray(grid.spacing))
            if number == row == 0:  # one is enough: all panels have the same scale
                _scale_bar(panel, layout.inches(plane))
            if row == 0:
                _head(figure, layout, number, column)
    _page(figure, layout, heading, details, columns[-1].legend)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=PAPER, metadata={"Software": None})
    return Path(path)


class _Layout:
    """Where things are on the page, in inches; every panel is drawn at the same scale."""

    def __init__(self, columns: int, edges: np.ndarray):
        self.edges = edges * _SCALE
        self.cell = max(self.edges[0], self.edges[1])
        self.rows = [self.edges[up] for _, _, up, _ in PLANES]
        self.width = columns * self.cell + (columns - 1) * _GAP + 2 * _EDGE
        self.height = sum(self.rows) + 2 * _GAP + _HEAD + _FOOT

    def inches(self, plane: tuple[str, int, int, int]) -> tuple[float, float]:
        """Width and height of a panel."""
        return self.edges[plane[1]], self.edges[plane[2]]

    def centre(self, number: int) -> float:
        """Middle of a column."""
        return _EDGE + number * (self.cell + _GAP) + self.cell / 2

    def panel(self, row: int, number: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel as fractions of the page."""
        across, up = self.inches(PLANES[row])
        bottom = _FOOT + sum(self.rows[row + 1 :]) + (2 - row) * _GAP
        left = self.centre(number) - across / 2
        return left / self.width, bottom / self.height, across / self.width, up / self.height


def _content(columns: Sequence[Column], grid: Grid, margin: float) -> np.ndarray:
    """First and last index (exclusive) along every axis of what is not background, with a margin."""
    # A window hides fat or air-filled parts; colours show all of a patient, and without noise that would widen the crop.
    shown = [columns[0], *(column for column in columns[1:] if column.volume.ndim == 4)]
    boxes = np.stack([_box(column, grid, margin) for column in shown])
    return np.stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)], axis=-1)


def _box(column: Column, grid: Grid, margin: float) -> np.ndarray:
    low, high = column.window
    volume = column.volume if column.volume.ndim == 3 else column.volume.mean(axis=-1)
    inside = volume > low + 0.08 * (high - low)
    box = np.empty((3, 2), int)
    for axis in range(3):
        # A few bright voxels of noise must not widen the crop.
        counts = inside.sum(axis=tuple(a for a in range(3) if a != axis))
        found = np.flatnonzero(counts > 0.01 * max(counts.max(), 1))
        room = int(np.ceil(margin / float(np.asarray(grid.spacing)[axis])))
        first, last = (found[0], found[-1]) if found.size else (0, grid.shape[axis] - 1)
        box[axis] = max(first - room, 0), min(last + room + 1, grid.shape[axis])
    return box


def _plane(
    volume: np.ndarray, plane: tuple[str, int, int, int], index: np.ndarray, box: np.ndarray
) -> np.ndarray:
    """One slice, cropped, as rows from top to bottom and columns from the patient's right or front."""
    through = plane[3]
    cut = tuple(slice(*box[axis]) if axis != through else int(index[axis]) for axis in range(3))
    image = volume[cut]  # axes: across, up (and colour)
    return np.swapaxes(image, 0, 1)[::-1, ::-1]  # RAS+: the last index is right, anterior or superior


def _draw(
    panel: Axes, column: Column, plane, index: np.ndarray, box: np.ndarray, spacing: np.ndarray
) -> None:
    image = _plane(column.volume, plane, index, box)
    height, width = image.shape[:2]
    aspect = float(spacing[plane[2]] / spacing[plane[1]])
    low, high = column.window
    if image.ndim == 3:
        panel.imshow(np.clip(image, 0, 1), interpolation="bicubic", aspect=aspect)
    else:
        panel.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="bicubic", aspect=aspect)
    for contour in column.contours:
        lines = _plane(contour.volume, plane, index, box)
        if lines.min() < contour.level < lines.max():
            panel.contour(lines, [contour.level], colors=[contour.colour], linewidths=0.8)
    panel.set_xlim(-0.5, width - 0.5)
    panel.set_ylim(height - 0.5, -0.5)
    panel.set_axis_off()
    for place, mark, side in zip((0.015, 0.985), _MARKS[plane[1]], ("left", "right"), strict=True):
        panel.text(place, 0.5, mark, transform=panel.transAxes, color=FAINT, fontsize=7, ha=side, va="center")


def _scale_bar(panel: Axes, inches: tuple[float, float]) -> None:
    """Five centimetres, in ticks of one, at the lower left of a panel."""
    width, height = inches
    length, tick = 50.0 * _SCALE / width, 0.035 / height
    style = {"transform": panel.transAxes, "color": INK, "linewidth": 0.9, "clip_on": False}
    panel.plot([0.02, 0.02 + length], [0.03, 0.03], **style)
    for centimetre in range(6):
        x = 0.02 + centimetre * length / 5
        panel.plot([x, x], [0.03, 0.03 + tick * (2 if centimetre in (0, 5) else 1)], **style)
    panel.text(0.035 + length, 0.03, "5 cm", transform=panel.transAxes, color=INK, fontsize=6.5, va="center")


def _head(figure: Figure, layout: _Layout, number: int, column: Column) -> None:
    x, top = layout.centre(number) / layout.width, layout.height - _HEAD
    style: dict[str, Any] = {"ha": "center", "va": "baseline"}
    figure.text(
        x, (top + 0.235) / layout.height, column.title, color=INK, fontsize=10, weight="bold", **style
    )
    figure.text(x, (top + 0.08) / layout.height, column.note, color=FAINT, fontsize=7, **style)


def _page(figure: Figure, layout: _Layout, heading: str, details: str, legend: Mapping[str, str]) -> None:
    """Heading, footer, the names of the planes and the legend of the last column."""
    left, right = _EDGE / layout.width, 1 - _EDGE / layout.width
    top = (layout.height - 0.30) / layout.height
    title = figure.text(left, top, heading, color=INK, fontsize=14, weight="bold", va="baseline")
    text = figure.text(right, top, details, color=INK, fontsize=9.5, ha="right", va="baseline")
    if _overlap(figure, title, text):
        text.set(x=left, y=top - 0.22 / layout.height, ha="left", fontsize=8.5)
    base = 0.16 / layout.height
    figure.text(
        left, base, "SYNTHETIC – simulated by physim", color=ACCENT, fontsize=9, weight="bold", va="baseline"
    )
    x = right
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for name, colour in reversed(list(legend.items())):
        label = figure.text(x, base, name, color=INK, fontsize=8, ha="right", va="baseline")
        extent = label.get_window_extent(renderer)
        x -= (extent.width / figure.dpi + 0.06) / layout.width
        figure.text(x, base, "■", color=colour, fontsize=9, ha="right", va="baseline")
        x -= 0.26 / layout.width
    for row, (name, *_) in enumerate(PLANES):
        _, bottom, _, height = layout.panel(row, 0)
        figure.text(
            0.5 * left,
            bottom + height / 2,
            name,
            color=FAINT,
            fontsize=7,
            rotation=90,
            ha="center",
            va="center",
        )


def _overlap(figure: Figure, first: Text, second: Text) -> bool:
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    return bool(first.get_window_extent(renderer).x1 + 20 > second.get_window_extent(renderer).x0)
