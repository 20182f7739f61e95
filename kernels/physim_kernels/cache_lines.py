"""Work arrays that begin where a cache line does, so that no vector lies across two of them."""

import numpy as np
from numba import njit

LINE = 64  # bytes of a cache line, and of the widest vector


@njit(cache=True)
def rows_of_lines(count, width, dtype):
    """Zeros (count, width) whose rows all begin with a line if one of them is as long as a line, or several."""
    room = np.zeros(count * width + LINE, dtype)
    begin = (-room.ctypes.data % LINE) // room.itemsize
    return room[begin : begin + count * width].reshape(count, width)
