"""Fingerprints: echoes of unbalanced trains by configuration states, atoms side by side in vectors.

States of one vector of atoms stay in the first-level cache; exponentials are taken anew only where TR or TE change. Only
orders that can be filled are treated. The arithmetic of a repetition is in `graph_vectors`.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import math

import numpy as np
from numba import njit, prange
from numba.np.numpy_support import carray

from . import bridge
from .graph_factors import decays, echo_sizes, in_step, phases, sines, squares
from .graph_vectors import (
    COSINE_ECHO,
    COSINE_W,
    D1,
    D2,
    E1,
    E2,
    ECHO,
    ECHO_D2,
    FACTORS,
    SINE,
    SINE_ECHO,
    SINE_W,
    VERSINE,
    play_complex,
    play_complex_with_tangents,
    play_real,
    play_real_with_tangents,
)
from .vectors import lanes

PARTS = 64  # shares of the atoms, whatever the threads
T1, T2, B1, FREQUENCY, START, START_D1, PD, T2_PRIME = range(8)
ROWS = 8


@njit(cache=True)
def play(groups, states, index, orders, factors, out):
    """One repetition, by the intrinsic that fits; P begins one row lower with each repetition, Q one higher.

    A group holds P in rows 0 to room − 1, Q in the next `room`, then Z; groups are real and imaginary parts, then those of
    the derivatives.
    """
    like, room = states.dtype.type(0), (states.shape[1] - orders) // 2
    row = states.shape[2] * states.itemsize
    begin, part = states.ctypes.data, states.shape[1] * row
    p, q, z = begin + (room - orders - 2 - index) * row, begin + (room + index) * row, begin + 2 * room * row
    count, at, to = min(index + 1, orders), factors.ctypes.data, out.ctypes.data + index * groups * row
    if groups == 1:
        play_real(like, p, q, z, 0, 0, 0, part, part, at, count, to)
    elif groups == 2:
        play_complex(like, p, q, z, 0, 0, 0, part, 2 * part, at, count, to)
    elif groups == 3:
        play_real_with_tangents(like, p, q, z, 0, 0, 0, part, part, at, count, to)
    else:
        play_complex_with_tangents(like, p, q, z, 0, 0, 0, part, 2 * part, at, count, to)


@njit(cache=True)
def set_factors(train, known, tissue, parts, n, factors):
    """The factors of repetition n, given those of the one before."""
    flip, phase, tr, te = train
    if n == 0 or tr[n] != tr[n - 1] or te[n] != te[n - 1]:
        decays(factors[E1], tr[n], tissue[T1])
        decays(factors[E2], tr[n], tissue[T2])
        echo_sizes(factors[ECHO], te[n], tissue[T2], tissue[T2_PRIME], tissue[PD])
        squares(factors[D1], tr[n], tissue[T1])
        squares(factors[D2], tr[n], tissue[T2])
        squares(factors[ECHO_D2], te[n], tissue[T2])
    sign = math.cos(phase[n]) if parts == 1 else 1.0
    if known.shape[0] > 0:
        factors[SINE], factors[VERSINE] = sign * known[n, 0], known[n, 1]
    else:
        sines(factors[SINE], factors[VERSINE], sign * flip[n], tissue[B1])
    if parts == 2:
        step = (phase[n + 1] if n + 1 < flip.size else phase[n]) - phase[n]
        phases(factors[COSINE_W], factors[SINE_W], factors[E2], step, tr[n], tissue[FREQUENCY])
        phases(factors[COSINE_ECHO], factors[SINE_ECHO], factors[ECHO], 0.0, te[n], tissue[FREQUENCY])


@njit(cache=True)
def _tile(train, known, tissue, orders, parts, factors, states, out):
    """All repetitions for one vector of atoms."""
    flip = train[0]
    groups = states.shape[0]
    states[:] = 0
    z = 2 * ((states.shape[1] - orders) // 2)
    states[0, z] = tissue[START]
    if groups > 2:
        states[parts, z] = tissue[START_D1]
    for n in range(flip.size):
        set_factors(train, known, tissue, parts, n, factors)
        play(groups, states, n, orders, factors, out)


@njit(cache=True)
def _write(train, tissue, parts, out, first, made):
    """From echoes beside each other by atom to signals, atom by atom."""
    _, phase, _, te = train
    sets = out.shape[1] // parts
    for n in range(made.shape[1] - first if made.shape[1] - first < out.shape[2] else out.shape[2]):
        turned = parts == 1 and tissue[FREQUENCY, n] != 0
        for k in range(sets):
            line = made[k, first + n]
            if parts == 2:
                for j in range(te.size):
                    line[j, 0], line[j, 1] = out[j, 2 * k, n], out[j, 2 * k + 1, n]
            elif turned:
                for j in range(te.size):
                    angle = 2 * math.pi * tissue[FREQUENCY, n] * te[j]
                    size = math.cos(phase[j]) * out[j, k, n]
                    line[j, 0], line[j, 1] = size * math.sin(angle), size * math.cos(angle)
            else:
                for j in range(te.size):
                    line[j, 0], line[j, 1] = 0.0, out[j, k, n]
                    if phase[j] != 0:
                        line[j, 1] *= math.cos(phase[j])


@njit(cache=True)
def _some(part, shares, train, known, atoms, orders, parts, made):
    """One share of the atoms."""
    width = lanes(atoms.dtype.type(0))
    tiles = (atoms.shape[1] + width - 1) // width
    groups, count = parts * made.shape[0], train[0].size
    states = np.empty((groups, 2 * (count + orders + 2) + orders, width), atoms.dtype)
    out, factors = np.empty((count, groups, width), atoms.dtype), np.empty((FACTORS, width), atoms.dtype)
    tissue = np.empty((atoms.shape[0], width), atoms.dtype)
    for tile in range(part * tiles // shares, (part + 1) * tiles // shares):
        for n in range(width):
            atom = min(tile * width + n, atoms.shape[1] - 1)
            for row in range(atoms.shape[0]):
                tissue[row, n] = atoms[row, atom]
        _tile(train, known, tissue, orders, parts, factors, states, out)
        _write(train, tissue, parts, out, tile * width, made)


@njit(cache=True)
def kind_of(atoms, flip, phase, tr):
    """Whether states are real (1) or complex (2), and sines and versed sines of the flip angles where B1 is the same."""
    real, even = in_step(phase, tr)
    still = np.all(atoms[FREQUENCY] == 0)
    known = np.empty((0, 2))
    if np.all(atoms[B1] == atoms[B1, 0]):
        half = 0.5 * flip * np.float64(atoms[B1, 0])
        known = np.stack((np.sin(2 * half), 2 * np.sin(half) ** 2), axis=1)
    return 1 if real and (even or still) else 2, known


@njit(parallel=True, cache=True)
def fingerprints(atoms, flip, phase, tr, te, orders, made):
    """Signals (1, atoms, repetitions, 2), or with derivatives in T1 and T2 (3, ...), of atoms (rows as named above, atoms)."""
    parts, known = kind_of(atoms, flip, phase, tr)
    shares = min(PARTS, (atoms.shape[1] + 3) // 4)
    for part in prange(shares):
        _some(np.int64(part), shares, (flip, phase, tr, te), known, atoms, orders, parts, made)


@njit(inline="always")
def _array(frame, index, shape, real):
    """An argument as an array."""
    return carray(bridge.as_pointer(bridge.data(bridge.argument(frame, index)), real), shape)


def make_handler(real, code, tangents: bool):
    """The C entry point for one precision, with or without derivatives.

    Arguments: atoms (8, atom), flip, phase, TR and TE (repetition), and as many integers as there are orders.
    """
    complex_code = bridge.COMPLEX[code]
    sets = 3 if tangents else 1

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 6, 1):
            return bridge.refuse(frame, "physim fingerprints: 6 arguments and 1 result are needed")
        for index in range(6):
            expected = bridge.INT32 if index == 5 else code
            if not bridge.fits(bridge.argument(frame, index), expected, 2 if index == 0 else 1):
                return bridge.refuse(frame, "physim fingerprints: wrong precision or number of dimensions")
        made = bridge.result(frame, 0)
        count, atoms = bridge.size(bridge.argument(frame, 1), 0), bridge.size(bridge.argument(frame, 0), 1)
        orders = bridge.size(bridge.argument(frame, 5), 0)
        if bridge.size(bridge.argument(frame, 0), 0) != ROWS or orders < 1 or atoms < 1 or count < 1:
            return bridge.refuse(
                frame, "physim fingerprints: atoms must be (8, atoms), and orders at least 1"
            )
        for index in range(2, 5):
            if bridge.size(bridge.argument(frame, index), 0) != count:
                return bridge.refuse(frame, "physim fingerprints: flip, phase, TR and TE differ in length")
        if not bridge.fits(made, complex_code, 3) or not bridge.has_shape(made, (sets, atoms, count)):
            return bridge.refuse(frame, "physim fingerprints: the result has a wrong precision or shape")
        signals = carray(bridge.as_pointer(bridge.data(made), real), (sets, atoms, count, 2))
        fingerprints(
            _array(frame, 0, (ROWS, atoms), real),
            _array(frame, 1, (count,), real).astype(np.float64),
            _array(frame, 2, (count,), real).astype(np.float64),
            _array(frame, 3, (count,), real).astype(np.float64),
            _array(frame, 4, (count,), real).astype(np.float64),
            orders,
            signals,
        )
        return 0

    return handle


def warm_up(dtype, tangents: bool) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    train = np.ones((4, 2))
    made = np.zeros((3 if tangents else 1, 2, 2, 2), dtype)
    fingerprints(np.ones((ROWS, 2), dtype), *train, 2, made)
