"""Drawings of distortion and of noise for the page of an MRI scanner's acceptance test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from .qa_drawing import BLUE, FAINT, GREEN, INK, ORANGE, styled

_SCALED = 15.0  # times as long as they are: arrows of displacement


def displacements(
    figure: Figure, place: tuple[float, float, float, float], distortion: Mapping[str, Any]
) -> None:
    """Every point of the lattice at its place, coloured by how far it seems displaced, with an arrow."""
    panel = figure.add_axes(place)
    true, seen = (np.array(distortion[name]) for name in ("true_mm", "uncorrected_mm"))
    shift = seen - true
    length, radius = np.hypot(*shift.T), distortion["diameter_mm"] / 2
    top = max(0.5, float(length.max()))
    points = panel.scatter(*true.T, c=length, s=26, cmap="plasma_r", vmin=0.0, vmax=top, zorder=2)
    panel.quiver(
        *true.T,
        *shift.T,
        angles="xy",
        scale_units="xy",
        scale=1 / _SCALED,
        color=INK,
        width=0.006,
        zorder=3,
    )
    panel.add_patch(Circle((0, 0), radius, fill=False, edgecolor=FAINT, linewidth=0.8, linestyle="--"))
    room = radius + 14
    panel.set(xlim=(room, -room), ylim=(-room, room), aspect="equal")  # the patient's left on the right
    styled(panel, f"Distortion   arrows × {_SCALED:g}", "", "mm")
    bar = figure.colorbar(points, cax=figure.add_axes((place[0] + place[2] + 0.002, 0.085, 0.006, 0.19)))
    bar.outline.set_visible(False)  # type: ignore[reportCallIssue]
    bar.ax.tick_params(colors=FAINT, labelsize=7.5, length=2)
    bar.ax.set_title("mm", color=FAINT, fontsize=8)


def distances(panel: Axes, distortion: Mapping[str, Any]) -> None:
    """Displacement over the distance from the middle: as scanned, expected from the gradients' model, once corrected."""
    true = np.array(distortion["true_mm"])
    away = np.hypot(*true.T)
    order = np.argsort(away)
    drawn = (
        ("uncorrected_mm", ORANGE, "as scanned"),
        ("corrected_mm", GREEN, "corrected"),
        ("ideal_mm", BLUE, "ideal gradients"),
    )
    for name, colour, label in drawn:
        panel.scatter(
            away, np.hypot(*(np.array(distortion[name]) - true).T), s=9, color=colour, label=label, zorder=2
        )
    expected = np.hypot(*(np.array(distortion["expected_mm"]) - true).T)
    panel.plot(away[order], expected[order], color=FAINT, linewidth=1.0, label="gradients' model", zorder=1)
    panel.set(xlim=(0, None), ylim=(0, 1.25 * max(0.4, float(expected.max()))))
    panel.legend(frameon=False, fontsize=8, loc="upper left")
    styled(panel, "Displacement", "mm from the middle", "mm")


def noise_histogram(panel: Axes, noise: Mapping[str, Any]) -> None:
    """What was measured beside the normal and Rayleigh's distribution of the noise that was asked for."""
    histogram = noise["histogram"]
    x, r = np.linspace(-5, 5, 201), np.linspace(0, 5, 101)
    drawn = (
        ("difference", BLUE, "two images", x, np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)),
        ("air", ORANGE, "air", r, r * np.exp(-(r**2) / 2)),
    )
    for name, colour, label, at, expected in drawn:
        panel.stairs(
            histogram[name], histogram[f"{name}_edges"], fill=True, color=colour, alpha=0.35, label=label
        )
        panel.plot(at, expected, color=colour, linewidth=1.2)
    panel.set(xlim=(-4.5, 4.8), ylim=(0, 0.75))
    panel.legend(frameon=False, fontsize=8, loc="upper left")
    styled(panel, "Noise   lines: asked for", "standard deviations", "")
