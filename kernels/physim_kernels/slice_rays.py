"""Rays through a volume of one slice: fans and parallel beams in two dimensions.

The slice is copied into tiles (see `tiles.py`), once for rays mostly along x and once for rays mostly along y; a ray walks
from tile to tile. In the transpose each thread owns tiles, so nothing is written twice at a time, and the order of the sums
is fixed whatever the number of threads.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange

from .ray_paths import floor, planes_between
from .tiles import tile_add, tile_sum, weigh
from .vectors import lanes

BLOCKS = 8  # of tiles in the transpose: enough that threads end together, and each looks at every path once
ROOM = 32  # indices behind the last, so that every step of a ray may look at equally many


@njit(inline="always")
def empty_tiles(planes, across, dtype):
    """Zeros "tile index lane"; the length across is such that rays along a main axis do not share lines of the cache."""
    width = lanes(dtype.type(0))
    return np.zeros(((planes + width - 1) // width, across // 4 * 4 + ROOM + 2, width), dtype)


@njit(parallel=True, cache=True)
def tiles_of(volume) -> tuple[np.ndarray, np.ndarray]:
    """The slice `volume` [x, y] as tiles of planes along x, and as tiles of planes along y."""
    along_x = empty_tiles(volume.shape[0], volume.shape[1], volume.dtype)
    along_y = empty_tiles(volume.shape[1], volume.shape[0], volume.dtype)
    count = along_x.shape[0]
    for tile in prange(count + along_y.shape[0]):
        if tile < count:
            _fill(along_x[tile], volume, np.int64(tile))
        else:
            _fill(along_y[tile - count], volume.T, np.int64(tile) - count)
    return along_x, along_y


@njit(cache=True)
def _fill(made, volume, tile):
    """One tile: planes along the first axis of `volume`, side by side."""
    planes, across = volume.shape
    width = made.shape[1]
    for lane in range(min(width, planes - tile * width)):
        for index in range(across):
            made[index, lane] = volume[tile * width + lane, index]


@njit(inline="always")
def _half(path, planes, across, footprint):
    """How far from its crossing a ray meets voxels, at most."""
    widest = max(abs(path[6]), abs(path[6] + path[7] * (planes - 1))) if footprint else 1.0
    return min(0.5 * (1.0 + widest), across + 1.0)


@njit(inline="always")
def _walk(path, planes, across, width, half):
    """How a ray walks through tiles: the first one, one behind the last, and how many indices it may meet in each.

    That number is the most that any tile needs, so that loops over them are all alike.
    """
    count = -floor(-(abs(path[1]) * (width - 1) + 2 * half))
    begin, end = planes_between(path[0], path[1], -half, across - 1 + half, planes)
    ahead, behind = planes_between(path[8], path[9], 0.0, np.inf, planes)
    begin, end = max(begin, ahead), min(end, behind)
    return (begin // width, (end + width - 1) // width, count) if begin < end else (0, 0, count)


@njit(inline="always")
def _indices_met(path, plane, lead, across, padded, most):
    """First index that a ray meets in the tile that begins at `plane`, how many, and where it crosses, counted from the first."""
    place = path[0] + path[1] * plane
    low = max(floor(place + lead) + 1, 0)
    return low, min(most, padded - low) if low < across else 0, place - low


@njit(inline="always")
def _is_plain(path, planes, rows, footprint):
    """Whether a ray lies in the middle of the slice all the way, so that its thickness weighs nothing."""
    near, far = path[8], path[8] + path[9] * planes
    return not footprint and rows == 1 and path[2] == 0 and path[3] == 0 and near > 0 and far > 0


@njit(inline="always")
def _weigh_row(target, source, path, plane, row, footprint):
    """target[lane] += source[lane] times what a pixel of `row` meets of the slice's thickness, ahead of the source."""
    real = target.dtype.type
    to, of = target.ctypes.data, source.ctypes.data
    pitch, wider = path[4] + path[5] * plane, path[5]
    place, slope = real(path[2] + path[3] * plane + row * pitch), real(path[3] + row * wider)
    ahead, closer = real(path[8] + path[9] * plane), real(path[9])
    if footprint:
        weigh(to, of, place, slope, real(pitch), real(wider), ahead, closer, 1)
    else:
        weigh(to, of, place, slope, real(1), real(0), ahead, closer, 0)


@njit(cache=True, fastmath={"contract"})
def add_ray(tiles, path, planes, across, footprint, held, sums):
    """sums[row] += what the rays of one column of pixels meet in the slice; `held` [row + 1, lane] is for work."""
    real, size = tiles.dtype.type, tiles.itemsize
    padded, width, rows = tiles.shape[1], tiles.shape[2], sums.shape[0]
    half = _half(path, planes, across, footprint)
    first, last, most = _walk(path, planes, across, width, half)
    plain = _is_plain(path, planes, rows, footprint)
    held[:] = 0
    met = held[0 if plain else rows].ctypes.data
    slope, widening = real(path[1]), real(path[7])
    lead = min(path[1] * (width - 1), 0.0) - half
    for tile in range(first, last):
        plane = tile * width
        low, count, place = _indices_met(path, plane, lead, across, padded, most)
        if count <= 0:
            continue
        address = tiles.ctypes.data + (tile * padded + low) * width * size
        if footprint:
            wide = real(path[6] + path[7] * plane)
            tile_sum(met, address, count, real(place), slope, wide, widening, 1)
        else:
            tile_sum(met, address, count, real(place), slope, slope, slope, 0)
        if not plain:
            for r in range(rows):
                _weigh_row(held[r], held[rows], path, plane, r, footprint)
            held[rows] = 0
    for r in range(rows):
        for lane in range(width):
            sums[r] += held[r, lane]


@njit(inline="always")
def spread_ray(pixels, path, planes, across, footprint, begin, end, most, held, tiles):
    """The rays of one column of `pixels` onto the tiles begin..end, `most` indices in each; `held` is as in `add_ray`."""
    real, size = tiles.dtype.type, tiles.itemsize
    padded, width, rows = tiles.shape[1], tiles.shape[2], pixels.size
    half = _half(path, planes, across, footprint)
    plain = _is_plain(path, planes, rows, footprint)
    for r in range(rows):
        held[r] = pixels[r]
    met = held[0 if plain else rows].ctypes.data
    slope, widening = real(path[1]), real(path[7])
    lead = min(path[1] * (width - 1), 0.0) - half
    for tile in range(begin, end):
        plane = tile * width
        low, count, place = _indices_met(path, plane, lead, across, padded, most)
        if count <= 0:
            continue
        if not plain:
            held[rows] = 0
            for r in range(rows):
                _weigh_row(held[rows], held[r], path, plane, r, footprint)
        address = tiles.ctypes.data + (tile * padded + low) * width * size
        if footprint:
            wide = real(path[6] + path[7] * plane)
            tile_add(met, address, count, real(place), slope, wide, widening, 1)
        else:
            tile_add(met, address, count, real(place), slope, slope, slope, 0)


@njit(parallel=True, cache=True)
def collect_slice(lines, paths, main, axis, footprint, out):
    """Columns of pixels `lines` [view, column, row] onto the slice `out` [x, y], those whose main axis is `axis`."""
    planes, across = out.shape[axis], out.shape[1 - axis]
    tiles = empty_tiles(planes, across, out.dtype)
    walks = np.zeros((main.shape[0], main.shape[1], 3), np.int32)
    for view in prange(main.shape[0]):
        _walk_view(paths[view], main[view], axis, planes, across, tiles.shape[2], footprint, walks[view])
    thick = max(1, tiles.shape[0] // BLOCKS)
    for block in prange((tiles.shape[0] + thick - 1) // thick):
        first, last = block * thick, min(block * thick + thick, tiles.shape[0])
        _collect_tiles(lines, paths, walks, planes, across, footprint, first, last, tiles)
        _add_tiles(tiles, axis, first, last, out)


@njit(cache=True, fastmath={"contract"})
def _walk_view(paths, main, axis, planes, across, width, footprint, walks):
    """How the columns of one view walk through the tiles of an axis."""
    for c in range(main.size):
        if main[c] == axis:
            half = _half(paths[c], planes, across, footprint)
            walks[c, 0], walks[c, 1], walks[c, 2] = _walk(paths[c], planes, across, width, half)


@njit(cache=True, fastmath={"contract"})
def _collect_tiles(lines, paths, walks, planes, across, footprint, first, last, tiles):
    """All columns of pixels onto some tiles."""
    held = np.empty((lines.shape[2] + 1, tiles.shape[2]), tiles.dtype)
    for view in range(lines.shape[0]):
        for c in range(lines.shape[1]):
            begin, end = max(walks[view, c, 0], first), min(walks[view, c, 1], last)
            if begin < end:
                path, most = paths[view, c], walks[view, c, 2]
                spread_ray(lines[view, c], path, planes, across, footprint, begin, end, most, held, tiles)


@njit(cache=True)
def _add_tiles(tiles, axis, first, last, out):
    """Some tiles back into the slice."""
    planes, across, width = out.shape[axis], out.shape[1 - axis], tiles.shape[2]
    for tile in range(first, last):
        for lane in range(min(width, planes - tile * width)):
            plane = tile * width + lane
            for index in range(across):
                if axis == 0:
                    out[plane, index] += tiles[tile, index, lane]
                else:
                    out[index, plane] += tiles[tile, index, lane]
