"""What the kernels of fingerprints have in common as XLA calls them: atoms, a train, and orders as a length."""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from . import bridge
from .graph_train import ROWS

GIVEN = 6  # atoms (8, atom); flip, phase, TR and TE (repetition); as many integers as there are orders


@njit(cache=True)
def wrong(frame, first, code):
    """Which of the arguments from number `first` on does not fit: 0 if all do, 1 for a precision, 2 for a size."""
    for index in range(GIVEN):
        expected = bridge.INT32 if index == GIVEN - 1 else code
        if not bridge.fits(bridge.argument(frame, first + index), expected, 2 if index == 0 else 1):
            return 1
    atoms, count, orders = sizes(frame, first)
    if bridge.size(bridge.argument(frame, first), 0) != ROWS or min(atoms, count, orders) < 1:
        return 2
    for index in range(2, 5):
        if bridge.size(bridge.argument(frame, first + index), 0) != count:
            return 2
    return 0


@njit(cache=True)
def sizes(frame, first):
    """How many atoms, repetitions and orders."""
    atoms, flip = bridge.argument(frame, first), bridge.argument(frame, first + 1)
    return bridge.size(atoms, 1), bridge.size(flip, 0), bridge.size(bridge.argument(frame, first + 5), 0)


@njit(inline="always")
def array(buffer, shape, real):
    """A buffer as an array."""
    return carray(bridge.as_pointer(bridge.data(buffer), real), shape)


@njit(inline="always")
def train_of(frame, first, count, real):
    """Flip angles, phases, TR and TE in double precision."""
    return (
        array(bridge.argument(frame, first + 1), (count,), real).astype(np.float64),
        array(bridge.argument(frame, first + 2), (count,), real).astype(np.float64),
        array(bridge.argument(frame, first + 3), (count,), real).astype(np.float64),
        array(bridge.argument(frame, first + 4), (count,), real).astype(np.float64),
    )
