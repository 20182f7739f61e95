"""The projectors in plain JAX, gathers in both directions: what GPU and TPU run, and what geometry is differentiated through."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .frame import RayFrame
from .paths import Line, crossing, hat, line, shadow, width

_SLAB = 1 << 21  # voxels that collect at a time, so that temporaries stay small


class Scene(NamedTuple):
    """What is static: shapes, kind of beam, model, and how many neighbours the gathers look at.

    - `taps`: voxels along one axis that a ray meets in one plane. - `reach`: (rows, columns) of pixels whose rays may meet
      a voxel.
    """

    grid: tuple[int, int, int]
    views: int
    rows: int
    columns: int
    parallel: bool
    footprint: bool
    taps: int
    reach: tuple[int, int]


def forward(scene: Scene, parameters: tuple, volume):
    """Line integrals, "view row column": one view after the other, one plane after the other."""
    frame = RayFrame(*parameters)
    flat = volume.ravel()

    @jax.checkpoint
    def one(number):
        view = _view(frame, number)
        rows = jnp.arange(scene.rows)[:, None] - (scene.rows - 1) / 2
        rays = _rays(scene, view, rows.astype(flat.dtype), jnp.arange(scene.columns)[None, :])

        def add(total, plane):
            return total + _plane_sum(scene, rays, flat, plane), None

        planes = jnp.arange(max(scene.grid))
        total = jax.lax.scan(jax.checkpoint(add), jnp.zeros((scene.rows, scene.columns), flat.dtype), planes)[
            0
        ]
        return total * rays.line.length

    return frame.sound[0] * jax.lax.map(one, jnp.arange(scene.views))


def transpose(scene: Scene, parameters: tuple, sino):
    """Every voxel collects the rays that meet it, out of the pixels around its own shadow; slab after slab, view after view."""
    frame = RayFrame(*parameters)
    nx, ny, nz = scene.grid
    thick = max(1, min(nx, _SLAB // (ny * nz)))
    slabs = -(-nx // thick)

    def slab(first):
        axes = first + jnp.arange(thick), jnp.arange(ny), jnp.arange(nz)
        voxels = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)

        @jax.checkpoint
        def add(total, item):
            number, values = item
            return total + _collect(scene, _view(frame, number), values, voxels), None

        return jax.lax.scan(add, jnp.zeros(voxels.shape[:3], sino.dtype), (jnp.arange(scene.views), sino))[0]

    made = jax.lax.map(slab, thick * jnp.arange(slabs))
    return frame.sound[1] * made.reshape(slabs * thick, ny, nz)[:nx]


def _view(frame: RayFrame, number) -> RayFrame:
    """The rays of one view."""
    one = RayFrame(*(leaf[number] for leaf in frame._replace(spacing=frame.curvature, sound=frame.curvature)))
    return one._replace(spacing=frame.spacing)


class _Rays(NamedTuple):
    line: Line
    shadow: Any


def _rays(scene: Scene, view: RayFrame, row, column) -> _Rays:
    """Rays of one view through the pixels (row, column); rows count from the middle."""
    lift = row[..., None] * view.row
    pixel = view.columns[column] + lift
    made = line(view.source, pixel, view.spacing, scene.parallel)
    if not scene.footprint:
        return _Rays(made, None)
    upright = (view.row[0] == 0) & (view.row[1] == 0)
    sides = view.edges[column] + lift, view.edges[column + 1] + lift
    ends = pixel - view.row / 2, pixel + view.row / 2
    return _Rays(made, shadow(made, (sides, ends), view.source, view.spacing, scene.parallel, upright))


def _weights(scene: Scene, rays: _Rays, plane, k: int):
    """A function of the voxel along other axis k: how much of it a ray or shadow meets in `plane`; and the first one met."""
    place = crossing(rays.line, plane, k)
    if not scene.footprint:
        return (lambda index: hat(place - index)), jnp.floor(place)
    wide = width(rays.shadow, plane, k)
    half, top = (1 + wide) / 2, jnp.minimum(1, wide)
    enough = jnp.ceil(wide) + 1 <= scene.taps

    def share(index):
        # A shadow over more voxels than are looked at gives NaN, not a wrong number.
        return jnp.where(enough, jnp.clip(half - jnp.abs(place - index), 0, top) / wide, jnp.nan)

    return share, jnp.floor(place - half) + 1


def _plane_sum(scene: Scene, rays: _Rays, flat, plane):
    """What every ray gathers in plane number `plane` of its own main axis, without the length of the step."""
    shape = jnp.asarray(scene.grid)
    stride = jnp.asarray((scene.grid[1] * scene.grid[2], scene.grid[2], 1))
    axes = [(rays.line.main + k) % 3 for k in range(3)]
    meets = (plane < shape[axes[0]]) & _ahead(scene, rays.line, plane)
    weight = [_weights(scene, rays, plane, k) for k in (0, 1)]
    first, inside_first, w_first = _neighbours(weight[0], scene.taps, shape[axes[1]])
    second, inside_second, w_second = _neighbours(weight[1], scene.taps, shape[axes[2]])
    pair = lambda a, b: (a[:, None], b[None, :])
    (first, second), (inside_first, inside_second) = pair(first, second), pair(inside_first, inside_second)
    place = plane * stride[axes[0]] + first * stride[axes[1]] + second * stride[axes[2]]
    seen = meets & inside_first & inside_second
    values = flat[jnp.where(seen, place, 0)]
    return jnp.sum(jnp.where(seen, w_first[:, None] * w_second[None, :], 0) * values, axis=(0, 1))


def _neighbours(weight, taps: int, count):
    """Indices of the voxels met along one axis, whether they exist, and their weights; "tap row column"."""
    share, first = weight
    index = jax.lax.stop_gradient(first) + jnp.arange(taps)[:, None, None]
    whole = index.astype(jnp.int32)
    return whole, (whole >= 0) & (whole < count), share(index)


def _ahead(scene: Scene, rays: Line, plane):
    """Planes behind the focal spot are not met."""
    return True if scene.parallel else rays.near + rays.gain * plane > 0


def _collect(scene: Scene, view: RayFrame, values, voxels):
    """What the voxels get from one view."""
    column, row, inside = (jax.lax.stop_gradient(v) for v in _shadow_of(scene, view, voxels))
    # As many neighbours as there are pixels are all of them, wherever the shadow lies.
    first = [
        jnp.zeros_like(at) if reach == pixels else jnp.ceil(at - reach / 2)
        for at, reach, pixels in zip((row, column), scene.reach, (scene.rows, scene.columns), strict=True)
    ]

    @jax.checkpoint
    def add(total, offset):
        r, c = ((at + k).astype(jnp.int32) for at, k in zip(first, offset, strict=True))
        seen = inside & (r >= 0) & (r < scene.rows) & (c >= 0) & (c < scene.columns)
        r, c = jnp.where(seen, r, 0), jnp.where(seen, c, 0)
        return total + jnp.where(seen, _met(scene, view, r, c, voxels), 0) * values[r, c], None

    offsets = jnp.stack(jnp.meshgrid(*map(jnp.arange, scene.reach), indexing="ij"), axis=-1).reshape(-1, 2)
    return jax.lax.scan(add, jnp.zeros(voxels.shape[:3], values.dtype), offsets)[0]


def _met(scene: Scene, view: RayFrame, row, column, voxels):
    """The weight of voxels in the rays of pixels, length of the step included."""
    rays = _rays(scene, view, (row - (scene.rows - 1) / 2).astype(view.row.dtype), column)
    turned = [
        jnp.take_along_axis(voxels, ((rays.line.main + k) % 3)[..., None], axis=-1)[..., 0] for k in range(3)
    ]
    shares = [_weights(scene, rays, turned[0], k)[0](turned[k + 1]) for k in (0, 1)]
    return jnp.where(_ahead(scene, rays.line, turned[0]), shares[0] * shares[1] * rays.line.length, 0)


def _shadow_of(scene: Scene, view: RayFrame, voxels):
    """Column and row, as fractions, where the ray through each voxel's centre meets the detector, and whether it does."""
    point = voxels * view.spacing
    ahead = jnp.broadcast_to(view.source, point.shape) if scene.parallel else point - view.source
    base = point if scene.parallel else jnp.broadcast_to(view.source, point.shape)
    pitch = jnp.linalg.norm(view.tangent)
    normal = jnp.cross(view.row, view.tangent)
    normal = normal / jnp.linalg.norm(normal)
    away = 1 if scene.parallel else jnp.sign(jnp.sum(normal * (view.centre - view.source)))
    # In the detector's frame: x along the columns, y away from the source, z across both.
    along = jnp.stack([view.tangent / pitch, normal * away])
    (dx, dy), (bx, by) = (jnp.moveaxis(v @ along.T, -1, 0) for v in (ahead, base - view.centre))
    far, angle = _meeting(dx, dy, bx, by, view.curvature)
    hit = base - view.centre + far[..., None] * ahead
    row = hit @ view.row / jnp.sum(view.row**2)
    middle = jnp.asarray([(scene.columns - 1) / 2, (scene.rows - 1) / 2], point.dtype)
    valid = scene.parallel | ((far > 0) & (dy > 0))
    return jnp.where(valid, angle / pitch, 0) + middle[0], jnp.where(valid, row, 0) + middle[1], valid


def _meeting(dx, dy, bx, by, bend):
    """How far along (dx, dy) from (bx, by) the arc of curvature `bend` is met, and the length of arc to there.

    The arc is x² + y² + 2 y / κ = 0 around (0, −1/κ); times κ it is κ (x² + y²) + 2 y = 0, which holds for κ = 0 too.
    """
    a = bend * (dx**2 + dy**2)
    half = bend * (bx * dx + by * dy) + dy
    c = bend * (bx**2 + by**2) + 2 * by
    root = jnp.sqrt(jnp.maximum(half**2 - a * c, 0))
    # The meeting point ahead of the source, in the form that stays finite where the arc is straight.
    far = -c / jnp.where(half + root == 0, 1, half + root)
    x, y = bx + far * dx, by + far * dy
    angle = jnp.arctan2(bend * x, 1 + bend * y)
    return far, jnp.where(bend == 0, x, angle / jnp.where(bend == 0, 1, bend))
