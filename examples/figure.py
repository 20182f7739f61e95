"""What the figures of the examples share: one dark page, images as a radiologist hangs them, quiet plots, options.

Places on a page are (left, top, width, height) in inches, from its upper left corner.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from physim.io import atomic_file
from physim.study.compiled import keep_compiled
from physim.study.contact_sheet import ACCENT, FAINT, INK, PAPER
from physim_phantoms import Grid

AMBER, TEAL, RED, GREY = ACCENT, "#4fb3bf", "#e0605e", FAINT
_LINES = "#2a2e34"

Place = tuple[float, float, float, float]


def options(summary: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    """`--out` and `--quick`; what JAX compiles is kept on disk, so a second run starts at once."""
    parser = argparse.ArgumentParser(description=summary, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder of the figure (figures)")
    parser.add_argument("--quick", action="store_true", help="a small version that shows the same")
    folder = keep_compiled()
    if folder is not None:  # JAX is loaded already and does not look at the environment again
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    return parser.parse_args(arguments)


def tell(numbers: Mapping[str, float], digits: int = 3) -> None:
    """Prints one number a line."""
    width = max(map(len, numbers))
    for name, value in numbers.items():
        print(f"{name:<{width}}  {value:.{digits}f}")


def one_plane(
    extent: tuple[float, float], spacing: float, thickness: float = 5.0, height: float = 0.0
) -> Grid:
    """A single plane of voxels around the z axis, `extent` and `spacing` across and `thickness`, at z = `height`; mm."""
    shape = (round(extent[0] / spacing), round(extent[1] / spacing), 1)
    first = ((1 - n) * spacing / 2 for n in shape[:2])
    return Grid(shape, (spacing, spacing, thickness), origin=(*first, height))


def page(width: float, height: float, heading: str, details: str = "") -> Figure:
    """An empty page of so many inches, with its head and foot."""
    figure = Figure(figsize=(width, height), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    left, right = 0.34 / width, 1 - 0.34 / width
    figure.text(left, 1 - 0.4 / height, heading, color=INK, fontsize=15, weight="bold")
    figure.text(right, 1 - 0.4 / height, details, color=INK, fontsize=10, ha="right")
    foot = "SYNTHETIC – simulated by physim"
    figure.text(left, 0.16 / height, foot, color=ACCENT, fontsize=9, weight="bold")
    return figure


def image(
    figure: Figure,
    place: Place,
    values: np.ndarray,
    grid: Grid,
    window: tuple[float, float],
    title: str = "",
    note: str = "",
    *,
    colours: str = "gray",
    axes: tuple[int, int] = (0, 1),
    zoom: tuple[float, float, float, float] | None = None,
) -> Axes:
    """One plane "across up", in world mm, between the two values of `window`; the patient's right is at the left.

    `axes` of the grid across and up; `zoom` is (left, right, bottom, top) in world mm.
    """
    panel = _axes(figure, place)
    spans = []
    for axis in axes:
        first, step = float(np.asarray(grid.origin)[axis]), float(np.asarray(grid.spacing)[axis])
        spans.append((first - step / 2, first + (grid.shape[axis] - 0.5) * step))
    low, high = window
    panel.imshow(
        np.asarray(values).T,
        cmap=colours,
        vmin=low,
        vmax=high,
        origin="lower",
        extent=(*spans[0], *spans[1]),
        interpolation="bicubic",
    )
    left, right, bottom, top = zoom or (*spans[0], *spans[1])
    panel.set(xlim=(right, left), ylim=(bottom, top))  # RAS+: the patient's right is at larger x
    panel.set_axis_off()
    panel.text(0, 1.02, title, transform=panel.transAxes, color=INK, fontsize=10.5, weight="bold")
    panel.text(1, 1.02, note, transform=panel.transAxes, color=FAINT, fontsize=8.5, ha="right")
    if colours == "gray":
        width = f"L {(low + high) / 2:.0f}  W {high - low:.0f}"
        panel.text(0.985, 0.03, width, transform=panel.transAxes, color=INK, fontsize=7, ha="right")
    return panel


def scale_bar(panel: Axes, length: float = 50.0) -> None:
    """So many mm, at the lower left of an image."""
    (right, left), (bottom, top) = panel.get_xlim(), panel.get_ylim()
    x, y = right + 0.03 * (left - right), bottom + 0.035 * (top - bottom)
    way = np.sign(left - right)
    panel.plot([x, x + way * length], [y, y], color=INK, linewidth=1.4, solid_capstyle="butt")
    panel.text(x + way * (length + 4), y, f"{length / 10:g} cm", color=INK, fontsize=7.5, va="center")


def plot(figure: Figure, place: Place, title: str, across: str, up: str) -> Axes:
    """An empty diagram."""
    panel = _axes(figure, place)
    panel.set_facecolor("none")
    panel.set_title(title, color=INK, fontsize=10.5, loc="left", weight="bold")
    panel.set_xlabel(across, color=INK, fontsize=9)
    panel.set_ylabel(up, color=INK, fontsize=9)
    panel.tick_params(which="both", colors=FAINT, labelcolor=INK, labelsize=8.5)
    panel.grid(color=_LINES, linewidth=0.6)
    panel.set_axisbelow(True)
    for name, spine in panel.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)
    return panel


def legend(panel: Axes, **how: Any) -> None:
    """The names of the curves, above the diagram at the right unless told otherwise."""
    where = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.99), "ncols": 4} if "loc" not in how else {}
    panel.legend(frameon=False, fontsize=8.5, labelcolor=INK, **where, **how)


def signed(value: float) -> str:
    """A whole number with its sign, as print sets it."""
    return f"{value:+.0f}".replace("-", "−")


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Writes the page as a PNG and says where."""
    path = folder / f"{name}.png"
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=PAPER, metadata={"Software": None})
    print(f"figure: {path}")
    return path


def _axes(figure: Figure, place: Place) -> Axes:
    width, height = figure.get_size_inches()
    left, top, wide, high = place
    return figure.add_axes((left / width, 1 - (top + high) / height, wide / width, high / height))
