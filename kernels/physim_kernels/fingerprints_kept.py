"""Fingerprints that will be differentiated: signals as ever, and states kept at the beginning of every stretch of the train.

The gradient in flip angles (`fingerprints_transpose`) goes on from those states, so that the train is not played a third time.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange

from . import bridge
from .cache_lines import rows_of_lines
from .fingerprints import PARTS, play, write_signals
from .graph_arguments import GIVEN, array, sizes, train_of, wrong
from .graph_train import ROWS, START, prepared, set_factors
from .graph_vectors import FACTORS
from .vectors import lanes, vector_bytes

STATES, MOST = 3, 16  # F₊, F₋* and Z of every order; the most atoms of a vector on any processor


@njit(inline="always")
def whole(atoms):
    """Atoms rounded up to whole vectors."""
    return (atoms + MOST - 1) // MOST * MOST


@njit(inline="always")
def is_kept(buffer, atoms, orders):
    """Whether a buffer has room for the states of every stretch, its first axis."""
    return (
        bridge.size(buffer, 0) >= 1
        and bridge.size(buffer, 1) == 2 * STATES * orders
        and bridge.size(buffer, 2) == whole(atoms)
    )


@njit(inline="always")
def length_of(count, stretches):
    """Repetitions in a stretch; the last ones may be shorter, or empty."""
    return (count + stretches - 1) // stretches


@njit(cache=True)
def tile_of(kept, tile, stretches, parts, orders, width):
    """The states of one vector of atoms. Real ones fill the first half of the memory, whose rest is never touched."""
    size = stretches * parts * STATES * orders * width
    return kept[tile * size : (tile + 1) * size].reshape(stretches, parts, STATES * orders, width)


@njit(cache=True)
def _keep(parts, states, index, orders, kept):
    """Copies the states before repetition `index` to a set (part, 3 orders, atom)."""
    room = (states.shape[1] - orders) // 2
    p, q, z = room - orders - 2 - index, room + index, 2 * room
    for part in range(parts):
        kept[part, :orders] = states[part, p : p + orders]
        kept[part, orders : 2 * orders] = states[part, q : q + orders]
        kept[part, 2 * orders :] = states[part, z : z + orders]


@njit(cache=True)
def _tile(table, tissue, orders, length, factors, states, out, kept):
    """The whole train for one vector of atoms, keeping states at the beginning of every stretch."""
    like, parts, room = states.dtype.type(0), states.shape[0], (states.shape[1] - orders) // 2
    row, begin, at = vector_bytes(like), states.ctypes.data, factors.ctypes.data
    of, to = tissue.ctypes.data, out.ctypes.data
    states[:] = 0
    states[0, 2 * room] = tissue[START]
    for stretch in range(kept.shape[0]):
        first = stretch * length
        _keep(parts, states, first, orders, kept[stretch])
        for n in range(first, min(first + length, table.shape[0])):
            set_factors(like, table, n, False, parts, of, at)
            play(parts, like, begin, room, row, n, at, orders, to + n * parts * row)


@njit(cache=True)
def _some(part, shares, table, atoms, orders, parts, made, kept, stretches):
    """One share of the atoms."""
    width, count = lanes(atoms.dtype.type(0)), table.shape[0]
    tiles, rooms = (atoms.shape[1] + width - 1) // width, 2 * (count + orders + 2) + orders
    states = rows_of_lines(parts * rooms, width, atoms.dtype).reshape(parts, rooms, width)
    out = rows_of_lines(count * parts, width, atoms.dtype).reshape(count, parts, width)
    factors, tissue = rows_of_lines(FACTORS, width, atoms.dtype), rows_of_lines(ROWS, width, atoms.dtype)
    for tile in range(part * tiles // shares, (part + 1) * tiles // shares):
        for n in range(width):
            for row in range(ROWS):
                tissue[row, n] = atoms[row, min(tile * width + n, atoms.shape[1] - 1)]
        mine = tile_of(kept, tile, stretches, parts, orders, width)
        _tile(table, tissue, orders, length_of(count, stretches), factors, states, out, mine)
        write_signals(table, tissue, parts, out, tile * width, made)


@njit(parallel=True, cache=True)
def fingerprints_kept(atoms, flip, phase, tr, te, orders, made, kept, stretches):
    """Signals (1, atoms, repetitions, 2) of atoms (rows, atoms), and states in `kept`, flat."""
    parts, table = prepared(atoms, flip, phase, tr, te)
    shares = min(PARTS, (atoms.shape[1] + 3) // 4)
    for part in prange(shares):
        _some(np.int64(part), shares, table, atoms, orders, parts, made, kept, stretches)


def make_handler(real, code):
    """The C entry point for one precision; arguments as in `graph_arguments`, results signals and states."""
    complex_code = bridge.COMPLEX[code]

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, GIVEN, 2):
            return bridge.refuse(frame, "physim fingerprints: 6 arguments and 2 results are needed")
        trouble, made, kept = wrong(frame, 0, code), bridge.result(frame, 0), bridge.result(frame, 1)
        if trouble == 1 or not bridge.fits(made, complex_code, 3) or not bridge.fits(kept, code, 3):
            return bridge.refuse(frame, "physim fingerprints: wrong precision or number of dimensions")
        atoms, count, orders = sizes(frame, 0)
        fit = bridge.has_shape(made, (1, atoms, count)) and is_kept(kept, atoms, orders)
        if trouble == 2 or not fit:
            return bridge.refuse(
                frame, "physim fingerprints: wrong shape of the atoms, the train or a result"
            )
        stretches = bridge.size(kept, 0)
        fingerprints_kept(
            array(bridge.argument(frame, 0), (ROWS, atoms), real),
            *train_of(frame, 0, count, real),
            orders,
            array(made, (1, atoms, count, 2), real),
            array(kept, (stretches * 2 * STATES * orders * whole(atoms),), real),
            stretches,
        )
        return 0

    return handle


def warm_up(dtype) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    train, kept = np.ones((4, 2)), np.zeros(2 * STATES * 2 * MOST, dtype)
    fingerprints_kept(np.ones((ROWS, 2), dtype), *train, 2, np.zeros((1, 2, 2, 2), dtype), kept, 1)
