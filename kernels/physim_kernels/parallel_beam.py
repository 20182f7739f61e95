"""Parallel-beam projection by Joseph's method, its exact transpose, and voxel-driven back-projection with its own.

Rays lie in planes of constant z, so one path in the plane serves a whole column of the detector: every inner loop runs
along z over contiguous memory, and the only index arithmetic is done once for a line of voxels.

Joseph (IEEE Trans. Med. Imaging 1 (1982) 192): a ray crosses every plane of its main axis once; there the volume is
interpolated linearly along the other axis. With `start[view, column] + slope[view] * plane` the crossing in voxels,

    out[view, column, z] = step[view] Σ_plane Σ_j hat(crossing − j) volume[plane, j, z].

Voxel-driven, with `origin[view] + along_x[view] * i + along_y[view] * j` a voxel's place on the detector in columns,

    out[i, j, z] = Σ_view Σ_column hat(place − column) values[view, column, z].

The transposes are gathers: each thread owns planes of the result (or views), in a fixed order, so there are no races and the
same bits come out whatever the number of threads.
"""

import numpy as np
from numba import njit, prange
from numba.np.numpy_support import carray

from . import bridge

TILE = 16


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
def _add_pair(target, a, b, wa, wb):
    """target += wa a + wb b, along z."""
    for k in range(target.shape[0]):
        target[k] += wa * a[k] + wb * b[k]


@njit(inline="always")
def _add_both(a, b, source, wa, wb):
    """a += wa source and b += wb source, along z."""
    for k in range(source.shape[0]):
        a[k] += wa * source[k]
        b[k] += wb * source[k]


@njit(parallel=True, cache=True, fastmath={"contract"})
def project(volume, main, start, slope, step, out):
    """Joseph's line sums; `main` is 0 where rays run mostly along x, 1 where they run along y."""
    columns = out.shape[1]
    real = volume.dtype.type
    for ray in prange(out.shape[0] * columns):
        view, column = ray // columns, ray % columns
        line = out[view, column]
        line[:] = real(0)
        along_y = main[view] > real(0.5)
        planes, across = (volume.shape[1], volume.shape[0]) if along_y else (volume.shape[0], volume.shape[1])
        for plane in range(planes):
            crossing = start[view, column] + slope[view] * real(plane)
            if not (crossing > real(-1) and crossing < across):
                continue
            low, lower, upper = _split(crossing, across, real)
            lower, upper = lower * step[view], upper * step[view]
            if along_y:
                _add_pair(line, volume[low, plane], volume[low + 1, plane], lower, upper)
            else:
                _add_pair(line, volume[plane, low], volume[plane, low + 1], lower, upper)


@njit(parallel=True, cache=True, fastmath={"contract"})
def project_transpose(values, main, start, slope, step, out):
    """The exact transpose of `project`: first the planes along x collect, then those along y."""
    nx, ny = out.shape[0], out.shape[1]
    real = out.dtype.type
    for i in prange(nx):
        plane = out[i]
        plane[:] = real(0)
        for view in range(values.shape[0]):
            if main[view] > real(0.5):
                continue
            for column in range(values.shape[1]):
                crossing = start[view, column] + slope[view] * real(i)
                if crossing > real(-1) and crossing < ny:
                    low, lower, upper = _split(crossing, ny, real)
                    _add_both(
                        plane[low],
                        plane[low + 1],
                        values[view, column],
                        lower * step[view],
                        upper * step[view],
                    )
    for j in prange(ny):
        for view in range(values.shape[0]):
            if not main[view] > real(0.5):
                continue
            for column in range(values.shape[1]):
                crossing = start[view, column] + slope[view] * real(j)
                if crossing > real(-1) and crossing < nx:
                    low, lower, upper = _split(crossing, nx, real)
                    _add_both(
                        out[low, j],
                        out[low + 1, j],
                        values[view, column],
                        lower * step[view],
                        upper * step[view],
                    )


@njit(parallel=True, cache=True, fastmath={"contract"})
def smear(values, origin, along_x, along_y, out):
    """Voxel-driven back-projection; square tiles of voxels keep the detector lines they share in cache."""
    nx, ny = out.shape[0], out.shape[1]
    columns = values.shape[1]
    real = out.dtype.type
    tiles_y = (ny + TILE - 1) // TILE
    for tile in prange(((nx + TILE - 1) // TILE) * tiles_y):
        first_x, first_y = (tile // tiles_y) * TILE, (tile % tiles_y) * TILE
        last_x, last_y = min(first_x + TILE, nx), min(first_y + TILE, ny)
        out[first_x:last_x, first_y:last_y] = real(0)
        for view in range(values.shape[0]):
            for i in range(first_x, last_x):
                for j in range(first_y, last_y):
                    place = origin[view] + along_x[view] * real(i) + along_y[view] * real(j)
                    if place > real(-1) and place < columns:
                        low, lower, upper = _split(place, columns, real)
                        _add_pair(out[i, j], values[view, low], values[view, low + 1], lower, upper)


@njit(parallel=True, cache=True, fastmath={"contract"})
def smear_transpose(volume, origin, along_x, along_y, out):
    """The exact transpose of `smear`: each thread owns views."""
    columns = out.shape[1]
    real = out.dtype.type
    for view in prange(out.shape[0]):
        out[view] = real(0)
        for i in range(volume.shape[0]):
            for j in range(volume.shape[1]):
                place = origin[view] + along_x[view] * real(i) + along_y[view] * real(j)
                if place > real(-1) and place < columns:
                    low, lower, upper = _split(place, columns, real)
                    _add_both(out[view, low], out[view, low + 1], volume[i, j], lower, upper)


@njit(inline="always")
def _numbers(frame, code, views, first, last):
    """Whether arguments `first` to `last` are vectors over the views."""
    sound = True
    for index in range(first, last + 1):
        buffer = bridge.argument(frame, index)
        sound = sound and bridge.fits(buffer, code, 1) and bridge.size(buffer, 0) == views
    return sound


@njit(inline="always")
def _wide_enough(buffer, axes):
    """Whether a 3-D buffer has at least two lines along its first `axes` axes: the interpolation needs a pair."""
    sound = bridge.size(buffer, 1) > 1
    return sound and (axes == 1 or bridge.size(buffer, 0) > 1)


def make_handler(real, code, joseph, forward):
    """The C entry point of one operator and direction in one precision.

    Joseph takes array, main, start, slope, step; voxel-driven takes array, origin, along_x, along_y.
    """
    return _joseph_handler(real, code, forward) if joseph else _smear_handler(real, code, forward)


def _joseph_handler(real, code, forward):
    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 5, 1):
            return bridge.refuse(frame, "physim parallel beam: 5 arguments and 1 result are needed")
        given, made, start = bridge.argument(frame, 0), bridge.result(frame, 0), bridge.argument(frame, 2)
        volume, values = (given, made) if forward else (made, given)
        if not (
            bridge.fits(volume, code, 3) and bridge.fits(values, code, 3) and bridge.fits(start, code, 2)
        ):
            return bridge.refuse(
                frame, "physim parallel beam: a 3-D volume and sinogram of one precision are needed"
            )
        views, columns, nz = bridge.size(values, 0), bridge.size(values, 1), bridge.size(values, 2)
        if not (
            bridge.size(volume, 2) == nz
            and bridge.size(start, 0) == views
            and bridge.size(start, 1) == columns
            and _numbers(frame, code, views, 1, 1)
            and _numbers(frame, code, views, 3, 4)
            and _wide_enough(volume, 2)
        ):
            return bridge.refuse(
                frame, "physim parallel beam: the shapes of volume, sinogram and rays do not belong together"
            )
        grid = carray(
            bridge.as_pointer(bridge.data(volume), real), (bridge.size(volume, 0), bridge.size(volume, 1), nz)
        )
        lines = carray(bridge.as_pointer(bridge.data(values), real), (views, columns, nz))
        main = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 1)), real), (views,))
        starts = carray(bridge.as_pointer(bridge.data(start), real), (views, columns))
        slope = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 3)), real), (views,))
        step = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 4)), real), (views,))
        if forward:
            project(grid, main, starts, slope, step, lines)
        else:
            project_transpose(lines, main, starts, slope, step, grid)
        return 0

    return handle


def _smear_handler(real, code, forward):
    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 4, 1):
            return bridge.refuse(frame, "physim parallel beam: 4 arguments and 1 result are needed")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        values, volume = (given, made) if forward else (made, given)
        if not (bridge.fits(volume, code, 3) and bridge.fits(values, code, 3)):
            return bridge.refuse(
                frame, "physim parallel beam: a 3-D volume and sinogram of one precision are needed"
            )
        views, columns, nz = bridge.size(values, 0), bridge.size(values, 1), bridge.size(values, 2)
        if not (
            bridge.size(volume, 2) == nz and _numbers(frame, code, views, 1, 3) and _wide_enough(values, 1)
        ):
            return bridge.refuse(
                frame,
                "physim parallel beam: the shapes of volume, sinogram and places do not belong together",
            )
        grid = carray(
            bridge.as_pointer(bridge.data(volume), real), (bridge.size(volume, 0), bridge.size(volume, 1), nz)
        )
        lines = carray(bridge.as_pointer(bridge.data(values), real), (views, columns, nz))
        origin = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 1)), real), (views,))
        along_x = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 2)), real), (views,))
        along_y = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 3)), real), (views,))
        if forward:
            smear(lines, origin, along_x, along_y, grid)
        else:
            smear_transpose(grid, origin, along_x, along_y, lines)
        return 0

    return handle


def warm_up(dtype, joseph: bool, forward: bool) -> None:
    """Calls one kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    volume, values = np.zeros((2, 2, 1), dtype), np.zeros((1, 2, 1), dtype)
    one, two = np.zeros(1, dtype), np.zeros((1, 2), dtype)
    if joseph and forward:
        project(volume, one, two, one, one, values)
    elif joseph:
        project_transpose(values, one, two, one, one, volume)
    elif forward:
        smear(values, one, one, one, volume)
    else:
        smear_transpose(volume, one, one, one, values)
