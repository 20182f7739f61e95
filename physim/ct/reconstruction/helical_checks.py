"""What weighted filtered back-projection of a helix cannot do, said before it is tried."""

import numpy as np

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete

from ..geometry import ConeBeam
from .rebinning import helix


def refuse_irregular(geometry: ConeBeam) -> None:
    """Focal spots must step by equal angles and heights about one axis; flying ones may be a few mm off."""
    source, h = np.asarray(geometry.source), helix(geometry)
    turned = float(h.angle) + float(h.step) * np.arange(len(source))
    radius = float(h.radius)
    nominal = np.stack(
        [
            float(h.axis[0]) + radius * np.sin(turned),
            float(h.axis[1]) - radius * np.cos(turned),
            float(h.height) + float(h.slope) * (turned - turned[0]),
        ],
        -1,
    )
    off = float(np.max(np.linalg.norm(source - nominal, axis=-1)))
    if off > 5.0:
        raise InputError(
            f"a focal spot is {off:.3g} mm off the regular helix; filtered back-projection sorts rays of equal steps: "
            "use method=CGLS() for this geometry"
        )


def seen_planes(geometry: ConeBeam, reach: float) -> tuple[float, float]:
    """Lowest and highest z that every direction sees within `reach` mm of the axis, and not only its edge."""
    h, source = helix(geometry), np.asarray(geometry.source)
    rows = geometry.detector_shape[0]
    gain = float(np.min(np.asarray(h.reach))) / abs(float(h.row_step))
    half = rows / 2 / gain
    away = max(float(h.radius) - reach, 0.0), float(h.radius) + reach
    shift = ((rows - 1) / 2 - float(h.row)) / gain * float(h.radius) * np.sign(float(h.row_step))
    climb = float(h.slope) * np.sign(float(h.step))
    # A direction is seen first within the half turn and the fan after the start, wherever the focal spot then is.
    until = abs(climb) * (np.pi + 2 * np.max(np.abs(np.asarray(h.fan))))
    low, high = np.min(source[:, 2]) + shift, np.max(source[:, 2]) + shift
    near = half * away[0]
    return float(low + max(until - near, 0)), float(high - max(until - near, 0))


def refuse_uncovered(winding, grid: Grid, geometry: ConeBeam, sort) -> None:
    """Every plane of the grid must be seen from all sides, near and far from the axis."""
    del winding, sort
    if not is_concrete(grid.origin):
        return
    h = helix(geometry)
    edge = float(h.radius) * float(np.max(np.abs(np.sin(np.asarray(h.fan)))))
    half = np.asarray(grid.extent)[:2] / 2
    reach = min(edge, float(np.linalg.norm(half)))
    low, high = seen_planes(geometry, reach)
    planes = np.asarray(grid.origin)[2] + np.asarray(grid.direction)[2, 2] * np.asarray(grid.spacing)[
        2
    ] * np.arange(grid.shape[2])
    if planes.min() < low - 1e-3 or planes.max() > high + 1e-3:
        raise InputError(
            f"the grid reaches from z = {planes.min():g} to {planes.max():g} mm, and the helix sees only {low:.4g} to "
            f"{high:.4g} mm from all sides; add turns or take a grid with fewer planes"
        )
