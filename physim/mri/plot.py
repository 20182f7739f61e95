"""Sequence diagrams: what is played on every channel over time, and where the samples lie in k-space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from physim_phantoms._checks import InputError

from .sequence.blocks import Sequence
from .sequence.trajectory import kspace_of
from .sequence.waveforms import gradients_of
from .units import MICROSECOND, PICOSECONDS, RATE_PER_GRADIENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _FAINT = "#1d2430", "#9aa3ad"
_COLOURS = {
    "RF": "#c2572b",
    "phase": "#8a6fb0",
    "Gx": "#2f6f9f",
    "Gy": "#3c8d5a",
    "Gz": "#a0843b",
    "ADC": _INK,
}


def plot(sequence: Sequence, start: float = 0.0, end: float | None = None) -> Figure:
    """The diagram of a sequence from `start` to `end` (s), and its k-space in the plane of the first two axes.

    Pulses in Hz of nutation, gradients in mT/m, time in ms. Returns a figure: `plot(sequence).savefig("diagram.png")`.
    Raises `ValueError` where nothing of the sequence lies between the two times.

    Good values: `mri.plot(sequence, end=2 * tr)`; a whole sequence of many repetitions is a grey block.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    last = sequence.duration if end is None else min(end, sequence.duration)
    if not 0 <= start < last:
        raise InputError(
            f"nothing is played between {start:g} and {last:g} s; the sequence lasts {sequence.duration:g} s: "
            "choose 0 <= start < end within it"
        )
    figure = Figure(figsize=(11, 5.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(6, 2, width_ratios=(2.6, 1.0))
    rows = [figure.add_subplot(grid[row, 0]) for row in range(6)]
    for axes, name in zip(rows, _COLOURS, strict=True):
        _style(axes, name, start, last)
    _pulses(rows[0], rows[1], sequence, start, last)
    _gradients(rows[2:5], sequence, start, last)
    _read_outs(rows[5], sequence, start, last)
    for axes in rows[:-1]:
        axes.tick_params(labelbottom=False)
    rows[-1].set_xlabel("time, ms", color=_INK, fontsize=9)
    figure.align_ylabels(rows)
    _kspace(figure.add_subplot(grid[:, 1]), sequence)
    return figure


def _style(axes: Axes, name: str, start: float, end: float) -> None:
    units = {"RF": "Hz", "phase": "rad", "ADC": ""}.get(name, "mT/m")
    label = f"{name}\n{units}" if units else name
    axes.set_ylabel(label, rotation=0, ha="right", va="center", color=_COLOURS[name], fontsize=9, labelpad=8)
    axes.set_xlim(1e3 * start, 1e3 * end)
    axes.axhline(0, color=_FAINT, linewidth=0.6, zorder=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=7, length=2)


def _played(sequence: Sequence, start: float, end: float):
    """The blocks between two times, with when they begin (ps)."""
    for begin, one in zip(sequence.starts(), sequence, strict=False):
        if begin < end * PICOSECONDS and begin + one.duration > start * PICOSECONDS:
            yield begin, one


def _pulses(magnitude: Axes, phase: Axes, sequence: Sequence, start: float, end: float) -> None:
    """Pulses as filled shapes, their phases as lines; the offset of the frequency is in the phase."""
    colour = _COLOURS["RF"]
    for begin, one in _played(sequence, start, end):
        if one.rf is None:
            continue
        rf = one.rf
        times = np.linspace(0, rf.duration, min(2000, max(2, rf.duration // MICROSECOND + 1)))
        wave = rf.at(times)
        milliseconds = (begin + rf.delay + times) / 1e9
        size = rf.amplitude * np.hypot(wave[:, 0], wave[:, 1])
        # The shape keeps its sign where its phase is 0 or π, as people draw a sinc.
        real = np.abs(wave[:, 1]).max() <= 1e-9 * max(np.abs(wave[:, 0]).max(), 1e-30)
        shape = rf.amplitude * wave[:, 0] if real else size
        magnitude.fill_between(milliseconds, shape, color=colour, alpha=0.25, linewidth=0)
        magnitude.plot(milliseconds, shape, color=colour, linewidth=1.0)
        own = -np.arctan2(wave[:, 1], wave[:, 0]) if not real else np.zeros(len(times))
        turned = rf.phase_offset + own + 2 * np.pi * rf.frequency_offset * times / PICOSECONDS
        phase.plot(milliseconds, np.angle(np.exp(1j * turned)), color=_COLOURS["phase"], linewidth=1.2)
    phase.set_ylim(-3.4, 3.4)
    phase.set_yticks([-np.pi, 0, np.pi], ["-π", "0", "π"])


def _gradients(rows: list[Axes], sequence: Sequence, start: float, end: float) -> None:
    """The three gradients at their own corners, on one scale."""
    largest = 0.0
    for axes, curve, name in zip(rows, gradients_of(sequence).axes, ("Gx", "Gy", "Gz"), strict=True):
        times, values = curve.times / 1e9, curve.values / RATE_PER_GRADIENT
        axes.fill_between(times, values, color=_COLOURS[name], alpha=0.2, linewidth=0)
        axes.plot(times, values, color=_COLOURS[name], linewidth=1.1)
        shown = (times >= 1e3 * start) & (times <= 1e3 * end)
        largest = max(largest, float(np.abs(values[shown]).max(initial=0.0)))
    for axes in rows:
        axes.set_ylim(-1.15 * max(largest, 1e-3), 1.15 * max(largest, 1e-3))


def _read_outs(axes: Axes, sequence: Sequence, start: float, end: float) -> None:
    """Read-outs as boxes."""
    for begin, one in _played(sequence, start, end):
        if one.adc is not None:
            first = (begin + one.adc.delay) / 1e9
            length = one.adc.samples * one.adc.dwell / 1e9
            axes.broken_barh([(first, length)], (0.0, 1.0), facecolors=_COLOURS["ADC"], alpha=0.75)
    axes.set_ylim(0, 1.4)
    axes.set_yticks([])


def _kspace(axes: Axes, sequence: Sequence) -> None:
    """Samples in k-space, coloured by when they are read."""
    axes.set_title("k-space, cycles/mm", fontsize=9, color=_INK)
    axes.tick_params(colors=_INK, labelsize=7, length=2)
    for spine in axes.spines.values():
        spine.set_color(_FAINT)
    if not sequence.samples:
        axes.text(0.5, 0.5, "no samples", transform=axes.transAxes, ha="center", color=_FAINT)
        return
    k = kspace_of(sequence)
    axes.plot(k[:, 0], k[:, 1], color=_FAINT, linewidth=0.3, zorder=1)
    size = float(np.clip(4000 / len(k), 0.6, 16))
    axes.scatter(k[:, 0], k[:, 1], c=np.arange(len(k)), s=size, cmap="viridis", linewidths=0, zorder=2)
    axes.axhline(0, color=_FAINT, linewidth=0.5, zorder=0)
    axes.axvline(0, color=_FAINT, linewidth=0.5, zorder=0)
    axes.set_aspect("equal", "box")
    axes.set_xlabel("kx", fontsize=8, color=_INK)
    axes.set_ylabel("ky", fontsize=8, color=_INK)
