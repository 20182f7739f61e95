"""Voxel-driven back-projection onto columns of voxels along z, and its exact transpose.

A column of voxels (i, j, ·) falls onto one column of an upright detector; rows are affine in z. With x and y of the voxel
against the source affine in i and j (14 numbers a view, `physim.ct.reconstruction.back_projection_reference.Place`):

    flat or parallel   far = 1 / y,                      place = centre + scale x far,                weight = 1 / y²
    arc                far = where (x, y) far meets it,  place = centre + scale atan(hit x / hit y),  weight = 1 / (x² + y²)

    out[i, j, k] = Σ_view weight Σ_column Σ_row hat(place − column) hat(row(k) − row) values[view, column, row]
    row(k) = row₀ + (lift + climb k) far, held within the detector, and nothing where it is over half a row outside.

The transpose is a gather too: each thread owns views, in a fixed order, so there are no races and the same bits come out
whatever the number of threads.
"""

import numpy as np
from numba import njit, prange
from numba.np.numpy_support import carray

from . import bridge
from .meeting import meet_row

TILE = 16
NUMBERS = 14


@njit(inline="always")
def _lower(x):
    """The largest whole number not above x; the cast truncates towards zero."""
    whole = int(x)
    return whole - 1 if x < whole else whole


@njit(inline="always")
def _split(x, count, real):
    """Lower neighbour, clamped to the array, and the weights of it and of the next; weights outside are zero."""
    low = _lower(x)
    upper = x - real(low)
    lower = real(1) - upper
    if low < 0:
        return 0, upper, real(0)
    if low > count - 2:
        return count - 2, real(0), lower
    return low, lower, upper


@njit(inline="always")
def _seen(start, step, rows, count, real):
    """The voxels [first, last) of a column whose rows start + step k are at most half a row outside."""
    low, high = real(-0.5), real(rows) - real(0.5)
    first, last = 0, count
    if step < real(0):
        low, high = high, low
    # A guess within one of the truth, then the truth by the same comparison as the reference's.
    if step != real(0):
        first = min(max(_lower((low - start) / step) - 1, 0), count)
        last = min(max(_lower((high - start) / step) + 3, 0), count)
    while first < last and not _within(start + step * real(first), rows, real):
        first += 1
    while last > first and not _within(start + step * real(last - 1), rows, real):
        last -= 1
    return first, last


@njit(inline="always")
def _within(row, rows, real):
    return row >= real(-0.5) and row <= real(rows) - real(0.5)


@njit(inline="always")
def _row(place, rows, real):
    """Lower row, weight of the upper one, of a place held within the detector."""
    held = min(max(place, real(0)), real(rows - 1))
    low = min(int(held), rows - 2)
    return low, held - real(low)


@njit(inline="always")
def _add_row(values, p, met, places, target):
    """One view's pixels onto a row of a single plane: what `_split` and `_within` say, without branches, then the sums."""
    real = met.dtype.type
    top = real(values.shape[0] - 2)
    for n in range(met.shape[1]):
        column, row = met[0, n], p[8] + p[9] * met[1, n]
        hit = (met[3, n] > real(0)) & (column > real(-1)) & (column < top + real(2))
        hit = hit & (row >= real(-0.5)) & (row <= real(0.5))
        weight, column = (met[2, n], column) if hit else (real(0), real(0))
        low = np.floor(column)
        upper = column - low
        lower = real(1) - upper
        below, above = low < real(0), low > top
        met[0, n] = weight * (upper if below else (real(0) if above else lower))
        met[1, n] = weight * (real(0) if below else (lower if above else upper))
        places[n] = int(real(0) if below else (top if above else low))
    for n in range(met.shape[1]):
        target[n] += met[0, n] * values[places[n]] + met[1, n] * values[places[n] + 1]


@njit(parallel=True, cache=True)
def collect(values, place, out):
    """Back-projection; square tiles of voxels keep the detector lines they share in cache."""
    nx, ny, _ = out.shape
    tiles_y = (ny + TILE - 1) // TILE
    for tile in prange(((nx + TILE - 1) // TILE) * tiles_y):
        first_x, first_y = (tile // tiles_y) * TILE, (tile % tiles_y) * TILE
        _collect_tile(values, place, first_x, min(first_x + TILE, nx), first_y, min(first_y + TILE, ny), out)


@njit(cache=True, fastmath={"contract"}, error_model="numpy")
def _collect_tile(values, place, first_x, last_x, first_y, last_y, out):
    """All views onto one tile."""
    columns, rows, nz = values.shape[1], values.shape[2], out.shape[2]
    real = out.dtype.type
    out[first_x:last_x, first_y:last_y] = real(0)
    line, met = np.empty(rows, out.dtype), np.empty((4, last_y - first_y), out.dtype)
    places = np.empty(last_y - first_y, np.int64)
    for view in range(values.shape[0]):
        p = place[view]
        for i in range(first_x, last_x):
            meet_row(p, i, first_y, met)
            if nz == 1 and rows == 1:
                _add_row(values[view, :, 0], p, met, places, out[i, first_y:last_y, 0])
                continue
            for j in range(first_y, last_y):
                n = j - first_y
                column, far, weight, y = met[0, n], met[1, n], met[2, n], met[3, n]
                if not (y > real(0) and column > real(-1) and column < columns):
                    continue
                low, lower, upper = _split(column, columns, real)
                lower, upper = lower * weight, upper * weight
                start, step = p[8] + p[9] * far, p[10] * far
                a, b = values[view, low], values[view, low + 1]
                if rows == 1:
                    first, last = _seen(start, step, rows, nz, real)
                    value = lower * a[0] + upper * b[0]
                    for k in range(first, last):
                        out[i, j, k] += value
                else:
                    _resample(a, b, lower, upper, start, step, line, out[i, j])


@njit(inline="always")
def _resample(a, b, lower, upper, start, step, line, target):
    """target[k] += (lower a + upper b)(start + step k), linearly interpolated."""
    rows = a.shape[0]
    real = target.dtype.type
    first, last = _seen(start, step, rows, target.shape[0], real)
    if first >= last:
        return
    one, other = (
        _row(start + step * real(first), rows, real)[0],
        _row(start + step * real(last - 1), rows, real)[0],
    )
    for r in range(min(one, other), max(one, other) + 2):
        line[r] = lower * a[r] + upper * b[r]
    for k in range(first, last):
        low, part = _row(start + step * real(k), rows, real)
        target[k] += line[low] + part * (line[low + 1] - line[low])


@njit(parallel=True, cache=True)
def spread(volume, place, out):
    """The exact transpose of `collect`: each thread owns views."""
    for view in prange(out.shape[0]):
        _spread_view(volume, place[view], out[view])


@njit(cache=True, fastmath={"contract"}, error_model="numpy")
def _spread_view(volume, p, out):
    """All voxels onto one view."""
    nx, ny, nz = volume.shape
    columns, rows = out.shape
    real = out.dtype.type
    out[:] = real(0)
    line, met = np.empty(rows, out.dtype), np.empty((4, ny), out.dtype)
    for i in range(nx):
        meet_row(p, i, 0, met)
        for j in range(ny):
            column, far, weight, y = met[0, j], met[1, j], met[2, j], met[3, j]
            if not (y > real(0) and column > real(-1) and column < columns):
                continue
            low, lower, upper = _split(column, columns, real)
            lower, upper = lower * weight, upper * weight
            start, step = p[8] + p[9] * far, p[10] * far
            first, last = _seen(start, step, rows, nz, real)
            a, b = out[low], out[low + 1]
            if rows == 1:
                total = real(0)
                for k in range(first, last):
                    total += volume[i, j, k]
                a[0] += lower * total
                b[0] += upper * total
            elif first < last:
                _unsample(volume[i, j], first, last, start, step, line, a, b, lower, upper)


@njit(inline="always")
def _unsample(source, first, last, start, step, line, a, b, lower, upper):
    """The transpose of `_resample`."""
    rows = a.shape[0]
    real = source.dtype.type
    one, other = (
        _row(start + step * real(first), rows, real)[0],
        _row(start + step * real(last - 1), rows, real)[0],
    )
    bottom, top = min(one, other), max(one, other) + 2
    line[bottom:top] = real(0)
    for k in range(first, last):
        low, part = _row(start + step * real(k), rows, real)
        line[low] += source[k] - part * source[k]
        line[low + 1] += part * source[k]
    for r in range(bottom, top):
        a[r] += lower * line[r]
        b[r] += upper * line[r]


def make_handler(real, code, forward: bool):
    """The C entry point in one direction and precision; takes array and 14 numbers a view."""

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 2, 1):
            return bridge.refuse(frame, "physim back-projection: 2 arguments and 1 result are needed")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        place = bridge.argument(frame, 1)
        volume, values = (made, given) if forward else (given, made)
        if not (
            bridge.fits(volume, code, 3) and bridge.fits(values, code, 3) and bridge.fits(place, code, 2)
        ):
            return bridge.refuse(
                frame,
                "physim back-projection: a 3-D volume, 3-D views and 2-D places of one precision are needed",
            )
        views, columns = bridge.size(values, 0), bridge.size(values, 1)
        if not (
            bridge.size(place, 0) == views
            and bridge.size(place, 1) == NUMBERS
            and columns > 1
            and bridge.size(values, 2) > 0
        ):
            return bridge.refuse(
                frame, "physim back-projection: the shapes of views and places do not belong together"
            )
        grid = carray(
            bridge.as_pointer(bridge.data(volume), real),
            (bridge.size(volume, 0), bridge.size(volume, 1), bridge.size(volume, 2)),
        )
        lines = carray(bridge.as_pointer(bridge.data(values), real), (views, columns, bridge.size(values, 2)))
        numbers = carray(bridge.as_pointer(bridge.data(place), real), (views, NUMBERS))
        if forward:
            collect(lines, numbers, grid)
        else:
            spread(grid, numbers, lines)
        return 0

    return handle


def warm_up(dtype, forward: bool) -> None:
    """Calls one kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    volume, values = np.zeros((2, 2, 1), dtype), np.zeros((1, 2, 1), dtype)
    place = np.ones((1, NUMBERS), dtype)
    if forward:
        collect(values, place, volume)
    else:
        spread(volume, place, values)
