"""Sine, cosine and decay for loops that LLVM turns into vectors: polynomials without branches in single precision.

Angles are in cycles within [-½, ½]. With s = sin πx and c = cos πx from Taylor polynomials (next terms 7 × 10⁻¹⁰ and
6 × 10⁻⁹ at the ends), sin 2πx = 2 s c and cos 2πx = 1 − 2 s². Double precision goes through the mathematics library.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

_F = np.float32
ONE, TWO, SIXTEENTH, LARGEST = _F(1), _F(2), _F(1 / 16), _F(40)
S1, S3, S5, S7, S9, S11, S13 = (
    _F((-1) ** n * math.pi ** (2 * n + 1) / math.factorial(2 * n + 1)) for n in range(7)
)
C2, C4, C6, C8, C10, C12 = (_F((-1) ** n * math.pi ** (2 * n) / math.factorial(2 * n)) for n in range(1, 7))
D1, D3, D5, D7, D9, D11, D13 = (
    (-1) ** n * math.pi ** (2 * n + 1) / math.factorial(2 * n + 1) for n in range(7)
)
B2, B4, B6, B8, B10, B12 = ((-1) ** n * math.pi ** (2 * n) / math.factorial(2 * n) for n in range(1, 7))
E2, E3, E4, E5, E6, E7 = (_F(1 / math.factorial(n)) for n in range(2, 8))


def sine_cosine(cycles) -> tuple:
    """sin(2π cycles), cos(2π cycles) for cycles in [-½, ½]."""
    raise RuntimeError("only for compiled code")


def rounded_turn(cycles, like) -> tuple:
    """sin(2π cycles), cos(2π cycles) of a double in [-½, ½], rounded to the precision of the array `like`."""
    raise RuntimeError("only for compiled code")


def decay(exponent):
    """exp(−exponent) for an exponent of at least 0; to 10⁻⁷ of 1 in single precision."""
    raise RuntimeError("only for compiled code")


@njit(inline="always")
def _sine_cosine_single(x):
    y = x * x
    s = x * (S1 + y * (S3 + y * (S5 + y * (S7 + y * (S9 + y * (S11 + y * S13))))))
    c = ONE + y * (C2 + y * (C4 + y * (C6 + y * (C8 + y * (C10 + y * C12)))))
    return TWO * s * c, ONE - TWO * s * s


@njit(inline="always")
def _sine_cosine_double(x):
    # The same polynomials without rounding: to 10⁻⁹, for results that are rounded to single precision.
    y = x * x
    s = x * (D1 + y * (D3 + y * (D5 + y * (D7 + y * (D9 + y * (D11 + y * D13))))))
    c = 1.0 + y * (B2 + y * (B4 + y * (B6 + y * (B8 + y * (B10 + y * B12)))))
    return 2.0 * s * c, 1.0 - 2.0 * s * s


@njit(inline="always")
def _decay_single(x):
    # exp(−x/16) − 1, squared four times as (1 + u)² − 1: nothing is lost against 1.
    y = -SIXTEENTH * min(x, LARGEST)
    u = y * (ONE + y * (E2 + y * (E3 + y * (E4 + y * (E5 + y * (E6 + y * E7))))))
    u = u * (TWO + u)
    u = u * (TWO + u)
    u = u * (TWO + u)
    u = u * (TWO + u)
    return ONE + u


@overload(sine_cosine, inline="always")
def _sine_cosine_overload(cycles):
    if cycles == types.float32:
        return lambda cycles: _sine_cosine_single(cycles)
    return lambda cycles: (math.sin(2 * math.pi * cycles), math.cos(2 * math.pi * cycles))


@overload(rounded_turn, inline="always")
def _rounded_turn_overload(cycles, like):
    if like.dtype == types.float64:
        return lambda cycles, like: (math.sin(2 * math.pi * cycles), math.cos(2 * math.pi * cycles))

    def single(cycles, like):
        s, c = _sine_cosine_double(cycles)
        return np.float32(s), np.float32(c)

    return single


@overload(decay, inline="always")
def _decay_overload(exponent):
    if exponent == types.float32:
        return lambda exponent: _decay_single(exponent)
    return lambda exponent: math.exp(-exponent)
