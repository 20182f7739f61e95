"""A train of pulses as one table, a row for each repetition, and the factors of a repetition for a vector of atoms.

One array instead of seven: counting who holds an array is an atomic operation, and took longer than the arithmetic.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import math

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from .graph_factors import decays, echo_sizes, phases, sines, squares
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
)
from .vectors import lanes, pointer, spread, vector_bytes

# Rows of atoms.
T1, T2, B1, FREQUENCY, START, START_D1, PD, T2_PRIME = range(8)
ROWS = 8
# Columns of a train. SIGN: cos of the phase where states are real. STEP: of the phase to the next pulse. FRESH: whether TR
# or TE are others than before. KNOWN: whether SINE and VERSINE (1 − cos) of the flip angle are the same for all atoms.
FLIP, SIGN, KNOWN_SINE, KNOWN_VERSINE, STEP, TR, TE, FRESH, KNOWN, COLUMNS = range(10)
IN_STEP = 1e-6  # by which the sine of a phase may miss 0 to count as a phase of 0 or π


@njit(cache=True)
def prepared(atoms, flip, phase, tr, te):
    """Whether states are real (1) or complex (2), and the table."""
    even, in_step = np.all(tr == tr[0]), np.all(np.abs(np.sin(phase)) < IN_STEP)
    parts = 1 if in_step and (even or np.all(atoms[FREQUENCY] == 0)) else 2
    table = np.zeros((flip.size, COLUMNS))
    known, half = np.all(atoms[B1] == atoms[B1, 0]), 0.5 * np.float64(atoms[B1, 0])
    for n in range(flip.size):
        row = table[n]
        row[SIGN] = math.cos(phase[n]) if parts == 1 else 1.0
        row[FLIP], row[TR], row[TE], row[KNOWN] = row[SIGN] * flip[n], tr[n], te[n], known
        row[KNOWN_SINE] = row[SIGN] * math.sin(2 * half * flip[n])
        row[KNOWN_VERSINE] = 2 * math.sin(half * flip[n]) ** 2
        row[STEP] = phase[n + 1] - phase[n] if n + 1 < flip.size else 0.0
        row[FRESH] = n == 0 or tr[n] != tr[n - 1] or te[n] != te[n - 1]
    return parts, table


@njit(cache=True)
def set_factors(like, table, n, anew, parts, tissue, factors):
    """The factors of repetition n, given those of the one before, or `anew`; `tissue`, `factors`: addresses of their rows."""
    row = vector_bytes(like)
    if anew or table[n, FRESH]:
        _set_decays(like, table[n, TR], table[n, TE], tissue, factors)
    if table[n, KNOWN]:
        spread(like, factors + SINE * row, table[n, KNOWN_SINE])
        spread(like, factors + VERSINE * row, table[n, KNOWN_VERSINE])
    else:
        _set_sines(like, table[n, FLIP], tissue, factors)
    if parts == 2:
        _set_phases(like, table[n, STEP], table[n, TR], table[n, TE], tissue, factors)


@njit(cache=True)
def _rows(like, address, count):
    """Rows at an address, without an owner that would be counted."""
    return carray(pointer(like, address), (count, lanes(like)))


@njit(cache=True)
def _set_decays(like, tr, te, tissue, factors):
    tissue, factors = _rows(like, tissue, ROWS), _rows(like, factors, FACTORS)
    decays(factors[E1], tr, tissue[T1])
    decays(factors[E2], tr, tissue[T2])
    echo_sizes(factors[ECHO], te, tissue[T2], tissue[T2_PRIME], tissue[PD])
    squares(factors[D1], tr, tissue[T1])
    squares(factors[D2], tr, tissue[T2])
    squares(factors[ECHO_D2], te, tissue[T2])


@njit(cache=True)
def _set_sines(like, flip, tissue, factors):
    tissue, factors = _rows(like, tissue, ROWS), _rows(like, factors, FACTORS)
    sines(factors[SINE], factors[VERSINE], flip, tissue[B1])


@njit(cache=True)
def _set_phases(like, step, tr, te, tissue, factors):
    tissue, factors = _rows(like, tissue, ROWS), _rows(like, factors, FACTORS)
    phases(factors[COSINE_W], factors[SINE_W], factors[E2], step, tr, tissue[FREQUENCY])
    phases(factors[COSINE_ECHO], factors[SINE_ECHO], factors[ECHO], 0.0, te, tissue[FREQUENCY])


@njit(cache=True)
def turned(table, n, tissue, lane):
    """Cosine and sine of what a real echo has turned by off-resonance, with the sign of its pulse."""
    frequency, sign = tissue[FREQUENCY, lane], table[n, SIGN]
    if frequency == 0:
        return sign, 0.0
    angle = 2 * math.pi * frequency * table[n, TE]
    return sign * math.cos(angle), sign * math.sin(angle)
