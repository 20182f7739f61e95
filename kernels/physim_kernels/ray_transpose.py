"""The exact transpose of `ray_project`: each thread owns planes of voxels, so nothing is written twice at a time.

First the planes across x collect the rays that run mostly along x, then those across y and z theirs. Where rows are parallel
to z, a column of pixels is resampled onto a line of voxels once and added to the lines it lies between. The order is fixed:
the same bits come out whatever the number of threads.
"""

import numpy as np
from numba import njit, prange

from .lanes import PAD, resample
from .ray_paths import (
    NO_PATH,
    PATH_NUMBERS,
    RAY_NUMBERS,
    column_path,
    first_met,
    floor,
    last_met,
    ray_path,
    shadow_width,
    share,
    step_length,
)
from .slice_rays import collect_slice

PLANES = 4  # planes of voxels that share the detector's columns in cache


@njit(parallel=True, cache=True)
def project_transpose(values, spacing, source, columns, edges, row, footprint, parallel, out):
    """out[x, y, z] = what every voxel weighs in the rays of `values` [view, row, column]."""
    views, rows, count = values.shape
    flat = out.shape[2] == 1
    paths = np.empty((views, count, PATH_NUMBERS))
    main = np.empty((views, count), np.int64)
    lines = np.zeros((views, count, rows + 2 * (0 if flat else PAD)), values.dtype)
    for view in prange(views):
        rays = columns[view], edges[view], row[view]
        _turn(values[view], spacing, source[view], *rays, parallel, paths[view], main[view], lines[view])
    lost = np.any(main == NO_PATH)
    if flat:
        out[:] = 0
        for axis in range(2):  # a loop, lest it be compiled once for each number
            collect_slice(lines, paths, main, axis, footprint, out[:, :, 0])
    for axis in range(3):
        for block in prange((out.shape[axis] + PLANES - 1) // PLANES):
            first, last = block * PLANES, min(block * PLANES + PLANES, out.shape[axis])
            if axis == 0 and not flat:
                out[first:last] = 0
            if axis < 2 and not flat:
                _collect_lines(lines, paths, main, axis, first, last, footprint, rows, out)
            if lost:
                rays = source, columns, edges, row
                _collect_rays(values, spacing, *rays, main, footprint, parallel, axis, first, last, out)


@njit(cache=True)
def _turn(values, spacing, source, columns, edges, row, parallel, paths, main, lines):
    """Paths of a view's columns, and their pixels side by side, each times the length of its ray between two planes."""
    rows, count = values.shape
    pad = (lines.shape[1] - rows) // 2
    for c in range(count):
        lower, upper = edges[c], edges[c + 1]
        main[c] = column_path(spacing, source, columns[c], lower, upper, row, rows, parallel, paths[c])
    for r in range(rows):
        lift = (r - 0.5 * (rows - 1)) * row[2]
        for c in range(count):
            if main[c] != NO_PATH:
                x, y, z = columns[c, 0], columns[c, 1], columns[c, 2] + lift
                length = step_length(spacing, source, x, y, z, parallel, main[c])
                lines[c, pad + r] = values[r, c] * length


@njit(cache=True, fastmath={"contract"})
def _collect_lines(lines, paths, main, axis, first, last, footprint, rows, out):
    """Columns of pixels onto the lines of voxels of a few planes."""
    nz, across = out.shape[2], out.shape[1 - axis]
    sums = np.zeros(nz + PAD, out.dtype)
    for view in range(lines.shape[0]):
        for c in range(lines.shape[1]):
            if main[view, c] != axis:
                continue
            path = paths[view, c]
            for plane in range(first, last):
                place, width = path[0] + path[1] * plane, abs(path[6] + path[7] * plane)
                low = max(first_met(place, width, footprint), 0)
                high = min(last_met(place, width, footprint), across - 1)
                begin, step = path[2] + path[3] * plane, path[4] + path[5] * plane
                if low > high or path[8] + path[9] * plane <= 0 or step == 0:
                    continue
                size = abs(step)
                half = 0.5 * (1.0 + size) if footprint else 1.0
                ends = begin, begin + step * (rows - 1)
                z_first = -floor(-min(max(min(ends) - half, 0.0), nz + 1.0))
                z_last = floor(max(min(max(ends) + half, nz - 1.0), -1.0))
                if z_first > z_last:
                    continue
                sums[z_first : z_last + 1] = 0
                start, pace, line = -begin / step, 1 / step, lines[view, c]
                if footprint:
                    gain = abs(pace)
                    resample(sums, line, start, pace, z_first, z_last, half * gain, 1.0, min(1.0, gain))
                else:
                    resample(sums, line, start, pace, z_first, z_last, 1.0, size, 1.0)
                _spread(sums, axis, plane, place, width, low, high, footprint, z_first, z_last, out)


@njit(inline="always")
def _spread(sums, axis, plane, place, width, low, high, footprint, z_first, z_last, out):
    """`sums` onto the lines low..high of a plane, weighted."""
    real = out.dtype.type
    source = sums[z_first : z_last + 1]
    for other in range(low, high + 1):
        weight = real(share(place, width, other, footprint))
        line = (out[plane, other] if axis == 0 else out[other, plane])[z_first : z_last + 1]
        for k in range(source.size):
            line[k] += weight * source[k]


@njit(cache=True, fastmath={"contract"})
def _collect_rays(
    values, spacing, source, columns, edges, row, main, footprint, parallel, axis, first, last, out
):
    """Pixels whose rays share no path onto the voxels of a few planes."""
    path = np.empty(RAY_NUMBERS)
    views, rows, count = values.shape
    for view in range(views):
        for c in range(count):
            if main[view, c] != NO_PATH:
                continue
            for r in range(rows):
                lift = r - 0.5 * (rows - 1)
                column, step, spot = columns[view, c], row[view], source[view]
                lower, upper = edges[view, c], edges[view, c + 1]
                if ray_path(spacing, spot, column, lower, upper, step, lift, parallel, path) != axis:
                    continue
                x, y, z = column[0] + lift * step[0], column[1] + lift * step[1], column[2] + lift * step[2]
                value = values[view, r, c] * step_length(spacing, spot, x, y, z, parallel, axis)
                for plane in range(first, last):
                    if path[4] + path[5] * plane > 0:
                        _spread_value(value, path, axis, plane, footprint, out)


@njit(inline="always")
def _spread_value(value, path, axis, plane, footprint, out):
    """One ray's value onto the voxels it meets in one plane."""
    real = out.dtype.type
    first, second = (axis + 1) % 3, (axis + 2) % 3
    a, b = path[0] + path[1] * plane, path[2] + path[3] * plane
    wide_a, wide_b = (shadow_width(path, 0, plane), shadow_width(path, 1, plane)) if footprint else (1.0, 1.0)
    low_a, high_a = first_met(a, wide_a, footprint), min(last_met(a, wide_a, footprint), out.shape[first] - 1)
    low_b, high_b = (
        first_met(b, wide_b, footprint),
        min(last_met(b, wide_b, footprint), out.shape[second] - 1),
    )
    for i in range(max(low_a, 0), high_a + 1):
        part = share(a, wide_a, i, footprint) * value
        for j in range(max(low_b, 0), high_b + 1):
            x, y, z = (plane, i, j) if axis == 0 else ((j, plane, i) if axis == 1 else (i, j, plane))
            out[x, y, z] += real(share(b, wide_b, j, footprint) * part)
