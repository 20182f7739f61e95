"""Filtered back-projection of parallel rays, fans and cones: weights, ramp filter, voxel-driven back-projection."""

from dataclasses import replace
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import is_concrete

from ..concrete import worked_out
from ..geometry import ConeBeam, Geometry, ParallelBeam, shifted_detector
from .analytic_checks import refuse_unseen, refuse_what_is_not_upright, winds
from .back_projection import back_projected
from .helical import WeightedFilteredBackProjection
from .ramp import filtered, ramp_matrix
from .redundancy import circular_scan, cone_cosines, fan, half_turn_shares, orbit_axis, ray_weights
from .system import checked
from .windows import Hann, Window, require_window

Sinogram = Float[Array | np.ndarray, "view row column"]


class FilteredBackProjection(eqx.Module):
    """Filtered back-projection for whatever the geometry is: parallel, fan, circular cone, helix.

    Parallel and fan: Kak and Slaney, Principles of Computerized Tomographic Imaging (1988), chapter 3; cone: Feldkamp,
    Davis and Kress, J. Opt. Soc. Am. A 1 (1984) 612, exact in the plane of the source; helix: `WeightedFilteredBackProjection`.
    Full turns, short scans of π + fan angle and more, detectors shifted by a quarter of a pixel or far to one side.
    Uneven views count by the gaps between them. Only voxels that every view sees are right.

    - `window`: what the ramp is multiplied with.

    Geometries that are traced are taken as circles. Differentiable in everything.
    Good values: `Hann()` or `Soft()` for soft tissue, `RamLak()` or `Sharp()` for edges.
    """

    window: Window = Hann()

    def __check_init__(self):
        require_window(self.window)

    def solve(
        self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None
    ) -> Float[Array, "x y z"]:
        """The volume whose line integrals are `sino`, per mm; `weights` play no part.

        Raises `ValueError` for NaN, wrong shapes, detectors that are tilted against z, tilted grids, views that leave
        directions out, and planes of the grid that no row sees.
        """
        sino, _ = checked(sino, geometry, None)
        refuse_what_is_not_upright(grid, geometry)
        if worked_out(winds, geometry):
            return WeightedFilteredBackProjection(self.window).solve(sino, grid, geometry)
        worked_out(refuse_unseen, grid, geometry)
        spare = worked_out(missing_columns, geometry)
        return back_projected(_prepared(spare, sino, geometry, self.window), grid, _widened(geometry, spare))


def missing_columns(geometry: Geometry) -> tuple[int, int]:
    """Columns to add before and behind a detector that stands far to one side: the filter spreads rays beyond its edge."""
    if isinstance(geometry, ParallelBeam) or not all(map(is_concrete, jax.tree.leaves(geometry))):
        return 0, 0
    angle, last = np.asarray(fan(geometry).angle)[0], geometry.detector_shape[1] - 1
    if not angle[0] < 0 < angle[-1]:
        return 0, 0
    left = float(np.interp(0.0, angle, np.arange(last + 1)))
    short, long = min(left, last - left), max(left, last - left)
    count = int(np.ceil(long - short)) if short < 0.8 * long else 0
    return (count, 0) if left < last - left else (0, count)


def _widened(geometry: Geometry, spare: tuple[int, int]) -> Geometry:
    if spare == (0, 0):
        return geometry
    rows, columns = geometry.detector_shape
    moved = shifted_detector(geometry, 0.0, (spare[1] - spare[0]) / 2)
    return replace(moved, detector_shape=(rows, columns + sum(spare)))


@partial(jax.jit, static_argnums=0)
def _prepared(spare: tuple[int, int], sino, geometry: Geometry, window: Window):
    """Weighted and filtered views, laid out for the back-projection."""
    if isinstance(geometry, ParallelBeam):
        weights = half_turn_shares(jnp.asarray(geometry.angles))[:, None, None]
        ramp = ramp_matrix(geometry.detector_shape[1], geometry.pixel_size[1], window)
    else:
        weights, ramp = _diverging(geometry, window, sum(spare))
    weighted = jnp.pad(sino * weights.astype(sino.dtype), ((0, 0), (0, 0), spare))
    return filtered(weighted, ramp)


def _diverging(g: ConeBeam, window: Window, spare: int):
    """Weights of rays and the ramp of fans and cones.

    In coordinates of the detector, with s the focal spot's place and ν the normal of an in-plane ray, a short turn dβ of the
    gantry and a column cover dθ dt = |s′·ν| dβ dγ of the Radon transform. The ramp scales with the square of its argument,
    which leaves D / y² on flat detectors at distance D, and D / L² and (γ / sin γ)² on arcs.
    """
    at, scan = fan(g), circular_scan(g)
    bend = jnp.asarray(g.curvature)
    pitch = g.pixel_size[1]
    source = jnp.asarray(g.source)
    flat = jnp.sum((jnp.asarray(g.detector_centre) - source) * g.normal, -1)
    distance = jnp.where(bend != 0, bend, flat)
    weights = ray_weights(scan, at.angle) * at.sweep * (scan.share * distance / pitch)[:, None]
    magnification = flat[0] / jnp.linalg.norm(orbit_axis(g) - source[0, :2])
    columns = g.detector_shape[1] + spare
    ramp = pitch[0] * ramp_matrix(columns, pitch[0], window, magnification, angle=bend[0] * pitch[0])
    return weights[:, None, :] * cone_cosines(g), ramp
