"""What filtered back-projection cannot do, said before it is tried."""

import jax
import numpy as np

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete

from ..coverage import require_outside
from ..geometry import ConeBeam, Geometry, ParallelBeam
from .redundancy import circular_scan, fan, orbit_axis, widest_gap

_WIDEST = np.pi / 8 + 1e-3


def winds(geometry: Geometry) -> bool:
    """Whether the focal spot climbs from view to view; circles where it cannot be looked at."""
    if isinstance(geometry, ParallelBeam) or not is_concrete(geometry.source):
        return False
    z = np.asarray(geometry.source)[:, 2]
    return bool(np.ptp(z) > 0.5 * float(np.max(np.asarray(geometry.pixel_size[0]))))


def refuse_what_is_not_upright(grid: Grid, geometry: Geometry) -> None:
    """Rows must step along z, and z must be the grid's third axis."""
    direction = grid.direction
    if is_concrete(direction) and np.max(np.abs(np.append(direction[2, :2], direction[:2, 2]))) > 1e-6:
        raise InputError(
            "the grid is tilted against z; filtered back-projection needs a grid whose third axis is z: "
            "write method=CGLS() to reconstruct on this one"
        )
    if isinstance(geometry, ParallelBeam):
        return
    for name, along in (("row_step", (0, 1)), ("column_step", (2,))):
        step = getattr(geometry, name)
        if not is_concrete(step):
            continue
        step = np.asarray(step)
        off = np.max(np.abs(step[:, along])) / np.max(np.linalg.norm(step, axis=-1))
        if off > 1e-5:
            raise InputError(
                f"{name} leans {np.degrees(off):.3g}° out of its direction; filtered back-projection needs rows along z "
                "and columns across it: write method=CGLS() for tilted detectors"
            )


def refuse_unseen(grid: Grid, geometry: Geometry) -> None:
    """Views must surround the patient, and rows must cover the grid's planes."""
    if not all(is_concrete(leaf) for leaf in jax.tree.leaves((grid, geometry))):
        return
    _refuse_outside(grid, geometry)
    require_outside("grid", grid, geometry)
    if isinstance(geometry, ParallelBeam):
        _refuse_gap(
            widest_gap(np.asarray(geometry.angles)), "half turn", "parallel_beam(n_views, ..., arc=math.pi)"
        )
        rows = np.asarray(geometry.rows)
        half = float(geometry.pixel_size[0]) / 2
        _refuse_planes(grid, rows.min() - half, rows.max() + half)
        return
    _refuse_open_circle(geometry)
    _refuse_planes(grid, *_seen_at_axis(geometry))


def _refuse_gap(gap: float, of: str, write: str) -> None:
    if gap > _WIDEST:
        raise InputError(
            f"the views leave out {np.degrees(gap):.0f}° of the {of}; reconstruct needs views all around: "
            f"write {write} with more views"
        )


def _refuse_open_circle(geometry: ConeBeam) -> None:
    """A short scan must see π + fan angle, and no view may stand far from the next."""
    scan, angle = circular_scan(geometry), np.asarray(fan(geometry).angle)
    if bool(scan.closed):
        _refuse_gap(
            float(np.max(np.asarray(scan.share))), "turn", "circular_cone(n_views, ..., arc=2 * math.pi)"
        )
        return
    step = float(scan.length) / len(scan.place)
    needed = np.pi + 2 * np.max(np.abs(angle))
    if float(scan.length) < needed - 2 * step:
        raise InputError(
            f"the views reach over {np.degrees(float(scan.length)):.0f}°; a short scan with this fan needs "
            f"{np.degrees(needed):.0f}°: write arc={needed:.3f} or more, or arc=2 * math.pi for a full turn"
        )


def _seen_at_axis(geometry: ConeBeam) -> tuple[float, float]:
    """The planes between which every view sees the axis."""
    source, centre = np.asarray(geometry.source), np.asarray(geometry.detector_centre)
    to_axis = np.linalg.norm(np.asarray(orbit_axis(geometry)) - source[:, :2], axis=-1)
    across = np.linalg.norm((centre - source)[:, :2], axis=-1)
    half = np.asarray(geometry.pixel_size[0]) * geometry.detector_shape[0] / 2
    middle = source[:, 2] + (centre - source)[:, 2] * to_axis / across
    return float(np.max(middle - half * to_axis / across)), float(np.min(middle + half * to_axis / across))


def _refuse_planes(grid: Grid, low: float, high: float) -> None:
    planes = np.asarray(grid.origin)[2] + np.asarray(grid.direction)[2, 2] * np.asarray(grid.spacing)[
        2
    ] * np.arange(grid.shape[2])
    slack = 1e-3 * (high - low)
    if planes.min() < low - slack or planes.max() > high + slack:
        raise InputError(
            f"the grid reaches from z = {planes.min():g} to {planes.max():g} mm, and the detector rows see only "
            f"{low:g} to {high:g} mm; add detector rows or take a grid with fewer planes"
        )


def _refuse_outside(grid: Grid, geometry: Geometry) -> None:
    """Some of the grid must lie within the circle around the axis that rays reach."""
    if isinstance(geometry, ParallelBeam):
        axis, reach = np.asarray(geometry.centre)[:2], float(np.max(np.abs(np.asarray(geometry.columns))))
    else:
        axis, at = np.asarray(orbit_axis(geometry)), fan(geometry)
        radius = np.linalg.norm(np.asarray(geometry.source)[:, :2] - axis, axis=-1)
        reach = float(np.max(radius[:, None] * np.abs(np.sin(np.asarray(at.angle)))))
    # The axis in the grid's own frame, and the nearest place to it in the box.
    place = (np.asarray(grid.direction)[:2, :2].T @ (axis - np.asarray(grid.centre)[:2])) / np.asarray(
        grid.extent
    )[:2]
    away = np.linalg.norm((place - np.clip(place, -0.5, 0.5)) * np.asarray(grid.extent)[:2])
    if away > reach:
        raise InputError(
            f"the grid lies {away:.4g} mm off the axis, and rays reach {reach:.4g} mm around it; move the grid or the "
            "geometry's centre"
        )
