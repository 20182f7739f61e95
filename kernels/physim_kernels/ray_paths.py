"""Where rays run through a grid: the numbers that projection and its transpose share, in double precision.

All lengths are mm in the frame of the grid. In voxels, with focal spot S and pixel P, the ray is at S + t (P − S); its main
axis m is the one along which it passes most voxels, and at plane i of it t = (i − S_m) / (P_m − S_m). Parallel rays are at
P + t D, with their direction D in the place of S.

Where the detector's rows are parallel to z, one path in the plane serves a whole column of pixels: at plane i, rows are
evenly spaced along z.
"""

import numpy as np
from numba import njit

# What a path holds, by place: see `column_path`.
PATH_NUMBERS = 10
NO_PATH, ALONG_X, ALONG_Y = -1, 0, 1


@njit(inline="always")
def floor(x):
    """The largest whole number not above x; the cast truncates towards zero."""
    whole = int(x)
    return whole - 1 if x < whole else whole


@njit(inline="always")
def _foot_and_step(spacing, source, pixel, parallel, axis):
    """A point of a ray and the step from t = 0 to t = 1, in voxels along one axis."""
    if parallel:
        return pixel / spacing[axis], source[axis] / spacing[axis]
    return source[axis] / spacing[axis], (pixel - source[axis]) / spacing[axis]


@njit(cache=True)
def column_path(spacing, source, column, lower, upper, row, rows, parallel, path):
    """The shared path of a column of pixels, or NO_PATH where its rays need one each.

    Fills `path`: start and slope per plane of the crossing, of z on row 0, of the rows' step along z, of the shadow's width,
    and of t, which is positive ahead of the source. Returns the main axis.
    """
    if row[0] != 0 or row[1] != 0:
        return NO_PATH
    foot_x, step_x = _foot_and_step(spacing, source, column[0], parallel, 0)
    foot_y, step_y = _foot_and_step(spacing, source, column[1], parallel, 1)
    main = ALONG_X if abs(step_x) >= abs(step_y) else ALONG_Y
    first = column[2] - 0.5 * (rows - 1) * row[2]
    foot_z, step_z = _foot_and_step(spacing, source, first, parallel, 2)
    last_z = step_z if parallel else step_z + (rows - 1) * row[2] / spacing[2]
    foot, step = (foot_x, step_x) if main == ALONG_X else (foot_y, step_y)
    other_foot, other_step = (foot_y, step_y) if main == ALONG_X else (foot_x, step_x)
    if max(abs(step_z), abs(last_z)) > abs(step) or step == 0:
        return NO_PATH
    gain = 1 / step
    near = -foot * gain
    path[0], path[1] = other_foot + near * other_step, gain * other_step
    path[2], path[3] = foot_z + near * step_z, gain * step_z
    pitch = row[2] / spacing[2]
    path[4], path[5] = (pitch, 0.0) if parallel else (near * pitch, gain * pitch)
    path[6], path[7] = _shadow(spacing, source, lower, upper, parallel, main)
    path[8], path[9] = (1.0, 0.0) if parallel else (near, gain)
    return main


@njit(inline="always")
def _shadow(spacing, source, lower, upper, parallel, main):
    """Start and slope of the width between the crossings of a column's borders."""
    start, slope = 0.0, 0.0
    other = 1 - main
    for border, sign in ((lower, -1.0), (upper, 1.0)):
        foot, step = _foot_and_step(spacing, source, border[main], parallel, main)
        other_foot, other_step = _foot_and_step(spacing, source, border[other], parallel, other)
        start += sign * (other_foot - foot * other_step / step)
        slope += sign * other_step / step
    return start, slope


@njit(inline="always")
def step_length(spacing, source, pixel_x, pixel_y, pixel_z, parallel, axis):
    """The length of a ray between two planes of an axis, mm."""
    dx, dy, dz = source[0], source[1], source[2]
    if not parallel:
        dx, dy, dz = pixel_x - dx, pixel_y - dy, pixel_z - dz
    ahead = dx if axis == 0 else (dy if axis == 1 else dz)
    return np.sqrt(dx * dx + dy * dy + dz * dz) * spacing[axis] / abs(ahead)


@njit(cache=True)
def ray_path(spacing, source, column, lower, upper, row, lift, parallel, path):
    """The path of one ray, `lift` rows above the middle one, between its main axis m and the axes m + 1 and m + 2.

    Fills `path`: start and slope of both crossings and of t, which is positive ahead of the source; start and slope of the
    widths of the shadow, of the columns' and of the rows' borders, along both axes. Returns m.
    """
    main, widest = 0, -1.0
    for axis in range(3):
        _, step = _foot_and_step(spacing, source, column[axis] + lift * row[axis], parallel, axis)
        if abs(step) > widest:
            main, widest = axis, abs(step)
    foot, step = _foot_and_step(spacing, source, column[main] + lift * row[main], parallel, main)
    path[4], path[5] = (1.0, 0.0) if parallel else (-foot / step, 1 / step)
    upright = row[0] == 0 and row[1] == 0
    for k in range(2):
        axis = (main + 1 + k) % 3
        path[2 * k], path[2 * k + 1] = _beside(spacing, source, column, row, lift, parallel, main, axis)
        for number in range(2):
            start, slope = 0.0, 0.0
            if not (upright and axis == 2 and number == 0):
                for sign in (-1.0, 1.0):
                    border = column if number == 1 else (lower if sign < 0 else upper)
                    height = lift + 0.5 * sign if number == 1 else lift
                    s, w = _beside(spacing, source, border, row, height, parallel, main, axis)
                    start += sign * s
                    slope += sign * w
            path[6 + 4 * k + 2 * number], path[7 + 4 * k + 2 * number] = start, slope
    return main


@njit(inline="always")
def _beside(spacing, source, column, row, lift, parallel, main, axis):
    """Start and slope of the crossing along one axis."""
    foot, step = _foot_and_step(spacing, source, column[main] + lift * row[main], parallel, main)
    other_foot, other_step = _foot_and_step(spacing, source, column[axis] + lift * row[axis], parallel, axis)
    return other_foot - foot * other_step / step, other_step / step


RAY_NUMBERS = 14


@njit(inline="always")
def shadow_width(path, k, plane):
    """Width of a ray's shadow along its other axis k at a plane, voxels."""
    columns = path[6 + 4 * k] + path[7 + 4 * k] * plane
    rows = path[8 + 4 * k] + path[9 + 4 * k] * plane
    return np.sqrt(columns * columns + rows * rows)


@njit(inline="always")
def share(place, width, index, footprint):
    """How much of a voxel a ray (Joseph: linear interpolation) or a shadow of `width` (distance-driven) meets."""
    away = abs(place - index)
    if not footprint:
        return max(0.0, 1.0 - away)
    return min(max((1.0 + width) / 2 - away, 0.0), min(1.0, width)) / width


@njit(inline="always")
def first_met(place, width, footprint):
    """The first voxel that a ray or shadow meets."""
    return floor(place - (1.0 + width) / 2) + 1 if footprint else floor(place)


@njit(inline="always")
def last_met(place, width, footprint):
    """The last voxel that a ray or shadow meets."""
    return -floor(-(place + (1.0 + width) / 2)) - 1 if footprint else floor(place) + 1


@njit(inline="always")
def rows_met(begin, step, half, nz, rows):
    """First and last of `rows` rows at begin + step × r that lie within `half` of a line of `nz` voxels."""
    if step == 0:
        return (0, rows - 1) if -half < begin < nz - 1 + half else (0, -1)
    end = begin + step * (rows - 1)
    if min(begin, end) > -half and max(begin, end) < nz - 1 + half:
        return 0, rows - 1
    a, b = (-half - begin) / step, (nz - 1 + half - begin) / step
    lowest, highest = (a, b) if a < b else (b, a)
    # Bounded before they become whole numbers: near the source they may be huge.
    return -floor(-min(max(lowest, 0.0), rows + 1.0)), floor(max(min(highest, rows - 1.0), -1.0))


@njit(inline="always")
def planes_between(start, slope, low, high, planes):
    """First plane, and one behind the last, where low < start + slope × plane < high; bounds in whole planes, rounded inwards."""
    if slope == 0:
        return (0, planes) if low < start < high else (0, 0)
    a, b = (low - start) / slope, (high - start) / slope
    lowest, highest = (a, b) if a < b else (b, a)
    first = floor(max(min(lowest, planes + 1.0), -1.0)) + 1
    return first, max(-floor(-max(min(highest, planes + 0.0), 0.0)), first)
