"""The gradient of fingerprints in all flip angles: backwards through the train, a vector of atoms at a time.

`fingerprints_kept` has left states at the beginning of every stretch of repetitions; each stretch is played again, from one
set of states to the next, and gone back over. All of that stays in the second-level cache.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange

from . import bridge
from .cache_lines import rows_of_lines
from .fingerprints import PARTS
from .fingerprints_kept import MOST, STATES, is_kept, length_of, tile_of, whole
from .graph_adjoint_vectors import back_complex, back_real, decayed
from .graph_arguments import GIVEN, array, sizes, train_of, wrong
from .graph_train import B1, ROWS, SIGN, prepared, set_factors, turned
from .graph_vectors import FACTORS, copy_rows, play_complex, play_real
from .vectors import lanes, vector_bytes


@njit(cache=True)
def _again(table, tissue, orders, begin, end, kept, factors, slots, out):
    """One stretch from its kept states, each repetition's result beside its beginning; all factors are left as well."""
    parts, like = slots.shape[1], slots.dtype.type(0)
    row = vector_bytes(like)
    part = slots.shape[2] * row
    q, z = orders + 3, 2 * orders + 4
    for k in range(parts):
        slots[0, k, 1 : orders + 1] = kept[k, :orders]
        slots[0, k, q : q + orders] = kept[k, orders : 2 * orders]
        slots[0, k, z : z + orders] = kept[k, 2 * orders :]
    stride, of, to = parts * part, tissue.ctypes.data, out.ctypes.data
    for n in range(begin, end):
        at, mine = slots.ctypes.data + (n - begin) * stride, factors.ctypes.data + (n - begin) * FACTORS * row
        if n > begin:
            copy_rows(like, mine - FACTORS * row, mine, FACTORS)
        set_factors(like, table, n, n == begin, parts, of, mine)
        moves, places = (stride + row, stride - row, stride), (at + row, at + q * row, at + z * row)
        if parts == 1:
            play_real(like, *places, *moves, part, part, mine, orders, to)
        else:
            play_complex(like, *places, *moves, part, part, mine, orders, to)


@njit(cache=True)
def _echoes(weights, table, tissue, first, echoes):
    """Sensitivities of echoes before their decay from those of signals, whose imaginary parts count negative in JAX."""
    parts = echoes.shape[1]
    for lane in range(echoes.shape[2]):
        atom = min(first + lane, weights.shape[0] - 1)
        counts = first + lane < weights.shape[0]
        for n in range(echoes.shape[0]):
            real, imaginary = weights[atom, n, 0] * counts, -weights[atom, n, 1] * counts
            if parts == 2:
                echoes[n, 0, lane], echoes[n, 1, lane] = real, imaginary
            else:
                cosine, sine = turned(table, n, tissue, lane)
                echoes[n, 0, lane] = sine * real + cosine * imaginary


@njit(cache=True)
def _back(parts, like, slot, part, bars, part_bar, room, index, orders, factors, echo, out):
    """One repetition backwards, everything by its address; P̄ moves one row up with each, Q̄ one down."""
    row = vector_bytes(like)
    p_bar, q_bar, z_bar = (
        bars + index * row,
        bars + (2 * room - orders - 2 - index) * row,
        bars + 2 * room * row,
    )
    p, q, z = slot + row, slot + (orders + 3) * row, slot + (2 * orders + 4) * row
    if parts == 1:
        back_real(like, p, q, z, p_bar, q_bar, z_bar, part, part_bar, factors, echo, orders, out)
    else:
        back_complex(like, p, q, z, p_bar, q_bar, z_bar, part, part_bar, factors, echo, orders, out)


@njit(cache=True)
def _stretch_back(begin, end, count, orders, slots, bars, factors, echoes, changes):
    """Repetitions `end` − 1 to `begin` backwards; what each gives to its flip angle is left in `changes`."""
    like, parts = slots.dtype.type(0), slots.shape[1]
    row = vector_bytes(like)
    part, part_bar, room = slots.shape[2] * row, bars.shape[1] * row, (bars.shape[1] - orders) // 2
    slot, mine, echo = slots.ctypes.data, factors.ctypes.data, echoes.ctypes.data + begin * parts * row
    first, out = bars.ctypes.data, changes.ctypes.data + begin * row
    for n in range(end - begin - 1, -1, -1):
        one = mine + n * FACTORS * row
        decayed(like, parts, echo + n * parts * row, one)
        _back(
            parts, like, slot + n * parts * part, part, first, part_bar, room, count - 1 - begin - n, orders, one,
            echo + n * parts * row, out + n * row,
        )  # fmt: skip


@njit(cache=True)
def _some(part, shares, table, atoms, orders, parts, weights, kept, stretches, each):
    """What one share of the atoms gives to the gradient."""
    width, count, dtype = lanes(atoms.dtype.type(0)), table.shape[0], atoms.dtype
    tiles = (atoms.shape[1] + width - 1) // width
    length = length_of(count, stretches)
    rooms, slot = 2 * (count + orders + 2) + orders, 3 * orders + 4
    bars = rows_of_lines(parts * rooms, width, dtype).reshape(parts, rooms, width)
    slots = rows_of_lines((length + 1) * parts * slot, width, dtype).reshape(length + 1, parts, slot, width)
    factors, out = rows_of_lines(length * FACTORS, width, dtype), rows_of_lines(parts, width, dtype)
    echoes = rows_of_lines(count * parts, width, dtype).reshape(count, parts, width)
    tissue, changes = rows_of_lines(ROWS, width, dtype), rows_of_lines(count, width, dtype)
    for tile in range(part * tiles // shares, (part + 1) * tiles // shares):
        for n in range(width):
            for row in range(ROWS):
                tissue[row, n] = atoms[row, min(tile * width + n, atoms.shape[1] - 1)]
        _echoes(weights, table, tissue, tile * width, echoes)
        mine = tile_of(kept, tile, stretches, parts, orders, width)
        bars[:] = 0
        for stretch in range(stretches - 1, -1, -1):
            begin, end = stretch * length, min((stretch + 1) * length, count)
            _again(table, tissue, orders, begin, end, mine[stretch], factors, slots, out)
            _stretch_back(begin, end, count, orders, slots, bars, factors, echoes, changes)
        for n in range(count):
            for lane in range(width):
                each[n, lane] += changes[n, lane] * tissue[B1, lane]


@njit(cache=True)
def _add_up(each, table, made):
    """The sum over shares and lanes; within the parallel function every small sum would start the threads anew."""
    for n in range(made.size):
        total = 0.0
        for part in range(each.shape[0]):
            for lane in range(each.shape[2]):
                total += each[part, n, lane]
        made[n] = total * table[n, SIGN]


@njit(parallel=True, cache=True)
def flip_gradient(weights, kept, stretches, atoms, flip, phase, tr, te, orders, made):
    """Σ over atoms and echoes of the sensitivities (atom, repetition, 2) times the derivatives in each flip angle."""
    parts, table = prepared(atoms, flip, phase, tr, te)
    # Work arrays are fresh memory, which costs as much as several vectors of atoms.
    shares = min(PARTS, max(2, atoms.shape[1] // (8 * lanes(atoms.dtype.type(0)))))
    each = np.zeros((shares, flip.size, lanes(atoms.dtype.type(0))))
    for part in prange(shares):
        _some(np.int64(part), shares, table, atoms, orders, parts, weights, kept, stretches, each[part])
    _add_up(each, table, made)


def make_handler(real, code):
    """The C entry point for one precision.

    Arguments: sensitivities (atom, repetition), complex; states kept by `fingerprints_kept`; then as in `graph_arguments`.
    """
    complex_code = bridge.COMPLEX[code]

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 2 + GIVEN, 1):
            return bridge.refuse(frame, "physim flip gradient: 8 arguments and 1 result are needed")
        trouble, made = wrong(frame, 2, code), bridge.result(frame, 0)
        weights, kept = bridge.argument(frame, 0), bridge.argument(frame, 1)
        fit = (
            bridge.fits(weights, complex_code, 2)
            and bridge.fits(kept, code, 3)
            and bridge.fits(made, code, 1)
        )
        if trouble == 1 or not fit:
            return bridge.refuse(frame, "physim flip gradient: wrong precision or number of dimensions")
        atoms, count, orders = sizes(frame, 2)
        stretches = bridge.size(kept, 0)
        fit = bridge.size(weights, 0) == atoms and bridge.size(weights, 1) == count
        fit = fit and bridge.size(made, 0) == count and is_kept(kept, atoms, orders)
        if trouble == 2 or not fit:
            return bridge.refuse(
                frame, "physim flip gradient: shapes of atoms, train, states or result differ"
            )
        flip_gradient(
            array(weights, (atoms, count, 2), real),
            array(kept, (stretches * 2 * STATES * orders * whole(atoms),), real),
            stretches,
            array(bridge.argument(frame, 2), (ROWS, atoms), real),
            *train_of(frame, 2, count, real),
            orders,
            array(made, (count,), real),
        )
        return 0

    return handle


def warm_up(dtype) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    train, kept = np.ones((4, 2)), np.zeros(2 * STATES * 2 * MOST, dtype)
    flip_gradient(
        np.ones((2, 2, 2), dtype), kept, 1, np.ones((ROWS, 2), dtype), *train, 2, np.zeros(2, dtype)
    )
