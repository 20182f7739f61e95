"""Back-projection and its transpose in plain JAX, both as gathers: what GPUs and TPUs run and the kernel is held against."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from physim_phantoms._checks import is_concrete

_SQRT2 = math.sqrt(2)


class Lie(NamedTuple):
    """What is static: shapes, and the voxels (in plane, along z) that a pixel may collect."""

    grid: tuple[int, int, int]
    views: int
    columns: int
    rows: int
    taps: tuple[int, int]


class Place(NamedTuple):
    """Numbers of one view, or of all: x and y of voxel (0, 0) and by how much they grow along i and j, and so on.

    `centre` and `scale` are c₀ and q, `row`, `lift` and `climb` are row₀, m₀ and m₁ of `back_projection`; `bx` and `by` place
    the source against the middle of the arc, in its radii, along û and n̂; `bent` is 1 for an arc.
    """

    x: Any
    x_i: Any
    x_j: Any
    y: Any
    y_i: Any
    y_j: Any
    centre: Any
    scale: Any
    row: Any
    lift: Any
    climb: Any
    bx: Any
    by: Any
    bent: Any


class Fall(NamedTuple):
    """Where columns of voxels fall: detector column, row of voxel k as start + step k, and what they weigh."""

    column: Array
    start: Array
    step: Array
    weight: Array


def collect(lie: Lie, parameters: tuple, values):
    """Every voxel collects from four pixels, view after view."""
    i, j = jnp.arange(lie.grid[0])[:, None], jnp.arange(lie.grid[1])[None, :]

    @jax.checkpoint
    def add(total, item):
        numbers, lines = item
        return total + collect_view(lie, fall(Place(*numbers), i, j), lines), None

    return jax.lax.scan(add, jnp.zeros(lie.grid, values.dtype), (parameters[0], values))[0]


def collect_view(lie: Lie, at: Fall, lines, window=None):
    """What voxels collect from one view, "column row"; `window` is a function of the row that weighs it."""
    row, inside = _row(at.start[..., None] + at.step[..., None] * jnp.arange(lie.grid[2]), lie.rows)
    total, flat = 0, lines.ravel()
    for column, share in _pair(at.column, lie.columns):
        for line, part in _pair(row, lie.rows):
            total += (at.weight * share)[..., None] * part * flat[column[..., None] * lie.rows + line]
    return jnp.where(inside, total if window is None else window(row) * total, 0)


def spread(lie: Lie, parameters: tuple, volume):
    """The exact transpose: every pixel collects the voxels that fall next to it."""

    @jax.checkpoint
    def one(numbers):
        view = Place(*numbers)
        needed = needed_taps(numbers, lie.grid)
        return spread_view(lie, lambda i, j: fall(view, i, j), lambda c: _ray(view, c), volume, needed)

    return jax.lax.map(one, parameters[0])


def spread_view(lie: Lie, fall_of, ray_of, volume, needed, window=None):
    """The transpose of `collect_view` for one view: plane after plane across every pixel's ray.

    - `fall_of(i, j)`: as `collect_view` needs it. - `ray_of(column)`: the line constant + along_i i + along_j j = 0 of
      voxels that fall onto a place between columns. - `needed`: voxels to look at; more than `lie.taps` give NaN.
    """
    flat, (nx, ny, nz) = volume.ravel(), lie.grid
    column, size = jnp.arange(lie.columns)[:, None], jnp.asarray((nx, ny))
    below, middle, above = (ray_of(column + step) for step in (-1, 0, 1))
    # Planes are across the axis along which neighbouring rays lie closer together.
    main = jnp.where(jnp.abs(middle[1]) >= jnp.abs(middle[2]), 1, 0)

    @jax.checkpoint
    def add(total, plane):
        met = [_crossing(ray, main, plane) for ray in (below, above)]
        first = jnp.floor(jnp.minimum(*met)) + 1
        for tap in range(lie.taps[0]):
            index = (first + tap).astype(jnp.int32)
            i, j = jnp.where(main == 0, plane, index), jnp.where(main == 0, index, plane)
            exists = (i < nx) & (j < ny) & (index >= 0) & (index < size[1 - main])
            i, j = jnp.where(exists, i, 0), jnp.where(exists, j, 0)
            at = fall_of(i, j)
            share = jnp.where(exists, _hat(at.column - column), 0) * at.weight
            total += share * _line(lie, at, flat, (i * ny + j) * nz, window)
        return total, None

    start = jnp.zeros((lie.columns, lie.rows), flat.dtype)
    made = jax.lax.scan(add, start, jnp.arange(max(nx, ny)))[0]
    return jnp.where(jnp.all(needed <= jnp.asarray(lie.taps)), made, jnp.nan)


def needed_taps(numbers, shape: tuple[int, int, int]):
    """Bounds on the voxels, along an axis of the plane and along z, that fall between the neighbours of a pixel."""
    lib: Any = np if is_concrete(numbers) else jnp
    numbers = lib.asarray(numbers)
    p = Place(*lib.moveaxis(numbers[..., None], -2, 0))
    i, j = np.array([0, 0, 1, 1]) * (shape[0] - 1), np.array([0, 1, 0, 1]) * (shape[1] - 1)
    x, y = p.x + p.x_i * i + p.x_j * j, p.y + p.y_i * i + p.y_j * j
    away = lib.max(lib.where(p.bent > 0, lib.sqrt(x**2 + y**2), y), -1, keepdims=True)
    parallel = (p.y_i == 0) & (p.y_j == 0)
    step = lib.minimum(lib.sqrt(p.x_i**2 + p.y_i**2), lib.sqrt(p.x_j**2 + p.y_j**2))
    step = lib.where(parallel, lib.sqrt(p.x_i**2 + p.x_j**2), step)
    slack = lib.where(p.bent > 0, 1.2, 1.0)  # for sources beside the middle of the arc
    across = lib.max(slack * 2 * _SQRT2 * away / (lib.abs(p.scale) * step))
    along = lib.max(slack * 2 * away / lib.abs(p.climb))
    # Along z a plane alone is enough where there is one only.
    return lib.stack([lib.ceil(across) + 1, lib.minimum(lib.ceil(along) + 1, shape[2])])


def fall(view: Place, i, j) -> Fall:
    """Where columns of voxels fall; those behind the source weigh nothing."""
    x, y = view.x + view.x_i * i + view.x_j * j, view.y + view.y_i * i + view.y_j * j
    seen = y > 0
    y = jnp.where(seen, y, 1)
    square, half = x**2 + y**2, view.bx * x + view.by * y + y
    ahead = view.bx**2 + view.by**2 + 2 * view.by
    bent = view.bent > 0
    root = jnp.sqrt(jnp.where(bent, jnp.maximum(half**2 - square * ahead, 1e-12), 1))
    far = jnp.where(bent, -ahead / jnp.where(bent, half + root, 1), 1 / y)
    across = jnp.where(bent, jnp.arctan2(view.bx + far * x, 1 + view.by + far * y), x * far)
    weight = jnp.where(seen, jnp.where(bent, 1 / square, far**2), 0)
    start, step = view.row + view.lift * far, view.climb * far
    return Fall(view.centre + view.scale * across, start, step, weight)


def _row(place, rows: int):
    """Rows, held within the detector, and whether they are not more than half a row outside."""
    return jnp.clip(place, 0, rows - 1), (place >= -0.5) & (place <= rows - 0.5)


def _pair(place, count: int):
    """Two neighbours and their weights; one alone of an array of one."""
    if count == 1:
        return ((jnp.zeros_like(place, jnp.int32), _hat(place)),)
    low = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)), 0, count - 2)
    index = low.astype(jnp.int32)
    return (index, _hat(place - low)), (index + 1, _hat(place - low - 1))


def _hat(x):
    return jnp.maximum(0, 1 - jnp.abs(x))


def _ray(view: Place, column):
    """The line of voxels, constant + along_i i + along_j j = 0, that falls onto a place of the detector."""
    view = jax.tree.map(jax.lax.stop_gradient, view)
    away, bent = (column - view.centre) / view.scale, view.bent > 0
    x = jnp.where(bent, jnp.sin(away) - view.bx, away)
    y = jnp.where(bent, jnp.cos(away) - 1 - view.by, 1)
    return view.x * y - view.y * x, view.x_i * y - view.y_i * x, view.x_j * y - view.y_j * x


def _crossing(ray, main, plane):
    """Where a line crosses plane number `plane` of the axis `main`, along the other one."""
    constant, along_i, along_j = ray
    above = constant + jnp.where(main == 0, along_i, along_j) * plane
    return -above / jnp.where(main == 0, along_j, along_i)


def _line(lie: Lie, at: Fall, flat, begin, window):
    """Σ_k window hat(row of voxel k − row) volume[·, ·, k] for every row."""
    held = jax.lax.stop_gradient
    row = jnp.arange(lie.rows)
    ends = [(row + side - held(at.start)) / held(at.step) for side in (-1, 1)]
    lowest = jnp.minimum(*ends)
    first = jnp.zeros_like(lowest) if lie.taps[1] >= lie.grid[2] else jnp.floor(lowest) + 1
    total = 0
    for tap in range(min(lie.taps[1], lie.grid[2])):
        k = first + tap
        place, inside = _row(at.start + at.step * k, lie.rows)
        index = k.astype(jnp.int32)
        inside = inside & (index >= 0) & (index < lie.grid[2])
        weight = _hat(place - row) if window is None else window(place) * _hat(place - row)
        total += jnp.where(inside, weight, 0) * flat[begin + jnp.where(inside, index, 0)]
    return total
