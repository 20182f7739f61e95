"""Normalised back-projection of rebinned helical views onto columns of voxels along z, and its exact transpose.

Views are [member, group]: the members of a group are half turns of one direction. With the numbers of
`physim.ct.reconstruction.helical_reference.Turn` for a view and three values per detector column (rise, gain, depth),
interpolated linearly,

    place = x + x_i i + x_j j,   row(k) = row₀ + (lift + climb k − rise) gain / (depth + y + y_i i + y_j j)
    out[i, j, k] = Σ_group Σ_member w(row) values(place, row) / Σ_member w(row)

with w falling smoothly to 0 at the first and last row's edge. The transpose is a gather: each thread owns groups.
"""

import numpy as np
from numba import njit, prange
from numba.np.numpy_support import carray

from . import bridge
from .back_projection import _lower, _row, _seen

TILE = 16
NUMBERS = 11


@njit(inline="always")
def _fall(p, tables, i, j, real):
    """Whether the ray was measured, its lower column and the part of the upper one, and row of voxel k as start + step k."""
    place = p[0] + p[1] * real(i) + p[2] * real(j)
    if not (place >= p[9] and place <= p[10]):
        return False, 0, real(0), real(0), real(0)
    low = min(max(_lower(place), 0), tables.shape[1] - 2)
    part = place - real(low)
    rest = real(1) - part
    away = rest * tables[2, low] + part * tables[2, low + 1] + p[3] + p[4] * real(i) + p[5] * real(j)
    if not away > real(0):
        return False, 0, real(0), real(0), real(0)
    rise = rest * tables[0, low] + part * tables[0, low + 1]
    scale = (rest * tables[1, low] + part * tables[1, low + 1]) / away
    return True, low, part, p[8] + (p[6] - rise) * scale, p[7] * scale


@njit(inline="always")
def _window(place, rows, plateau, real):
    """1 up to the plateau, falling smoothly to 0 at the detector's edge."""
    held = min(max(place, real(0)), real(rows - 1))
    away = abs(held - real(0.5) * real(rows - 1)) * (real(2) / real(rows))
    fall = min(max((real(1) - away) / (real(1) - plateau), real(0)), real(1))
    return fall * fall * (real(3) - real(2) * fall)


@njit(parallel=True, cache=True)
def collect(values, numbers, tables, plateau, out):
    """Back-projection; square tiles of voxels keep the detector lines they share in cache."""
    nx, ny, _ = out.shape
    tiles_y = (ny + TILE - 1) // TILE
    for tile in prange(((nx + TILE - 1) // TILE) * tiles_y):
        x, y = (tile // tiles_y) * TILE, (tile % tiles_y) * TILE
        _collect_tile(values, numbers, tables, plateau[0], x, min(x + TILE, nx), y, min(y + TILE, ny), out)


@njit(cache=True, fastmath={"contract"})
def _collect_tile(values, numbers, tables, plateau, first_x, last_x, first_y, last_y, out):
    """All views onto one tile."""
    nz, rows, (members, groups) = out.shape[2], values.shape[2], numbers.shape[:2]
    real = out.dtype.type
    out[first_x:last_x, first_y:last_y] = real(0)
    line, above, below = np.empty(rows + 1, out.dtype), np.zeros(nz, out.dtype), np.zeros(nz, out.dtype)
    line[rows] = real(0)
    for group in range(groups):
        for i in range(first_x, last_x):
            for j in range(first_y, last_y):
                lowest, highest = nz, 0
                for member in range(members):
                    seen, low, part, start, step = _fall(numbers[member, group], tables, i, j, real)
                    if not seen:
                        continue
                    first, last = _seen(start, step, rows, nz, real)
                    if first < last:
                        lowest, highest = min(lowest, first), max(highest, last)
                        view = values[member * groups + group]
                        a, b = view[low], view[low + 1]
                        _add(a, b, part, start, step, first, last, plateau, line, above, below)
                for k in range(lowest, highest):
                    if below[k] > real(0):
                        out[i, j, k] += above[k] / below[k]
                    above[k], below[k] = real(0), real(0)


@njit(inline="always")
def _add(a, b, part, start, step, first, last, plateau, line, above, below):
    """above += w × line of the detector, below += w, both at the rows of the voxels."""
    rows = a.shape[0]
    real = a.dtype.type
    bottom, top = _span(start, step, first, last, rows, real)
    for r in range(bottom, min(top, rows)):
        line[r] = (real(1) - part) * a[r] + part * b[r]
    for k in range(first, last):
        place = start + step * real(k)
        weight = _window(place, rows, plateau, real)
        low, share = _row(place, max(rows, 2), real) if rows > 1 else (0, real(0))
        above[k] += weight * (line[low] + share * (line[low + 1] - line[low]))
        below[k] += weight


@njit(inline="always")
def _span(start, step, first, last, rows, real):
    """The detector rows [bottom, top) that voxels first to last − 1 interpolate between."""
    if rows == 1:
        return 0, 1
    one = _row(start + step * real(first), rows, real)[0]
    other = _row(start + step * real(last - 1), rows, real)[0]
    return min(one, other), max(one, other) + 2


@njit(parallel=True, cache=True)
def spread(volume, numbers, tables, plateau, out):
    """The exact transpose of `collect`: each thread owns groups."""
    for group in prange(numbers.shape[1]):
        _spread_group(volume, numbers, tables, plateau[0], np.int64(group), out)


@njit(cache=True, fastmath={"contract"})
def _spread_group(volume, numbers, tables, plateau, group, out):
    """All voxels onto the views of one direction."""
    nx, ny, nz = volume.shape
    rows, (members, groups) = out.shape[2], numbers.shape[:2]
    real = out.dtype.type
    line, below = np.empty(rows + 1, out.dtype), np.zeros(nz, out.dtype)
    for member in range(members):
        out[member * groups + group] = real(0)
    for i in range(nx):
        for j in range(ny):
            below[:] = real(0)
            for member in range(members):
                seen, low, part, start, step = _fall(numbers[member, group], tables, i, j, real)
                if seen:
                    first, last = _seen(start, step, rows, nz, real)
                    for k in range(first, last):
                        below[k] += _window(start + step * real(k), rows, plateau, real)
            for member in range(members):
                seen, low, part, start, step = _fall(numbers[member, group], tables, i, j, real)
                if not seen:
                    continue
                first, last = _seen(start, step, rows, nz, real)
                if first < last:
                    view = out[member * groups + group]
                    a, b = view[low], view[low + 1]
                    _give(volume[i, j], below, part, start, step, first, last, plateau, line, a, b)


@njit(inline="always")
def _give(source, below, part, start, step, first, last, plateau, line, a, b):
    """The transpose of `_add` and of the division."""
    rows = a.shape[0]
    real = source.dtype.type
    bottom, top = _span(start, step, first, last, rows, real)
    line[bottom : top + 1] = real(0)
    for k in range(first, last):
        if not below[k] > real(0):
            continue
        place = start + step * real(k)
        value = _window(place, rows, plateau, real) * source[k] / below[k]
        low, share = _row(place, max(rows, 2), real) if rows > 1 else (0, real(0))
        line[low] += value - share * value
        line[low + 1] += share * value
    for r in range(bottom, top):
        a[r] += (real(1) - part) * line[r]
        b[r] += part * line[r]


def make_handler(real, code, forward: bool):
    """The C entry point in one direction and precision; takes array, numbers, tables and plateau."""

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 4, 1):
            return bridge.refuse(frame, "physim helical back-projection: 4 arguments and 1 result are needed")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        turns, columns, edge = bridge.argument(frame, 1), bridge.argument(frame, 2), bridge.argument(frame, 3)
        volume, values = (made, given) if forward else (given, made)
        if not (
            bridge.fits(volume, code, 3)
            and bridge.fits(values, code, 3)
            and bridge.fits(turns, code, 3)
            and bridge.fits(columns, code, 2)
            and bridge.fits(edge, code, 1)
        ):
            return bridge.refuse(
                frame,
                "physim helical back-projection: a 3-D volume, views and numbers of one precision are needed",
            )
        views, wide = bridge.size(values, 0), bridge.size(values, 1)
        if not (
            bridge.size(turns, 0) * bridge.size(turns, 1) == views
            and bridge.size(turns, 2) == NUMBERS
            and bridge.size(columns, 0) == 3
            and bridge.size(columns, 1) == wide
            and bridge.size(edge, 0) == 1
            and wide > 1
            and bridge.size(values, 2) > 0
        ):
            return bridge.refuse(
                frame,
                "physim helical back-projection: the shapes of views and numbers do not belong together",
            )
        grid = carray(
            bridge.as_pointer(bridge.data(volume), real),
            (bridge.size(volume, 0), bridge.size(volume, 1), bridge.size(volume, 2)),
        )
        lines = carray(bridge.as_pointer(bridge.data(values), real), (views, wide, bridge.size(values, 2)))
        numbers = carray(
            bridge.as_pointer(bridge.data(turns), real),
            (bridge.size(turns, 0), bridge.size(turns, 1), NUMBERS),
        )
        tables = carray(bridge.as_pointer(bridge.data(columns), real), (3, wide))
        plateau = carray(bridge.as_pointer(bridge.data(edge), real), (1,))
        if forward:
            collect(lines, numbers, tables, plateau, grid)
        else:
            spread(grid, numbers, tables, plateau, lines)
        return 0

    return handle


def warm_up(dtype, forward: bool) -> None:
    """Calls one kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    volume, values = np.zeros((2, 2, 1), dtype), np.zeros((1, 2, 1), dtype)
    numbers, tables = np.ones((1, 1, NUMBERS), dtype), np.ones((3, 2), dtype)
    plateau = np.zeros(1, dtype)
    if forward:
        collect(values, numbers, tables, plateau, volume)
    else:
        spread(volume, numbers, tables, plateau, values)
