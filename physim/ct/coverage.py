"""Whether scanner and patient meet: refusals and warnings before any work is done.

Only where everything can be looked at: under jit, grad and vmap nothing is checked.
"""

import itertools
import warnings
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

from physim_phantoms import Grid, Phantom
from physim_phantoms._checks import InputError, is_concrete

from .geometry import ConeBeam, Geometry, n_views, rays

_BODY = 0.05  # g/cm³: what is thinner is air around the patient
_VOXELS = 20_000
_VIEWS = 24
_TOLERATED = 1e-3


class TruncationWarning(UserWarning):
    """A part of the patient is seen by some views and not by others."""


def require_coverage(patient: Phantom, geometry: Geometry) -> None:
    """Refuses a patient that no ray can meet or with a source or detector inside; warns if columns cut it off.

    Looks at some 20 000 voxels and 24 views. Raises `ValueError`, warns with `TruncationWarning`.
    """
    if not all(is_concrete(leaf) for leaf in jax.tree.leaves((patient, geometry))):
        return
    with (
        jax.ensure_compile_time_eval()
    ):  # under jit too, where the scanner and the patient are known beforehand
        _require_coverage(patient, geometry)


def require_meeting(grid: Grid, geometry: Geometry) -> None:
    """Refuses a grid that no ray of any view can meet between source and detector. Raises `ValueError`.

    The shadow of a box lies between those of its corners, but for the bend of a curved detector, which the slack covers.
    """
    if not all(is_concrete(leaf) for leaf in jax.tree.leaves((grid, geometry))):
        return
    # Interpolation reaches one voxel beyond the outermost centres.
    corners = np.array(list(itertools.product(*((-1.0, float(n)) for n in grid.shape))))
    with jax.ensure_compile_time_eval():
        places = np.asarray(grid.index_to_world(corners), np.float64)
        views = np.arange(n_views(geometry))
        row, column = detector_coordinates(geometry, views, places)
        beyond = np.all(_beyond(geometry, views, places), axis=-1)
    row = np.where(beyond[..., None], np.nan, row)
    ahead = np.isfinite(row)
    # Beside a source, some corners have no shadow, and the others do not tell how far the box's reaches.
    if not np.any(np.any(ahead, axis=1) & ~np.all(ahead, axis=1)):
        _refuse_missed("grid", grid, geometry, row, column)


def require_outside(
    what: str, grid: Grid, geometry: Geometry, filled: Callable[[tuple], bool] = lambda part: True
) -> None:
    """Refuses a focal spot inside the grid, or in those of its voxels of which `filled` says so. Raises `ValueError`."""
    if isinstance(geometry, ConeBeam) and all(
        is_concrete(leaf) for leaf in jax.tree.leaves((grid, geometry))
    ):
        _refuse_inside("source", what, grid, filled, np.asarray(geometry.source, np.float64))


def require_between(what: str, grid: Grid, geometry: Geometry, filled: Callable[[tuple], bool]) -> None:
    """Refuses a source or a detector inside those voxels of which `filled` says so. Raises `ValueError`."""
    if isinstance(geometry, ConeBeam) and all(
        is_concrete(leaf) for leaf in jax.tree.leaves((grid, geometry))
    ):
        for name, places in (("source", geometry.source), ("detector", geometry.detector_centre)):
            _refuse_inside(name, what, grid, filled, np.asarray(places, np.float64))


def detector_coordinates(
    geometry: Geometry, views: np.ndarray, points: Float[np.ndarray, "point 3"]
) -> tuple[Float[np.ndarray, "view point"], Float[np.ndarray, "view point"]]:
    """Row and column, as fractions, at which the rays through world positions, mm, meet the detector; NaN behind the source.

    The arc of a curved detector of curvature κ is x² + y² + 2 y / κ = 0 in the plane of its columns.
    """
    at = lambda a: np.asarray(a, np.float64)[views]
    if isinstance(geometry, ConeBeam):
        source, step = at(geometry.source), at(geometry.row_step)
        middle, tangent = at(geometry.detector_centre), at(geometry.column_step)
        bend, normal = at(geometry.curvature)[:, None], _normal(step, tangent, middle - source)
        direction, start = points - source[:, None], (source - middle)[:, None]
    else:
        r = rays(geometry)
        edges, step, source = at(r.edges), at(r.row_step), at(r.source)
        middle, tangent = (edges[:, 0] + edges[:, -1]) / 2, edges[:, 1] - edges[:, 0]
        bend, normal = np.zeros((len(views), 1)), source
        direction, start = (
            np.broadcast_to(source[:, None], (len(views), *points.shape)),
            points - middle[:, None],
        )
    pitch = np.linalg.norm(tangent, axis=-1)
    along = lambda v, axis: np.sum(v * axis[:, None], axis=-1)
    unit = tangent / pitch[:, None]
    dx, dy, bx, by = (along(v, axis) for v in (direction, start) for axis in (unit, normal))
    with np.errstate(invalid="ignore", divide="ignore"):
        half = bend * (bx * dx + by * dy) + dy
        root = np.sqrt(half**2 - bend * (dx**2 + dy**2) * (bend * (bx**2 + by**2) + 2 * by))
        far = -(bend * (bx**2 + by**2) + 2 * by) / (half + root)
        if isinstance(geometry, ConeBeam):
            far = np.where(far > 0, far, np.nan)
        x, y = bx + far * dx, by + far * dy
        bent = np.where(bend == 0, 1, bend)
        arc = np.where(bend == 0, x, np.arctan2(bend * x, 1 + bend * y) / bent)
        row = along(start + far[..., None] * direction, step) / np.sum(step**2, axis=-1)[:, None]
    rows, columns = geometry.detector_shape
    return row + (rows - 1) / 2, arc / pitch[:, None] + (columns - 1) / 2


def _normal(row_step, column_step, ahead) -> Float[np.ndarray, "view 3"]:
    """Unit vectors across the middle of the detector, away from the source."""
    across = np.cross(row_step, column_step)
    across = across * np.where(np.sum(across * ahead, axis=-1) < 0, -1, 1)[:, None]
    return across / np.linalg.norm(across, axis=-1, keepdims=True)


def _require_coverage(patient: Phantom, geometry: Geometry) -> None:
    points, weights = _body(patient)
    if not weights.size:
        return
    some = np.unique(np.linspace(0, n_views(geometry) - 1, _VIEWS).astype(int))
    require_between("patient", patient.grid, geometry, lambda part: _density(patient, part).max() > _BODY)
    row, column = detector_coordinates(geometry, some, points)
    row = np.where(_beyond(geometry, some, points), np.nan, row)
    _refuse_missed("patient", patient.grid, geometry, row, column)
    _warn_cut(geometry, row, column, weights)


def _beyond(geometry: Geometry, views: np.ndarray, points) -> np.ndarray:
    """Which points, "view point", lie on the far side of the detector."""
    if not isinstance(geometry, ConeBeam):
        return np.zeros((len(views), len(points)), bool)
    centre, normal = (np.asarray(a, np.float64)[views] for a in (geometry.detector_centre, geometry.normal))
    return normal @ points.T > np.sum(normal * centre, axis=1)[:, None]


def _body(patient: Phantom) -> tuple[Float[np.ndarray, "point 3"], Float[np.ndarray, " point"]]:
    """World positions of some voxels that hold matter, mm, and their densities."""
    stride = max(1, int(np.ceil((patient.grid.size / _VOXELS) ** (1 / 3))))
    part = tuple(slice((n - 1) % stride // 2, None, stride) for n in patient.grid.shape)
    density = _density(patient, part)
    index = np.stack(
        np.meshgrid(*(np.arange(n)[s] for n, s in zip(patient.grid.shape, part, strict=True)), indexing="ij"),
        -1,
    )
    inside = density > _BODY
    return np.asarray(patient.grid.index_to_world(index[inside]), np.float64), density[inside]


def _density(patient: Phantom, part: tuple) -> Float[np.ndarray, "..."]:
    """Density of a part of the voxels, g/cm³."""
    table = np.array([float(t.density) for t in patient.tissues])
    ids, rest = (
        np.asarray(patient.ids)[(slice(None), *part)],
        np.asarray(patient.fractions)[(slice(None), *part)],
    )
    fractions = np.concatenate([1 - rest.sum(axis=0, keepdims=True), rest])
    return np.sum(table[ids] * fractions, axis=0)


def _refuse_inside(name: str, what: str, grid: Grid, filled: Callable[[tuple], bool], places) -> None:
    """Refuses places, "view 3", in voxels of which `filled` says so."""
    index = np.rint(np.asarray(grid.world_to_index(places))).astype(int)
    held = np.all((index >= 0) & (index < grid.shape), axis=-1)
    for view in np.flatnonzero(held):
        if filled(tuple(slice(i, i + 1) for i in index[view])):
            where = ", ".join(f"{p:g}" for p in places[view])
            raise InputError(
                f"the {name} of view {view}, at ({where}) mm, lies inside the {what}; give the geometry a larger distance, "
                f"or move the {what}: Grid(shape, spacing, origin=...)"
            )


def _refuse_missed(what: str, grid: Grid, geometry: Geometry, row, column) -> None:
    seen, places = np.ones(row.shape[0], bool), []
    for place, count in zip((row, column), geometry.detector_shape, strict=True):
        low = np.min(np.where(np.isfinite(place), place, np.inf), axis=1)
        high = np.max(np.where(np.isfinite(place), place, -np.inf), axis=1)
        # The voxels looked at lie apart, and a thin detector may fall between them.
        slack = 1 + np.where(high > low, high - low, 0) / 8
        seen &= (high > -0.5 - slack) & (low < count - 0.5 + slack)
        places.append(f"{low.min():.0f} to {high.max():.0f}")
    if not np.any(seen):
        middle = ", ".join(f"{v:g}" for v in np.asarray(grid.centre))
        rows, columns = geometry.detector_shape
        found = (
            f"appears at rows {places[0]} and columns {places[1]} of a detector of {rows} × {columns} pixels"
        )
        found = found if np.any(np.isfinite(row)) else "lies behind the source or the detector in every view"
        raise InputError(
            f"no ray meets the {what}: around ({middle}) mm it {found}; give the geometry centre=({middle}), "
            f"or the {what} another origin: Grid(shape, spacing, origin=...)"
        )


def _warn_cut(geometry: Geometry, row, column, weights) -> None:
    rows, columns = geometry.detector_shape
    lit = (row > -0.5) & (row < rows - 0.5)
    lit = lit if np.any(lit) else np.isfinite(row)
    lost = lit & ~((column > -0.5) & (column < columns - 0.5))
    share = float(np.sum(lost * weights) / np.sum(lit * weights))
    if share > _TOLERATED:
        warnings.warn(
            f"the detector is too narrow: on average {100 * share:.2g} % of the patient's mass lies beyond its columns, and "
            "images will be too bright near their edge; add columns",
            TruncationWarning,
            stacklevel=4,
        )
