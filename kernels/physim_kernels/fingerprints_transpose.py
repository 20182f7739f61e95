"""The gradient of fingerprints in all flip angles: backwards through the train, a vector of atoms at a time.

States are kept every √TR repetitions on a first pass; each stretch between is then played again, from one set of states to
the next, and gone back over. All of that stays in the second-level cache.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import math

import numpy as np
from numba import njit, prange
from numba.np.numpy_support import carray

from . import bridge
from .fingerprints import B1, FREQUENCY, PARTS, ROWS, START, kind_of, play, set_factors
from .graph_adjoint_vectors import back_complex, back_real
from .graph_vectors import COSINE_ECHO, ECHO, FACTORS, SINE_ECHO, play_complex, play_real
from .vectors import lanes


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
def _first_pass(train, known, tissue, orders, length, factors, states, out, kept):
    """The whole train, keeping states at the beginning of every stretch."""
    parts, room = states.shape[0], (states.shape[1] - orders) // 2
    states[:] = 0
    states[0, 2 * room] = tissue[START]
    for n in range(train[0].size):
        if n % length == 0:
            _keep(parts, states, n, orders, kept[n // length])
        set_factors(train, known, tissue, parts, n, factors)
        play(parts, states, n, orders, factors, out)


@njit(cache=True)
def _again(train, known, tissue, orders, begin, end, kept, factors, slots, out):
    """One stretch from its kept states, each repetition's result beside its beginning; all factors are left as well."""
    parts, like = slots.shape[1], slots.dtype.type(0)
    row = slots.shape[3] * slots.itemsize
    part = slots.shape[2] * row
    q, z = orders + 3, 2 * orders + 4
    for k in range(parts):
        slots[0, k, 1 : orders + 1] = kept[k, :orders]
        slots[0, k, q : q + orders] = kept[k, orders : 2 * orders]
        slots[0, k, z : z + orders] = kept[k, 2 * orders :]
    for n in range(begin, end):
        at = slots.ctypes.data + (n - begin) * parts * part
        mine, stride = factors[n - begin], parts * part
        if n > begin:
            mine[:] = factors[n - begin - 1]
            set_factors(train, known, tissue, parts, n, mine)
        else:
            _refresh(train, known, tissue, parts, n, mine)
        moves = stride + row, stride - row, stride
        places = at + row, at + q * row, at + z * row
        if parts == 1:
            play_real(like, *places, *moves, part, part, mine.ctypes.data, orders, out.ctypes.data)
        else:
            play_complex(like, *places, *moves, part, part, mine.ctypes.data, orders, out.ctypes.data)


@njit(cache=True)
def _refresh(train, known, tissue, parts, n, factors):
    """Factors of repetition n where those of the one before are not at hand: as if it were the first of a train of one more."""
    flip, phase, tr, te = train
    last = min(n + 2, flip.size)
    some = flip[n:last], phase[n:last], tr[n:last], te[n:last]
    set_factors(some, known[n:last], tissue, parts, 0, factors)


@njit(cache=True)
def _echo(weights, train, tissue, factors, n, first, echo):
    """Sensitivities of P₀ behind the pulse from those of the signals, whose imaginary parts count negative in JAX."""
    _, phase, _, te = train
    for lane in range(echo.shape[1]):
        atom = first + lane
        if atom >= weights.shape[0]:
            echo[:, lane] = 0
            continue
        real, imaginary = weights[atom, n, 0], -weights[atom, n, 1]
        if echo.shape[0] == 2:
            c, s = factors[COSINE_ECHO, lane], factors[SINE_ECHO, lane]
            echo[0, lane], echo[1, lane] = c * real + s * imaginary, c * imaginary - s * real
        elif tissue[FREQUENCY, lane] != 0:
            angle = 2 * math.pi * tissue[FREQUENCY, lane] * te[n]
            size = math.cos(phase[n]) * factors[ECHO, lane]
            echo[0, lane] = size * (real * math.sin(angle) + imaginary * math.cos(angle))
        else:
            echo[0, lane] = imaginary * factors[ECHO, lane] * (1.0 if phase[n] == 0 else math.cos(phase[n]))


@njit(cache=True)
def _back(parts, slots, bars, index, orders, factors, echo, out):
    """One repetition backwards; P̄ moves one row up with each, Q̄ one down."""
    like, row = slots.dtype.type(0), slots.shape[3] * slots.itemsize
    part, part_bar = slots.shape[2] * row, bars.shape[1] * row
    room = (bars.shape[1] - orders) // 2
    begin = bars.ctypes.data
    p_bar, q_bar, z_bar = (
        begin + index * row,
        begin + (2 * room - orders - 2 - index) * row,
        begin + 2 * room * row,
    )
    at, weights, to = factors.ctypes.data, echo.ctypes.data, out.ctypes.data
    p = slots.ctypes.data + row
    q, z = p + (orders + 2) * row, p + (2 * orders + 3) * row
    if parts == 1:
        back_real(like, p, q, z, p_bar, q_bar, z_bar, part, part_bar, at, weights, orders, to)
    else:
        back_complex(like, p, q, z, p_bar, q_bar, z_bar, part, part_bar, at, weights, orders, to)


@njit(cache=True)
def _some(part, shares, train, known, atoms, orders, parts, weights, made):
    """What one share of the atoms gives to the gradient."""
    width, count = lanes(atoms.dtype.type(0)), train[0].size
    tiles = (atoms.shape[1] + width - 1) // width
    length = max(1, round(math.sqrt(count)))
    stretches = (count + length - 1) // length
    dtype = atoms.dtype
    states = np.empty((parts, 2 * (count + orders + 2) + orders, width), dtype)
    bars = np.empty((parts, 2 * (count + orders + 2) + orders, width), dtype)
    kept = np.empty((stretches, parts, 3 * orders, width), dtype)
    slots = np.zeros((length + 1, parts, 3 * orders + 4, width), dtype)
    factors = np.zeros((length, FACTORS, width), dtype)
    out, echo = np.empty((count, parts, width), dtype), np.empty((parts, width), dtype)
    tissue, by_flip = np.empty((atoms.shape[0], width), dtype), np.empty((1, width), dtype)
    for tile in range(part * tiles // shares, (part + 1) * tiles // shares):
        for n in range(width):
            atom = min(tile * width + n, atoms.shape[1] - 1)
            for row in range(atoms.shape[0]):
                tissue[row, n] = atoms[row, atom]
        _first_pass(train, known, tissue, orders, length, factors[0], states, out, kept)
        bars[:] = 0
        for stretch in range(stretches - 1, -1, -1):
            begin, end = stretch * length, min((stretch + 1) * length, count)
            _again(train, known, tissue, orders, begin, end, kept[stretch], factors, slots, out)
            for n in range(end - 1, begin - 1, -1):
                mine = factors[n - begin]
                _echo(weights, train, tissue, mine, n, tile * width, echo)
                _back(
                    parts, slots[n - begin : n - begin + 1], bars, count - 1 - n, orders, mine, echo, by_flip
                )
                sign = math.cos(train[1][n]) if parts == 1 else 1.0
                for lane in range(width):
                    made[n] += sign * by_flip[0, lane] * tissue[B1, lane]


@njit(parallel=True, cache=True)
def flip_gradient(weights, atoms, flip, phase, tr, te, orders, made):
    """Σ over atoms and echoes of the sensitivities (atom, repetition, 2) times the derivatives in each flip angle."""
    parts, known = kind_of(atoms, flip, phase, tr)
    shares = min(PARTS, (atoms.shape[1] + 3) // 4)
    each = np.zeros((shares, flip.size))
    for part in prange(shares):
        _some(np.int64(part), shares, (flip, phase, tr, te), known, atoms, orders, parts, weights, each[part])
    made[:] = each.sum(0)


@njit(inline="always")
def _array(frame, index, shape, real):
    """An argument as an array."""
    return carray(bridge.as_pointer(bridge.data(bridge.argument(frame, index)), real), shape)


def make_handler(real, code):
    """The C entry point for one precision.

    Arguments: sensitivities (atom, repetition), complex; atoms (8, atom); flip, phase, TR and TE (repetition); and as many
    integers as there are orders.
    """
    complex_code = bridge.COMPLEX[code]

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 7, 1):
            return bridge.refuse(frame, "physim flip gradient: 7 arguments and 1 result are needed")
        weights, given, made = bridge.argument(frame, 0), bridge.argument(frame, 1), bridge.result(frame, 0)
        if not bridge.fits(weights, complex_code, 2) or not bridge.fits(given, code, 2):
            return bridge.refuse(frame, "physim flip gradient: wrong precision or number of dimensions")
        for index in range(2, 7):
            expected = bridge.INT32 if index == 6 else code
            if not bridge.fits(bridge.argument(frame, index), expected, 1):
                return bridge.refuse(frame, "physim flip gradient: wrong precision or number of dimensions")
        atoms, count = bridge.size(weights, 0), bridge.size(weights, 1)
        orders = bridge.size(bridge.argument(frame, 6), 0)
        if bridge.size(given, 0) != ROWS or bridge.size(given, 1) != atoms or min(orders, atoms, count) < 1:
            return bridge.refuse(
                frame, "physim flip gradient: atoms must be (8, atoms), and orders at least 1"
            )
        for index in range(2, 6):
            if bridge.size(bridge.argument(frame, index), 0) != count:
                return bridge.refuse(frame, "physim flip gradient: flip, phase, TR and TE differ in length")
        if not bridge.fits(made, code, 1) or bridge.size(made, 0) != count:
            return bridge.refuse(frame, "physim flip gradient: the result has a wrong precision or shape")
        flip_gradient(
            _array(frame, 0, (atoms, count, 2), real),
            _array(frame, 1, (ROWS, atoms), real),
            _array(frame, 2, (count,), real).astype(np.float64),
            _array(frame, 3, (count,), real).astype(np.float64),
            _array(frame, 4, (count,), real).astype(np.float64),
            _array(frame, 5, (count,), real).astype(np.float64),
            orders,
            carray(bridge.as_pointer(bridge.data(made), real), (count,)),
        )
        return 0

    return handle


def warm_up(dtype) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    train = np.ones((4, 2))
    flip_gradient(np.ones((2, 2, 2), dtype), np.ones((ROWS, 2), dtype), *train, 2, np.zeros(2, dtype))
