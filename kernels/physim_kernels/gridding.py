"""Spreading points onto a grid [x, y, z, lane] with a separable window, and interpolation, its transpose.

A point meets w rows of z along x and y each; the w grid points of a row times all lanes are one contiguous line, so a row is
one scaled addition of the line φ_z(l) v_lane that is made once for a point. Points are sorted into tiles. Threads take whole
slabs of tiles, first those of even number and then those of odd number, which lie a window apart: the same bits whatever the
threads, and nothing is written twice at once.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange, types
from numba.np.numpy_support import carray

from . import bridge

TILE = 8  # grid points of a tile along each axis, at least; at most as many as keep rows in the cache
PARTS = 64  # shares of the points that are interpolated
FAST = {"reassoc", "contract", "nsz"}


@njit(cache=True)
def _first(point, high, low, scale, origin, axis, width, period):
    """First grid point of a window along an axis, and how far behind the point's less w/2 it is, in [0, 1)."""
    if width == 1:
        return 0, 0.0
    place = (np.float64(high[axis, point]) + np.float64(low[axis, point])) * scale[axis] - width / 2
    if not abs(place) < 2.0**31:  # also where it is not a number
        return 0, np.nan
    first = np.ceil(place)
    return (np.int64(first) + origin[axis]) % period, first - place


@njit(cache=True, fastmath=FAST)
def _weigh(table, behind, weights):
    """All weights of a window by Horner's rule."""
    z = table.dtype.type(2 * behind - 1)
    weights[:] = table[table.shape[0] - 1]
    for power in range(table.shape[0] - 2, -1, -1):
        for j in range(weights.size):
            weights[j] = weights[j] * z + table[power, j]


@njit(cache=True)
def _starts(high, low, scale, origin, shape, width, starts, behind):
    """First grid points [point, 3] and the fractions behind them of all points."""
    for axis in range(3):
        own = width if shape[axis] > 1 else 1
        period = shape[axis] - own + 1
        for point in range(high.shape[1]):
            start, rest = _first(point, high, low, scale, origin, axis, own, period)
            starts[point, axis], behind[point, axis] = start, rest


@njit(cache=True)
def _sorted(starts, tile, counts):
    """Order of the points by tile, and the bounds of each tile in it."""
    points = starts.shape[0]
    number = np.empty(points, np.int32)
    bounds = np.zeros(counts[0] * counts[1] * counts[2] + 1, np.int64)
    for point in range(points):
        x, y, z = starts[point, 0] // tile, starts[point, 1] // tile, starts[point, 2] // tile
        number[point] = (x * counts[1] + y) * counts[2] + z
        bounds[number[point] + 1] += 1
    for index in range(1, bounds.size):
        bounds[index] += bounds[index - 1]
    order, following = np.empty(points, np.int32), bounds[:-1].copy()
    for point in range(points):
        order[following[number[point]]] = point
        following[number[point]] += 1
    return order, bounds


@njit(cache=True, fastmath=FAST)
def _add_row(row, weight, line):
    for n in range(line.size):
        row[n] += weight * line[n]


@njit(cache=True, fastmath=FAST)
def _scaled(line, value, weight):
    for n in range(value.size):
        line[n] = weight * value[n]


@njit(cache=True, fastmath=FAST)
def _three_weights(table, behind, widths, weights):
    """Weights [axis, w] of a point; 1 along an axis without a window."""
    for axis in range(3):
        if widths[axis] > 1:
            _weigh(table, behind[axis], weights[axis])
        else:
            weights[axis, 0] = 1


@njit(cache=True)
def _spread_points(chosen, starts, behind, values, table, widths, out):
    """Adds the points `chosen` one after another."""
    lanes, width = values.shape[1], table.shape[1]
    weights = np.ones((3, width), values.dtype)
    line = np.empty(widths[2] * lanes, values.dtype)
    grid = out.reshape(out.shape[0], out.shape[1], out.shape[2] * lanes)
    for point in chosen:
        _three_weights(table, behind[point], widths, weights)
        for iz in range(widths[2]):
            _scaled(line[iz * lanes : (iz + 1) * lanes], values[point], weights[2, iz])
        x, y, z = starts[point, 0], starts[point, 1], starts[point, 2] * lanes
        for ix in range(widths[0]):
            for iy in range(widths[1]):
                _add_row(grid[x + ix, y + iy, z : z + line.size], weights[0, ix] * weights[1, iy], line)


@njit(cache=True)
def _widths(shape, width):
    return np.array([width if shape[axis] > 1 else 1 for axis in range(3)])


@njit(cache=True, parallel=True)
def spread(values, table, scale, high, low, origin, out):
    """Grid `out` [x, y, z, lane] from values [point, lane]."""
    width, points = table.shape[1], values.shape[0]
    widths = _widths(out.shape, width)
    starts, behind = np.empty((points, 3), np.int32), np.empty((points, 3), table.dtype)
    _starts(high, low, scale, origin, out.shape, width, starts, behind)
    tile = max(TILE, width)
    counts = np.array([(out.shape[axis] - widths[axis]) // tile + 1 for axis in range(3)])
    order, bounds = _sorted(starts, tile, counts)
    along = (
        0 if counts[0] > 1 else 1 if counts[1] > 1 else 2
    )  # slabs lie across the first axis with several tiles
    slabs = counts[along]
    each = 1
    for axis in range(along + 1, 3):
        each *= counts[axis]
    for x in prange(out.shape[0] * out.shape[1]):
        out[x // out.shape[1], x % out.shape[1]] = 0
    for parity in range(2):
        for half in prange((slabs + 1 - parity) // 2):
            slab = 2 * half + parity
            chosen = order[bounds[slab * each] : bounds[(slab + 1) * each]]
            _spread_points(chosen, starts, behind, values, table, widths, out)


@njit(cache=True, fastmath=FAST)
def _fold(line, lanes, weights, count, value):
    """value = Σ_i weights[i] line[i]."""
    for n in range(lanes):
        value[n] = weights[0] * line[n]
    for i in range(1, count):
        for n in range(lanes):
            value[n] += weights[i] * line[i * lanes + n]


@njit(cache=True)
def _interpolate_points(chosen, starts, behind, grid, table, widths, lanes, out):
    """Values of the points `chosen`."""
    weights = np.ones((3, table.shape[1]), grid.dtype)
    line = np.empty(widths[2] * lanes, grid.dtype)
    for point in chosen:
        _three_weights(table, behind[point], widths, weights)
        x, y, z = starts[point, 0], starts[point, 1], starts[point, 2] * lanes
        line[:] = 0
        for ix in range(widths[0]):
            for iy in range(widths[1]):
                _add_row(line, weights[0, ix] * weights[1, iy], grid[x + ix, y + iy, z : z + line.size])
        _fold(line, lanes, weights[2], widths[2], out[point])


@njit(cache=True, parallel=True)
def interpolate(given, table, scale, high, low, origin, out):
    """Values `out` [point, lane] of a grid [x, y, z, lane]."""
    width, points, lanes = table.shape[1], out.shape[0], out.shape[1]
    widths = _widths(given.shape, width)
    starts, behind = np.empty((points, 3), np.int32), np.empty((points, 3), table.dtype)
    _starts(high, low, scale, origin, given.shape, width, starts, behind)
    tile = max(TILE, width)
    counts = np.array([(given.shape[axis] - widths[axis]) // tile + 1 for axis in range(3)])
    order, _ = _sorted(starts, tile, counts)
    grid = given.reshape(given.shape[0], given.shape[1], given.shape[2] * lanes)
    for part in prange(PARTS):
        chosen = order[part * points // PARTS : (part + 1) * points // PARTS]
        _interpolate_points(chosen, starts, behind, grid, table, widths, lanes, out)


@njit(inline="always")
def _array(frame, index, shape, real):
    return carray(bridge.as_pointer(bridge.data(bridge.argument(frame, index)), real), shape)


@njit(inline="always")
def _sound(frame, code, grid, values):
    """Whether the buffers of a call belong together."""
    points = bridge.size(values, 0)
    good = bridge.fits(grid, code, 4) and bridge.fits(values, code, 2)
    good = good and bridge.size(grid, 3) == bridge.size(values, 1) and bridge.size(values, 1) > 0
    for index, rank in ((1, 2), (2, 1), (3, 1), (4, 2), (5, 2)):
        good = good and bridge.fits(bridge.argument(frame, index), code, rank)
    for index in (2, 3, 4, 5):
        good = good and bridge.size(bridge.argument(frame, index), 0) == 3
    for index in (4, 5):
        good = good and bridge.size(bridge.argument(frame, index), 1) == points
    origin, width = bridge.argument(frame, 6), bridge.size(bridge.argument(frame, 1), 1)
    good = good and bridge.fits(origin, bridge.INT32, 1) and bridge.size(origin, 0) == 3 and width > 0
    for axis in range(3):
        good = good and (bridge.size(grid, axis) == 1 or bridge.size(grid, axis) >= width)
    return good and bridge.size(bridge.argument(frame, 1), 0) > 0 and points < (1 << 31)


def make_handler(real, code, forward: bool):
    """The C entry point for one precision; forward interpolates.

    Arguments: grid or values, window table, scale and points as high and low parts, origin.
    """

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 7, 1):
            return bridge.refuse(frame, "physim gridding: 7 arguments and 1 result are needed")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        grid, values = (given, made) if forward else (made, given)
        if not _sound(frame, code, grid, values):
            return bridge.refuse(frame, "physim gridding: buffers of wrong precision or shape")
        points, lanes = bridge.size(values, 0), bridge.size(values, 1)
        shape = (bridge.size(grid, 0), bridge.size(grid, 1), bridge.size(grid, 2), lanes)
        rows, width = bridge.size(bridge.argument(frame, 1), 0), bridge.size(bridge.argument(frame, 1), 1)
        table = _array(frame, 1, (rows, width), real)
        scale = _array(frame, 2, (3,), real).astype(np.float64) + _array(frame, 3, (3,), real)
        high, low = _array(frame, 4, (3, points), real), _array(frame, 5, (3, points), real)
        origin = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 6)), types.int32), (3,))
        field = carray(bridge.as_pointer(bridge.data(grid), real), shape)
        rows_of_lanes = carray(bridge.as_pointer(bridge.data(values), real), (points, lanes))
        if forward:
            interpolate(field, table, scale, high, low, origin, rows_of_lanes)
        else:
            spread(rows_of_lanes, table, scale, high, low, origin, field)
        return 0

    return handle


def warm_up(dtype, forward: bool) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    grid, values, table = np.zeros((3, 3, 3, 2), dtype), np.zeros((1, 2), dtype), np.zeros((2, 2), dtype)
    points, origin = np.zeros((3, 1), dtype), np.zeros(3, np.int32)
    if forward:
        interpolate(grid, table, np.ones(3), points, points, origin, values)
    else:
        spread(values, table, np.ones(3), points, points, origin, grid)
