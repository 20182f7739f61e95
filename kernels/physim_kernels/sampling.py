"""Trilinear sampling at points, its derivatives along the axes, and the exact transposes; zero outside the volume.

The weight of voxel i for a coordinate x is the hat max(0, 1 - |x - i|), or, along an axis whose `slope` flag is set, its
derivative. In the transpose one thread owns each slab of planes along x and picks the points that reach it, which are sorted
by plane first if they lie scattered: no races, and the same bits whatever the number of threads.
"""

import numpy as np
from numba import njit, prange, types
from numba.np.numpy_support import carray

from . import bridge

BLOCK = 64  # consecutive points that are looked up together
CHUNKS = 64  # of the points, for sorting
SLAB = 16  # planes that one task fills, about; the points at its two edges are visited twice


@njit(inline="always")
def _lower(x):
    """The largest whole number not above x; the cast truncates towards zero."""
    whole = int(x)
    return whole - 1 if x < whole else whole


@njit(inline="always")
def _weights(fraction, slope, one):
    """Weights of the lower and the upper neighbour."""
    return (-one, one) if slope else (one - fraction, fraction)


@njit(inline="always")
def _pair(volume, i, j, k, wz0, wz1):
    """The two voxels of one line along z, weighted; what lies outside is zero."""
    nx, ny, nz = volume.shape
    total = wz0 - wz0
    if 0 <= i < nx and 0 <= j < ny:
        if 0 <= k < nz:
            total += wz0 * volume[i, j, k]
        if 0 <= k + 1 < nz:
            total += wz1 * volume[i, j, k + 1]
    return total


@njit(parallel=True, cache=True, fastmath={"contract"})
def sample(volume, points, slope_x, slope_y, slope_z, out):
    """out[n] = sum over the eight neighbours of points[n] of weight times volume."""
    nx, ny, nz = volume.shape
    real = volume.dtype.type
    one = real(1)
    for n in prange(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        if not (x > -one and x < nx and y > -one and y < ny and z > -one and z < nz):
            out[n] = one - one
            continue
        i, j, k = _lower(x), _lower(y), _lower(z)
        wx0, wx1 = _weights(x - real(i), slope_x, one)
        wy0, wy1 = _weights(y - real(j), slope_y, one)
        wz0, wz1 = _weights(z - real(k), slope_z, one)
        if 0 <= i < nx - 1 and 0 <= j < ny - 1 and 0 <= k < nz - 1:
            low = wy0 * (wz0 * volume[i, j, k] + wz1 * volume[i, j, k + 1]) + wy1 * (
                wz0 * volume[i, j + 1, k] + wz1 * volume[i, j + 1, k + 1]
            )
            high = wy0 * (wz0 * volume[i + 1, j, k] + wz1 * volume[i + 1, j, k + 1]) + wy1 * (
                wz0 * volume[i + 1, j + 1, k] + wz1 * volume[i + 1, j + 1, k + 1]
            )
        else:
            low = wy0 * _pair(volume, i, j, k, wz0, wz1) + wy1 * _pair(volume, i, j + 1, k, wz0, wz1)
            high = wy0 * _pair(volume, i + 1, j, k, wz0, wz1) + wy1 * _pair(volume, i + 1, j + 1, k, wz0, wz1)
        out[n] = wx0 * low + wx1 * high


@njit(inline="always")
def _bin(points, n, shape, one):
    """The plane below a point, plus one; the last bin holds the points that touch no voxel."""
    x, y, z = points[n, 0], points[n, 1], points[n, 2]
    if x > -one and x < shape[0] and y > -one and y < shape[1] and z > -one and z < shape[2]:
        return _lower(x) + 1
    return shape[0] + 1


@njit(parallel=True, cache=True)
def sort_by_plane(points, shape, one):
    """Stable counting sort of the points by `_bin`; returns the order and where each bin starts."""
    count, bins = points.shape[0], shape[0] + 2
    own = np.empty(count, np.int32)
    histogram = np.zeros((CHUNKS, bins), np.int64)
    for chunk in prange(CHUNKS):
        for n in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            own[n] = _bin(points, n, shape, one)
            histogram[chunk, own[n]] += 1
    starts = np.zeros(bins + 1, np.int64)
    position = 0
    for b in range(bins):
        starts[b] = position
        for chunk in range(CHUNKS):
            held = histogram[chunk, b]
            histogram[chunk, b] = position
            position += held
    starts[bins] = position
    order = np.empty(count, np.uint32)
    for chunk in prange(CHUNKS):
        for n in range(chunk * count // CHUNKS, (chunk + 1) * count // CHUNKS):
            order[histogram[chunk, own[n]]] = n
            histogram[chunk, own[n]] += 1
    return order, starts


@njit(inline="always")
def _spread(plane, j, k, wy0, wy1, wz0, wz1):
    """Adds a weighted value to four voxels of a plane; what lies outside is dropped."""
    ny, nz = plane.shape
    if 0 <= j < ny - 1 and 0 <= k < nz - 1:
        plane[j, k] += wy0 * wz0
        plane[j, k + 1] += wy0 * wz1
        plane[j + 1, k] += wy1 * wz0
        plane[j + 1, k + 1] += wy1 * wz1
        return
    if 0 <= j < ny:
        if 0 <= k < nz:
            plane[j, k] += wy0 * wz0
        if 0 <= k + 1 < nz:
            plane[j, k + 1] += wy0 * wz1
    if 0 <= j + 1 < ny:
        if 0 <= k < nz:
            plane[j + 1, k] += wy1 * wz0
        if 0 <= k + 1 < nz:
            plane[j + 1, k + 1] += wy1 * wz1


@njit(inline="always")
def _give(value, points, n, upper, first, stop, slope_x, slope_y, slope_z, out):
    """Adds one point's value to the planes below and above it, as far as they belong to the slab."""
    real = out.dtype.type
    one = real(1)
    x, y, z = points[n, 0], points[n, 1], points[n, 2]
    j, k = _lower(y), _lower(z)
    wx0, wx1 = _weights(x - real(upper - 1), slope_x, one)
    wy0, wy1 = _weights(y - real(j), slope_y, one)
    wz0, wz1 = _weights(z - real(k), slope_z, one)
    if upper > first:
        low = value * wx0
        _spread(out[upper - 1], j, k, low * wy0, low * wy1, wz0, wz1)
    if upper < stop:
        high = value * wx1
        _spread(out[upper], j, k, high * wy0, high * wy1, wz0, wz1)


@njit(inline="always")
def _slabs(nx):
    """How many slabs of planes there are: an even number, none of them thin."""
    return min(nx, 2 * max(1, nx // (2 * SLAB)))


@njit(parallel=True, cache=True)
def block_ranges(points, planes, one):
    """The lowest and the highest bin that the points of each block can have; low > high where none is a number."""
    count = points.shape[0]
    blocks = (count + BLOCK - 1) // BLOCK
    low, high = np.empty(blocks, np.int32), np.empty(blocks, np.int32)
    for block in prange(blocks):
        least, most = one * planes, -one
        for n in range(block * BLOCK, min(count, (block + 1) * BLOCK)):
            x = points[n, 0]
            least = x if x < least else least
            most = x if x > most else most
        low[block] = _lower(max(least, -one)) + 1
        high[block] = _lower(min(most, one * planes)) + 1
    return low, high


@njit(parallel=True, cache=True, fastmath={"contract"})
def _collect_blocks(values, points, low, high, slope_x, slope_y, slope_z, out):
    """Each slab of planes looks at the blocks that reach it: fast where neighbouring points lie close together."""
    nx, count = out.shape[0], points.shape[0]
    one = out.dtype.type(1)
    slabs = _slabs(nx)
    for slab in prange(slabs):
        first, stop = slab * nx // slabs, (slab + 1) * nx // slabs
        out[first:stop] = one - one
        for block in range(low.size):
            if high[block] < first or low[block] > stop:
                continue
            for n in range(block * BLOCK, min(count, (block + 1) * BLOCK)):
                upper = _bin(points, n, out.shape, one)
                if first <= upper <= stop:
                    _give(values[n], points, n, upper, first, stop, slope_x, slope_y, slope_z, out)


@njit(parallel=True, cache=True, fastmath={"contract"})
def _collect_sorted(values, points, order, starts, slope_x, slope_y, slope_z, out):
    """Each slab of planes collects, in ascending order, the sorted points between its planes and just outside it."""
    nx = out.shape[0]
    one = out.dtype.type(1)
    slabs = _slabs(nx)
    for slab in prange(slabs):
        first, stop = slab * nx // slabs, (slab + 1) * nx // slabs
        out[first:stop] = one - one
        for upper in range(first, stop + 1):
            for rank in range(starts[upper], starts[upper + 1]):
                n = order[rank]
                _give(values[n], points, n, upper, first, stop, slope_x, slope_y, slope_z, out)


@njit(cache=True)
def sample_transpose(values, points, slope_x, slope_y, slope_z, out):
    """The exact transpose of `sample` in the volume; only points that lie scattered need to be sorted."""
    one = out.dtype.type(1)
    low, high = block_ranges(points, out.shape[0], one)
    reach = 0
    for block in range(low.size):
        reach += max(0, high[block] - low[block])
    if reach <= SLAB * low.size:
        _collect_blocks(values, points, low, high, slope_x, slope_y, slope_z, out)
        return
    order, starts = sort_by_plane(points, out.shape, one)
    _collect_sorted(values, points, order, starts, slope_x, slope_y, slope_z, out)


@njit(inline="always")
def _sound(frame, code, volume, values):
    """Whether the buffers of a call belong together."""
    points, flags = bridge.argument(frame, 1), bridge.argument(frame, 2)
    return (
        bridge.fits(volume, code, 3)
        and bridge.fits(values, code, 1)
        and bridge.fits(points, code, 2)
        and bridge.fits(flags, bridge.INT32, 1)
        and bridge.size(points, 0) == bridge.size(values, 0)
        and bridge.size(points, 1) == 3
        and bridge.size(flags, 0) == 3
    )


def make_handler(real, code, forward):
    """The C entry point of one direction in one precision. Arguments: volume or values, points, three slope flags."""

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 3, 1):
            return bridge.refuse(frame, "physim sampling: 3 arguments and 1 result are needed")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        volume, values = (given, made) if forward else (made, given)
        if not _sound(frame, code, volume, values):
            return bridge.refuse(
                frame, "physim sampling: a 3-D volume, points (n, 3) and n values of one precision are needed"
            )
        shape = (bridge.size(volume, 0), bridge.size(volume, 1), bridge.size(volume, 2))
        count = bridge.size(values, 0)
        if count >= 1 << 32:
            return bridge.refuse(frame, "physim sampling: at most 2**32 - 1 points at a time")
        points = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 1)), real), (count, 3))
        slope = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 2)), types.int32), (3,))
        grid = carray(bridge.as_pointer(bridge.data(volume), real), shape)
        line = carray(bridge.as_pointer(bridge.data(values), real), (count,))
        if forward:
            sample(grid, points, slope[0] != 0, slope[1] != 0, slope[2] != 0, line)
        else:
            sample_transpose(line, points, slope[0] != 0, slope[1] != 0, slope[2] != 0, grid)
        return 0

    return handle


def warm_up(dtype, forward: bool) -> None:
    """Calls the kernels on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    volume, points, values = np.zeros((2, 2, 2), dtype), np.zeros((1, 3), dtype), np.zeros(1, dtype)
    if forward:
        sample(volume, points, False, False, False, values)
    else:
        sample_transpose(values, points, False, False, False, volume)
