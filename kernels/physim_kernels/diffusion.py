"""Explicit conservative diffusion with an exact logistic reaction: many steps in one call, two buffers.

    v = u + Σ_faces c_face (u_neighbour - u),      u' = g v / (1 + (g - 1) v)

`c_face` is D_face Δt / h², zero where nothing flows; D_face / h² is stored at the voxel below the face; `g = exp(ρ Δt)`.
Rows along z are contiguous and free of branches, so that LLVM makes vector code of them.

Memory bandwidth is the limit, so one sweep over the volume makes `DEPTH` steps: while plane i gets its first step, plane
i - 1 gets its second, and so on; in between, three planes of each level live in the cache. Threads own slabs along x and
repeat the few planes at their edges that a neighbour also needs, so nobody waits and the bits do not depend on the threads.
"""

import numpy as np
from numba import njit, prange, types
from numba.extending import overload
from numba.np.numpy_support import carray

from . import bridge

DEPTH = 4  # steps in one sweep
SLAB = 24  # planes in one slab, about; for each DEPTH * SLAB plane steps, DEPTH * (DEPTH - 1) are done twice


def _gain_row(gain, i, j):
    """The row of a gain map, or the one gain of all voxels; chosen when the kernel is compiled."""
    raise RuntimeError("only for compiled code")


def _gain_at(row, k):
    """One voxel's gain from what `_gain_row` gave."""
    raise RuntimeError("only for compiled code")


@overload(_gain_row, inline="always")
def _gain_row_overload(gain, i, j):
    return (lambda gain, i, j: gain[i, j]) if gain.ndim == 3 else (lambda gain, i, j: gain[0])


@overload(_gain_at, inline="always")
def _gain_at_overload(row, k):
    return (lambda row, k: row[k]) if isinstance(row, types.Array) else (lambda row, k: row)


@njit(inline="always")
def _react(v, half, again, one):
    """Exact logistic flow over half a step, or over a whole one when `again` is `half` too."""
    gain = half * again
    return gain * v / (one + (gain - one) * v)


@njit(inline="always")
def _plane(below, here, above, fx0, fx1, fy, fz, scale, half, i, whole, target):
    """One step of one plane; at an outer plane or line the neighbour is the voxel itself, so nothing flows."""
    ny, nz = here.shape
    one = here.dtype.type(1)
    for j in range(ny):
        below_y, above_y = max(j - 1, 0), min(j + 1, ny - 1)
        a, x0, x1, y0, y1 = here[j], below[j], above[j], here[below_y], here[above_y]
        cx0, cx1, cy0, cy1, cz = fx0[j], fx1[j], fy[below_y], fy[j], fz[j]
        row, made = _gain_row(half, i, j), target[j]
        for k in range(1, nz - 1):
            c, h = a[k], _gain_at(row, k)
            x = cx0[k] * (x0[k] - c) + cx1[k] * (x1[k] - c)
            y = cy0[k] * (y0[k] - c) + cy1[k] * (y1[k] - c)
            z = cz[k - 1] * (a[k - 1] - c) + cz[k] * (a[k + 1] - c)
            made[k] = _react(c + scale * (x + y + z), h, h if whole else one, one)
        for k in (0, nz - 1):
            c, h = a[k], _gain_at(row, k)
            below_z, above_z = max(k - 1, 0), min(k + 1, nz - 1)
            x = cx0[k] * (x0[k] - c) + cx1[k] * (x1[k] - c)
            y = cy0[k] * (y0[k] - c) + cy1[k] * (y1[k] - c)
            z = cz[below_z] * (a[below_z] - c) + cz[k] * (a[above_z] - c)
            made[k] = _react(c + scale * (x + y + z), h, h if whole else one, one)


@njit(inline="always")
def _state(u, ring, level, i):
    """Plane i after `level` steps: of the start, or from the ring that holds the last three planes of that level."""
    return u[i] if level == 0 else ring[level - 1, i % 3]


@njit(parallel=True, cache=True, fastmath={"contract"})
def _advance(u, cx, cy, cz, scale, half, depth, last, out):
    """`depth` steps from `u` into `out` in one sweep; `last` says that the reaction of the final step lasts only half."""
    nx, ny, nz = u.shape
    slabs = min(nx, 2 * max(1, nx // (2 * SLAB)))
    for slab in prange(slabs):
        first, stop = slab * nx // slabs, (slab + 1) * nx // slabs
        ring = np.empty((max(depth - 1, 1), 3, ny, nz), u.dtype)
        for front in range(first - depth + 1, stop + depth - 1):
            for level in range(depth):
                i, reach = front - level, depth - 1 - level
                if i < max(0, first - reach) or i >= min(nx, stop + reach):
                    continue
                lower, upper = max(i - 1, 0), min(i + 1, nx - 1)
                _plane(
                    _state(u, ring, level, lower),
                    _state(u, ring, level, i),
                    _state(u, ring, level, upper),
                    cx[lower],
                    cx[i],
                    cy[i],
                    cz[i],
                    scale,
                    half,
                    i,
                    reach > 0 or not last,
                    ring[level, i % 3] if reach > 0 else out[i],
                )


@njit(cache=True)
def diffuse_react(u, cx, cy, cz, scale, half, steps, out, spare):
    """`steps` steps of length `scale` from `u` into `out`; `u` is only read, `spare` is scratch of the same shape."""
    if steps <= 0:
        out[:] = u
        return
    sweeps = (steps + DEPTH - 1) // DEPTH
    target, other = (out, spare) if sweeps % 2 == 1 else (spare, out)
    _advance(u, cx, cy, cz, scale, half, steps - (sweeps - 1) * DEPTH, sweeps == 1, target)
    for sweep in range(1, sweeps):
        source, target, other = target, other, target
        _advance(source, cx, cy, cz, scale, half, DEPTH, sweep == sweeps - 1, target)


def make_handler(real, code, one_gain):
    """The C entry point for one precision.

    Arguments: u, three face coefficients, gain (one number or a map), length of a step, number of steps.
    """

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 7, 2):
            return bridge.refuse(frame, "physim diffusion: 7 arguments and 2 results are needed")
        field, gain = bridge.argument(frame, 0), bridge.argument(frame, 4)
        length, count = bridge.argument(frame, 5), bridge.argument(frame, 6)
        shape = (bridge.size(field, 0), bridge.size(field, 1), bridge.size(field, 2))
        for index in range(7):
            buffer = bridge.argument(frame, index) if index < 5 else bridge.result(frame, index - 5)
            if not bridge.fits(buffer, code, 3):
                return bridge.refuse(frame, "physim diffusion: arrays must be 3-D and of one precision")
            if index != 4 and not bridge.has_shape(buffer, shape):
                return bridge.refuse(frame, "physim diffusion: arrays must share one shape")
        if not bridge.has_shape(gain, (1, 1, 1) if one_gain else shape):
            return bridge.refuse(frame, "physim diffusion: the gain must be one number or a map")
        if not bridge.fits(count, bridge.INT32, 1) or bridge.size(count, 0) != 1:
            return bridge.refuse(frame, "physim diffusion: the step count must be one int32")
        if not bridge.fits(length, code, 1) or bridge.size(length, 0) != 1:
            return bridge.refuse(frame, "physim diffusion: the length of a step must be one number")
        u = carray(bridge.as_pointer(bridge.data(field), real), shape)
        cx = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 1)), real), shape)
        cy = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 2)), real), shape)
        cz = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 3)), real), shape)
        scale = carray(bridge.as_pointer(bridge.data(length), real), (1,))[0]
        steps = carray(bridge.as_pointer(bridge.data(count), types.int32), (1,))[0]
        out = carray(bridge.as_pointer(bridge.data(bridge.result(frame, 0)), real), shape)
        spare = carray(bridge.as_pointer(bridge.data(bridge.result(frame, 1)), real), shape)
        if one_gain:
            number = carray(bridge.as_pointer(bridge.data(gain), real), (1,))
            diffuse_react(u, cx, cy, cz, scale, number, steps, out, spare)
        else:
            gains = carray(bridge.as_pointer(bridge.data(gain), real), shape)
            diffuse_react(u, cx, cy, cz, scale, gains, steps, out, spare)
        return 0

    return handle


def warm_up(dtype, one_gain: bool) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    u = np.zeros((2, 2, 2), dtype)
    gain = np.ones(1, dtype) if one_gain else np.ones_like(u)
    diffuse_react(u, u, u, u, u.dtype.type(1), gain, np.int32(1), u.copy(), u.copy())
