"""Weighted filtered back-projection of helical scans.

Rays are sorted into views that are parallel in projection along the axis (angle θ, distance t), ramp-filtered along t and
back-projected along their true, slanted course. In view θ a column of voxels (i, j, ·) lies at t and at s along the rays,
and with the focal spot at height z_s(θ + γ), √(R² − t²) before the axis,

    row(k) = row₀ + (z_k − z_s) gain / (√(R² − t²) + s),    gain = way from source to detector / row step.

For every direction the half turns that see a voxel share it by a smooth function of the row.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim.core import linear_pair
from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_range

from ..geometry import ConeBeam, Geometry
from .analytic_checks import refuse_what_is_not_upright
from .back_projection import column_kernel
from .back_projection_reference import Lie
from .helical_checks import refuse_irregular, refuse_uncovered
from .helical_reference import Turn, Winding, collect, needed_taps, spread
from .ramp import filtered, ramp_matrix
from .rebinning import Helix, Sorting, helix, parallel_angles, rebinned, sorting
from .redundancy import cone_cosines
from .system import checked
from .windows import Hann, Number, Window, require_window

Sinogram = Float[Array | np.ndarray, "view row column"]


class WeightedFilteredBackProjection(eqx.Module):
    """Helical scans of any pitch up to about 1.5 for which every voxel is seen from all sides; all rows are used.

    Stierstorfer, Rauscher, Boese, Bruder, Schaller and Flohr, Phys. Med. Biol. 49 (2004) 2209. As there, rows count fully
    up to `plateau` of the way to the edge of the detector and fall smoothly to zero at it; here by a cubic.

    - `window`: what the ramp is multiplied with. - `plateau`: 0 to below 1.

    Good values: 0.6; less for fewer artefacts at small pitch, more for less noise.
    Raises `ValueError` for a plateau outside 0 to 0.99.
    """

    window: Window
    plateau: Number

    def __init__(self, window: Window = Hann(), plateau: Number = 0.6):
        require_window(window)
        require_range("plateau", plateau, 0.0, 0.99)
        self.window, self.plateau = window, plateau

    def solve(
        self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None
    ) -> Float[Array, "x y z"]:
        """The volume whose line integrals are `sino`, per mm; `weights` play no part.

        Focal spots must lie on a regular helix about z. The number of parallel views follows from their places, so these
        cannot be traced. Raises `ValueError` for NaN, wrong shapes, tilts, an irregular helix, and planes of the grid that
        are not seen from all sides.
        """
        sino, _ = checked(sino, geometry, None)
        if not isinstance(geometry, ConeBeam) or not is_concrete(geometry.source):
            raise InputError(
                "the helix is traced or parallel; sorting its rays needs places of the focal spot that can be looked at: "
                "make the geometry outside jit and grad, or use method=CGLS()"
            )
        refuse_what_is_not_upright(grid, geometry)
        with jax.ensure_compile_time_eval():
            refuse_irregular(geometry)
            sort = sorting(helix(geometry), geometry.sinogram_shape[0])
            winding = Winding(_lie(grid, geometry, sort), sort.members, sort.groups)
            refuse_uncovered(winding, grid, geometry, sort)
        return _solve(winding, sort, sino, grid, geometry, self)


def _lie(grid: Grid, g: ConeBeam, sort: Sorting) -> Lie:
    numbers, tables = turns(grid, g, helix(g), sort)
    taps = (8, 8)
    if is_concrete(numbers) and is_concrete(tables):
        needed = needed_taps(jnp.asarray(numbers), jnp.asarray(tables), grid.shape)
        taps = tuple(int(n) for n in needed)
    return Lie(
        grid.shape, sort.groups * sort.members, g.detector_shape[1], g.detector_shape[0], (taps[0], taps[1])
    )


@partial(jax.jit, static_argnums=(0, 1))
def _solve(
    winding: Winding, sort: Sorting, sino, grid: Grid, g: ConeBeam, method: WeightedFilteredBackProjection
):
    wound, dtype = helix(g), sino.dtype
    views = rebinned(sino * cone_cosines(g).astype(dtype), wound, sort)
    ramp = ramp_matrix(g.detector_shape[1], jnp.abs(wound.pitch), method.window)
    lines = filtered(views * (jnp.pi / sort.groups), ramp)
    numbers, tables = turns(grid, g, wound, sort)
    plateau = jnp.reshape(jnp.asarray(method.plateau, dtype), (1,))
    return WIND.apply(winding, (numbers.astype(dtype), tables.astype(dtype), plateau), lines)


@partial(jax.jit, static_argnums=3)
def turns(
    grid: Grid, g: ConeBeam, h: Helix, sort: Sorting
) -> tuple[Float[Array, "member group 11"], Float[Array, "3 column"]]:
    """The numbers of `Turn` for every parallel view; and for every column of them the climb of the focal spot until it
    comes to its ray, the gain of rows, and the way from focal spot to axis, mm."""
    angles = parallel_angles(h, sort)
    u = jnp.stack([jnp.cos(angles), jnp.sin(angles)], -1)
    n = jnp.stack([-u[:, 1], u[:, 0]], -1)
    step, corner = jnp.asarray(grid.direction) * jnp.asarray(grid.spacing), jnp.asarray(grid.origin)
    start = corner[:2] - h.axis
    x, y = u @ start - h.first, n @ start
    turned = angles - h.angle
    bounds = -turned, -turned + (g.source.shape[0] - 1) * h.step
    low, high = jnp.minimum(*bounds), jnp.maximum(*bounds)
    count = h.fan.shape[0]
    # A hundredth of a column of slack for rounding.
    number = jnp.arange(count, dtype=h.fan.dtype)
    first = jnp.ceil(jnp.interp(low, h.fan, number, left=0.0, right=float(2 * count)) - 0.01)
    last = jnp.floor(jnp.interp(high, h.fan, number, left=-2.0, right=float(count - 1)) + 0.01)
    made = Turn(
        x / h.pitch,
        u @ step[:2, 0] / h.pitch,
        u @ step[:2, 1] / h.pitch,
        y,
        n @ step[:2, 0],
        n @ step[:2, 1],
        corner[2] - h.height - h.slope * turned,
        step[2, 2],
        h.row,
        first,
        last,
    )
    numbers = jnp.stack([jnp.broadcast_to(jnp.asarray(m), angles.shape) for m in made], -1)
    depth = h.radius * jnp.cos(h.fan)
    tables = jnp.stack([h.slope * h.fan, h.reach / h.row_step, depth])
    return numbers.reshape(sort.members, sort.groups, -1), tables


WIND = linear_pair(
    "helical_back_projection",
    collect,
    spread,
    forward_kernel=column_kernel("helical_back_projection", collect, lambda w: w.lie, lambda lie: lie.grid),
    transpose_kernel=column_kernel(
        "helical_back_projection_transpose",
        spread,
        lambda w: w.lie,
        lambda lie: (lie.views, lie.columns, lie.rows),
    ),
)
