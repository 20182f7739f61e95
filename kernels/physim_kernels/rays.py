"""The entry points of projection and its transpose: what XLA calls, with every shape checked."""

import numpy as np
from numba import njit, types
from numba.np.numpy_support import carray

from . import bridge
from .ray_project import project
from .ray_transpose import project_transpose


@njit(inline="always")
def _fits(buffer, code, first, second, third):
    """Whether a buffer has this shape; a third length of 0 stands for a matrix."""
    if not bridge.fits(buffer, code, 3 if third else 2):
        return False
    sound = bridge.size(buffer, 0) == first and bridge.size(buffer, 1) == second
    return sound and (third == 0 or bridge.size(buffer, 2) == third)


def make_handler(real, code, forward):
    """The C entry point of one direction in one precision.

    Arguments: volume or values, spacing (3), source, columns, edges and row as in `ray_project.project`, and the two flags
    footprint and parallel as whole numbers.
    """

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 7, 1):
            return bridge.refuse(frame, "physim rays: 7 arguments and 1 result are needed")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        volume, values = (given, made) if forward else (made, given)
        spacing, flags = bridge.argument(frame, 1), bridge.argument(frame, 6)
        if not (
            bridge.fits(volume, code, 3)
            and bridge.fits(values, code, 3)
            and bridge.fits(spacing, code, 1)
            and bridge.fits(flags, bridge.INT32, 1)
        ):
            return bridge.refuse(frame, "physim rays: a 3-D volume and sinogram of one precision are needed")
        views, rows, count = bridge.size(values, 0), bridge.size(values, 1), bridge.size(values, 2)
        source, columns = bridge.argument(frame, 2), bridge.argument(frame, 3)
        edges, row = bridge.argument(frame, 4), bridge.argument(frame, 5)
        if not (
            bridge.size(spacing, 0) == 3
            and bridge.size(flags, 0) == 2
            and _fits(source, code, views, 3, 0)
            and _fits(columns, code, views, count, 3)
            and _fits(edges, code, views, count + 1, 3)
            and _fits(row, code, views, 3, 0)
        ):
            return bridge.refuse(frame, "physim rays: the shapes of sinogram and rays do not belong together")
        shape = (bridge.size(volume, 0), bridge.size(volume, 1), bridge.size(volume, 2))
        grid = carray(bridge.as_pointer(bridge.data(volume), real), shape)
        sino = carray(bridge.as_pointer(bridge.data(values), real), (views, rows, count))
        step = carray(bridge.as_pointer(bridge.data(spacing), real), (3,))
        spots = carray(bridge.as_pointer(bridge.data(source), real), (views, 3))
        middles = carray(bridge.as_pointer(bridge.data(columns), real), (views, count, 3))
        borders = carray(bridge.as_pointer(bridge.data(edges), real), (views, count + 1, 3))
        lift = carray(bridge.as_pointer(bridge.data(row), real), (views, 3))
        kind = carray(bridge.as_pointer(bridge.data(flags), types.int32), (2,))
        if forward:
            project(grid, step, spots, middles, borders, lift, kind[0] != 0, kind[1] != 0, sino)
        else:
            project_transpose(sino, step, spots, middles, borders, lift, kind[0] != 0, kind[1] != 0, grid)
        return 0

    return handle


def warm_up(dtype, forward: bool) -> None:
    """Calls one kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    volume, values = np.zeros((2, 2, 2), dtype), np.zeros((1, 1, 1), dtype)
    spacing, source = np.ones(3, dtype), np.array([[0, -9, 0]], dtype)
    columns, edges = np.array([[[0, 9, 0]]], dtype), np.array([[[-1, 9, 0], [1, 9, 0]]], dtype)
    row = np.array([[0, 0, 1]], dtype)
    if forward:
        project(volume, spacing, source, columns, edges, row, False, False, values)
    else:
        project_transpose(values, spacing, source, columns, edges, row, False, False, volume)
