"""Explicit conservative diffusion with an exact logistic reaction: many steps in one call, two buffers.

    v = u + Σ_faces c_face (u_neighbour - u),      u' = g v / (1 + (g - 1) v)

`c_face` is D_face Δt / h², zero where nothing flows, stored at the voxel below the face; `g = exp(ρ Δt)`. Rows along z
are contiguous and free of branches, so that LLVM makes vector code of them; planes along x are shared between threads.
"""

import numpy as np
from numba import njit, prange, types
from numba.extending import overload
from numba.np.numpy_support import carray

from . import bridge


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


@njit(parallel=True, cache=True, fastmath={"contract"})
def _step(u, cx, cy, cz, half, whole, out):
    """One step from `u` into `out`; the reaction lasts a whole step, or half of one if this is the last."""
    nx, ny, nz = u.shape
    one = u.dtype.type(1)
    for i in prange(nx):
        below_x, above_x = max(i - 1, 0), min(i + 1, nx - 1)
        for j in range(ny):
            below_y, above_y = max(j - 1, 0), min(j + 1, ny - 1)
            # At an outer plane the neighbour is the voxel itself: whatever the coefficient, nothing flows.
            a, x0, x1, y0, y1 = u[i, j], u[below_x, j], u[above_x, j], u[i, below_y], u[i, above_y]
            fx0, fx1, fy0, fy1, fz = cx[below_x, j], cx[i, j], cy[i, below_y], cy[i, j], cz[i, j]
            row, target = _gain_row(half, i, j), out[i, j]
            for k in range(1, nz - 1):
                c, h = a[k], _gain_at(row, k)
                v = (
                    c
                    + (fx0[k] * (x0[k] - c) + fx1[k] * (x1[k] - c))
                    + (fy0[k] * (y0[k] - c) + fy1[k] * (y1[k] - c))
                    + (fz[k - 1] * (a[k - 1] - c) + fz[k] * (a[k + 1] - c))
                )
                target[k] = _react(v, h, h if whole else one, one)
            for k in (0, nz - 1):
                c, h = a[k], _gain_at(row, k)
                below_z, above_z = max(k - 1, 0), min(k + 1, nz - 1)
                v = (
                    c
                    + (fx0[k] * (x0[k] - c) + fx1[k] * (x1[k] - c))
                    + (fy0[k] * (y0[k] - c) + fy1[k] * (y1[k] - c))
                    + (fz[below_z] * (a[below_z] - c) + fz[k] * (a[above_z] - c))
                )
                target[k] = _react(v, h, h if whole else one, one)


@njit(cache=True)
def diffuse_react(u, cx, cy, cz, half, steps, out, spare):
    """`steps` steps from `u` into `out`; `u` is only read, `spare` is scratch of the same shape."""
    if steps <= 0:
        out[:] = u
        return
    target, other = (out, spare) if steps % 2 == 1 else (spare, out)
    _step(u, cx, cy, cz, half, steps > 1, target)
    for step in range(1, steps):
        source, target, other = target, other, target
        _step(source, cx, cy, cz, half, step < steps - 1, target)


def make_handler(real, code, one_gain):
    """The C entry point for one precision. Arguments: u, three face coefficients, gain (one number or a map), step count."""

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 6, 2):
            return bridge.refuse(frame, "physim diffusion: 6 arguments and 2 results are needed")
        field, count, gain = bridge.argument(frame, 0), bridge.argument(frame, 5), bridge.argument(frame, 4)
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
        u = carray(bridge.as_pointer(bridge.data(field), real), shape)
        cx = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 1)), real), shape)
        cy = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 2)), real), shape)
        cz = carray(bridge.as_pointer(bridge.data(bridge.argument(frame, 3)), real), shape)
        steps = carray(bridge.as_pointer(bridge.data(count), types.int32), (1,))[0]
        out = carray(bridge.as_pointer(bridge.data(bridge.result(frame, 0)), real), shape)
        spare = carray(bridge.as_pointer(bridge.data(bridge.result(frame, 1)), real), shape)
        if one_gain:
            diffuse_react(
                u, cx, cy, cz, carray(bridge.as_pointer(bridge.data(gain), real), (1,)), steps, out, spare
            )
        else:
            diffuse_react(
                u, cx, cy, cz, carray(bridge.as_pointer(bridge.data(gain), real), shape), steps, out, spare
            )
        return 0

    return handle


def warm_up(dtype, one_gain: bool) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    u = np.zeros((2, 2, 2), dtype)
    gain = np.ones(1, dtype) if one_gain else np.ones_like(u)
    diffuse_react(u, u, u, u, gain, np.int32(1), u.copy(), u.copy())
