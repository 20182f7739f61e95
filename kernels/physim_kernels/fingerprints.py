"""Fingerprints: echoes of unbalanced trains by configuration states, atoms side by side in vectors.

States of one vector of atoms stay in the first-level cache; exponentials are taken anew only where TR or TE change. Only
orders that can be filled are treated. The arithmetic of a repetition is in `graph_vectors`.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange

from . import bridge
from .cache_lines import rows_of_lines
from .graph_arguments import GIVEN, array, sizes, train_of, wrong
from .graph_train import ROWS, START, prepared, set_factors, turned
from .graph_vectors import (
    FACTORS,
    play_complex,
    play_complex_with_tangents,
    play_real,
    play_real_with_tangents,
)
from .vectors import lanes

PARTS = 64  # shares of the atoms, whatever the threads
START_D1 = START + 1


@njit(cache=True)
def play(groups, like, begin, room, row, index, at, orders, to):
    """One repetition, by the intrinsic that fits; P begins one row lower with each repetition, Q one higher.

    `begin`: address of a group, which holds P in rows 0 to room − 1, Q in the next `room`, then Z; groups are real and
    imaginary parts, then those of the derivatives. `at`: address of the factors. `to`: of the echo.
    """
    part = (2 * room + orders) * row
    p, q, z = begin + (room - orders - 2 - index) * row, begin + (room + index) * row, begin + 2 * room * row
    count = min(index + 1, orders)
    if groups == 1:
        play_real(like, p, q, z, 0, 0, 0, part, part, at, count, to)
    elif groups == 2:
        play_complex(like, p, q, z, 0, 0, 0, part, 2 * part, at, count, to)
    elif groups == 3:
        play_real_with_tangents(like, p, q, z, 0, 0, 0, part, part, at, count, to)
    else:
        play_complex_with_tangents(like, p, q, z, 0, 0, 0, part, 2 * part, at, count, to)


@njit(cache=True)
def _tile(table, tissue, orders, parts, factors, states, out):
    """All repetitions for one vector of atoms."""
    like, row, groups = states.dtype.type(0), states.shape[2] * states.itemsize, states.shape[0]
    room = (states.shape[1] - orders) // 2
    begin, at, to, of = states.ctypes.data, factors.ctypes.data, out.ctypes.data, tissue.ctypes.data
    states[:] = 0
    states[0, 2 * room] = tissue[START]
    if groups > 2:
        states[parts, 2 * room] = tissue[START_D1]
    for n in range(table.shape[0]):
        set_factors(like, table, n, False, parts, of, at)
        play(groups, like, begin, room, row, n, at, orders, to + n * groups * row)


@njit(cache=True)
def write_signals(table, tissue, parts, out, first, made):
    """From echoes beside each other by atom to signals, atom by atom."""
    for n in range(min(made.shape[1] - first, out.shape[2])):
        for k in range(out.shape[1] // parts):
            line = made[k, first + n]
            for j in range(line.shape[0]):
                if parts == 2:
                    line[j, 0], line[j, 1] = out[j, 2 * k, n], out[j, 2 * k + 1, n]
                else:
                    cosine, sine = turned(table, j, tissue, n)
                    line[j, 0], line[j, 1] = sine * out[j, k, n], cosine * out[j, k, n]


@njit(cache=True)
def _some(part, shares, table, atoms, orders, parts, made):
    """One share of the atoms."""
    width = lanes(atoms.dtype.type(0))
    tiles = (atoms.shape[1] + width - 1) // width
    groups, count = parts * made.shape[0], table.shape[0]
    rooms = 2 * (count + orders + 2) + orders
    states = rows_of_lines(groups * rooms, width, atoms.dtype).reshape(groups, rooms, width)
    out = rows_of_lines(count * groups, width, atoms.dtype).reshape(count, groups, width)
    factors = rows_of_lines(FACTORS, width, atoms.dtype)
    tissue = np.empty((atoms.shape[0], width), atoms.dtype)
    for tile in range(part * tiles // shares, (part + 1) * tiles // shares):
        for n in range(width):
            atom = min(tile * width + n, atoms.shape[1] - 1)
            for row in range(atoms.shape[0]):
                tissue[row, n] = atoms[row, atom]
        _tile(table, tissue, orders, parts, factors, states, out)
        write_signals(table, tissue, parts, out, tile * width, made)


@njit(parallel=True, cache=True)
def fingerprints(atoms, flip, phase, tr, te, orders, made):
    """Signals (1, atoms, repetitions, 2), or with derivatives in T1 and T2 (3, ...), of atoms (rows as named above, atoms)."""
    parts, table = prepared(atoms, flip, phase, tr, te)
    shares = min(PARTS, (atoms.shape[1] + 3) // 4)
    for part in prange(shares):
        _some(np.int64(part), shares, table, atoms, orders, parts, made)


def make_handler(real, code, tangents: bool):
    """The C entry point for one precision, with or without derivatives; arguments as in `graph_arguments`."""
    complex_code = bridge.COMPLEX[code]
    sets = 3 if tangents else 1

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, GIVEN, 1):
            return bridge.refuse(frame, "physim fingerprints: 6 arguments and 1 result are needed")
        trouble, made = wrong(frame, 0, code), bridge.result(frame, 0)
        if trouble == 1 or not bridge.fits(made, complex_code, 3):
            return bridge.refuse(frame, "physim fingerprints: wrong precision or number of dimensions")
        atoms, count, orders = sizes(frame, 0)
        if trouble == 2 or not bridge.has_shape(made, (sets, atoms, count)):
            return bridge.refuse(
                frame, "physim fingerprints: wrong shape of the atoms, the train or the result"
            )
        given = array(bridge.argument(frame, 0), (ROWS, atoms), real)
        signals = array(made, (sets, atoms, count, 2), real)
        fingerprints(given, *train_of(frame, 0, count, real), orders, signals)
        return 0

    return handle


def warm_up(dtype, tangents: bool) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    train = np.ones((4, 2))
    made = np.zeros((3 if tangents else 1, 2, 2, 2), dtype)
    fingerprints(np.ones((ROWS, 2), dtype), *train, 2, made)
