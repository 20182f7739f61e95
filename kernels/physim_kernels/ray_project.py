"""Line integrals: planes of voxels one after the other, added up on the detector.

Where rows are parallel to z, a plane's voxels are interpolated in the plane once for a whole column of pixels, along
contiguous memory, and the line so made is resampled onto the column's rows (`lanes.resample`).
"""

import numpy as np
from numba import njit, prange

from .lanes import PAD, resample
from .ray_paths import (
    ALONG_X,
    NO_PATH,
    PATH_NUMBERS,
    RAY_NUMBERS,
    column_path,
    first_met,
    floor,
    last_met,
    ray_path,
    rows_met,
    shadow_width,
    share,
    step_length,
)
from .slice_rays import add_ray, tiles_of

COLUMNS = 16  # columns of the detector that share the lines of voxels in cache
COLUMNS_OF_SLICE = 128  # the same for a volume of one slice


@njit(parallel=True, cache=True)
def project(volume, spacing, source, columns, edges, row, footprint, parallel, out):
    """out[view, row, column] = ∫ volume dl."""
    views, count, flat = columns.shape[0], columns.shape[1], volume.shape[2] == 1
    along_x, along_y = tiles_of(volume[:, :, 0] if flat else volume[:0, :0, 0])
    size = COLUMNS_OF_SLICE if flat else COLUMNS
    blocks = (count + size - 1) // size
    for task in prange(views * blocks):
        view, first = task // blocks, (task % blocks) * size
        last = min(first + size, count)
        rays = columns[view, first:last], edges[view, first : last + 1], row[view]
        made = out[view, :, first:last]
        if flat:
            _project_slice(volume, along_x, along_y, spacing, source[view], *rays, footprint, parallel, made)
        else:
            _project_block(volume, spacing, source[view], *rays, footprint, parallel, made)


@njit(cache=True, fastmath={"contract"})
def _project_slice(volume, along_x, along_y, spacing, source, columns, edges, row, footprint, parallel, out):
    """Neighbouring columns of one view through a volume of one slice."""
    rows = out.shape[0]
    path, sums = np.empty(PATH_NUMBERS), np.empty(rows, volume.dtype)
    held = np.empty((rows + 1, along_x.shape[2]), volume.dtype)
    for n in range(columns.shape[0]):
        column, lower, upper = columns[n], edges[n], edges[n + 1]
        main = column_path(spacing, source, column, lower, upper, row, rows, parallel, path)
        if main == NO_PATH:
            _project_rays(volume, spacing, source, column, lower, upper, row, footprint, parallel, out[:, n])
            continue
        sums[:] = 0
        if main == ALONG_X:
            add_ray(along_x, path, volume.shape[0], volume.shape[1], footprint, held, sums)
        else:
            add_ray(along_y, path, volume.shape[1], volume.shape[0], footprint, held, sums)
        _measure(spacing, source, column, row, parallel, main, sums, out[:, n])


@njit(inline="always")
def _measure(spacing, source, column, row, parallel, main, sums, out):
    """Sums over planes times the length of each ray between two planes."""
    rows = out.shape[0]
    for r in range(rows):
        height = column[2] + (r - 0.5 * (rows - 1)) * row[2]
        out[r] = sums[r] * step_length(spacing, source, column[0], column[1], height, parallel, main)


@njit(cache=True, fastmath={"contract"})
def _project_block(volume, spacing, source, columns, edges, row, footprint, parallel, out):
    """Neighbouring columns of one view."""
    rows, count = out.shape
    paths, main = np.empty((count, PATH_NUMBERS)), np.empty(count, np.int64)
    sums = np.zeros((count, rows + PAD), volume.dtype)
    line = np.zeros(volume.shape[2] + 2 * PAD, volume.dtype)
    for n in range(count):
        column, lower, upper = columns[n], edges[n], edges[n + 1]
        main[n] = column_path(spacing, source, column, lower, upper, row, rows, parallel, paths[n])
        if main[n] == NO_PATH:
            _project_rays(volume, spacing, source, column, lower, upper, row, footprint, parallel, out[:, n])
    for axis in range(2):
        for plane in range(volume.shape[axis]):
            for n in range(count):
                if main[n] == axis:
                    _add_plane(volume, paths[n], axis, plane, footprint, line, rows, sums[n])
    for n in range(count):
        if main[n] != NO_PATH:
            _measure(spacing, source, columns[n], row, parallel, main[n], sums[n], out[:, n])


@njit(inline="always")
def _add_plane(volume, path, axis, plane, footprint, line, rows, sums):
    """One plane of voxels onto one column of pixels."""
    nz = volume.shape[2]
    place, width = path[0] + path[1] * plane, abs(path[6] + path[7] * plane)
    low = max(first_met(place, width, footprint), 0)
    high = min(last_met(place, width, footprint), volume.shape[1 - axis] - 1)
    if low > high or path[8] + path[9] * plane <= 0:
        return
    begin, step = path[2] + path[3] * plane, path[4] + path[5] * plane
    size = abs(step)
    half = 0.5 * (1.0 + size) if footprint else 1.0
    first, last = rows_met(begin, step, half, nz, rows)
    if first > last:
        return
    ends = begin + step * first, begin + step * last
    z_first, z_last = max(floor(min(ends) - half), 0), min(floor(max(ends) + half) + 1, nz - 1)
    _mix(volume, axis, plane, place, width, low, high, footprint, z_first, z_last, line)
    if footprint:
        gain = 1.0 / size
        resample(sums, line, begin, step, first, last, half * gain, gain, min(1.0, gain))
    else:
        resample(sums, line, begin, step, first, last, 1.0, 1.0, 1.0)


@njit(inline="always")
def _mix(volume, axis, plane, place, width, low, high, footprint, z_first, z_last, line):
    """The lines low..high of a plane, weighted, into `line`."""
    real = volume.dtype.type
    target = line[PAD + z_first : PAD + z_last + 1]
    if low == high:
        weight = real(share(place, width, low, footprint))
        only = volume[plane, low] if axis == 0 else volume[low, plane]
        source = only[z_first : z_last + 1]
        for k in range(target.size):
            target[k] = weight * source[k]
        return
    wa, wb = real(share(place, width, low, footprint)), real(share(place, width, low + 1, footprint))
    a = (volume[plane, low] if axis == 0 else volume[low, plane])[z_first : z_last + 1]
    b = (volume[plane, low + 1] if axis == 0 else volume[low + 1, plane])[z_first : z_last + 1]
    for k in range(target.size):
        target[k] = wa * a[k] + wb * b[k]
    for other in range(low + 2, high + 1):
        weight = real(share(place, width, other, footprint))
        more = (volume[plane, other] if axis == 0 else volume[other, plane])[z_first : z_last + 1]
        for k in range(target.size):
            target[k] += weight * more[k]


@njit(cache=True, fastmath={"contract"})
def _project_rays(volume, spacing, source, column, lower, upper, row, footprint, parallel, out):
    """Pixels of one column whose rays share no path: any tilt, any direction."""
    path = np.empty(RAY_NUMBERS)
    rows = out.shape[0]
    for r in range(rows):
        lift = r - 0.5 * (rows - 1)
        axis = ray_path(spacing, source, column, lower, upper, row, lift, parallel, path)
        total = 0.0
        for plane in range(volume.shape[axis]):
            if path[4] + path[5] * plane > 0:
                total += _plane_value(volume, path, axis, plane, footprint)
        x, y, z = column[0] + lift * row[0], column[1] + lift * row[1], column[2] + lift * row[2]
        out[r] = total * step_length(spacing, source, x, y, z, parallel, axis)


@njit(inline="always")
def _plane_value(volume, path, axis, plane, footprint):
    """What one ray meets in one plane."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    a, b = path[0] + path[1] * plane, path[2] + path[3] * plane
    wide_a, wide_b = (shadow_width(path, 0, plane), shadow_width(path, 1, plane)) if footprint else (1.0, 1.0)
    total = 0.0
    last_b = min(last_met(b, wide_b, footprint), volume.shape[second] - 1)
    for i in range(
        max(first_met(a, wide_a, footprint), 0),
        min(last_met(a, wide_a, footprint), volume.shape[first] - 1) + 1,
    ):
        line = 0.0
        for j in range(max(first_met(b, wide_b, footprint), 0), last_b + 1):
            x, y, z = (plane, i, j) if axis == 0 else ((j, plane, i) if axis == 1 else (i, j, plane))
            line += share(b, wide_b, j, footprint) * volume[x, y, z]
        total += share(a, wide_a, i, footprint) * line
    return total
