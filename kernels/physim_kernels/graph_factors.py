"""Factors of one repetition for a vector of atoms: decays, sines and phases, in loops that LLVM turns into vectors."""

import math

import numpy as np
from numba import njit

from .sample_runs import FAST
from .turns import decay, sine_cosine


@njit(fastmath=FAST, cache=True)
def decays(out, time, constant):
    """exp(−time / constant)."""
    for n in range(out.size):
        out[n] = decay(out.dtype.type(time / constant[n]))


@njit(fastmath=FAST, cache=True)
def echo_sizes(out, time, t2, t2_prime, size):
    """size · exp(−time / t2 − time / t2_prime)."""
    for n in range(out.size):
        out[n] = size[n] * decay(out.dtype.type(time / t2[n] + time / t2_prime[n]))


@njit(fastmath=FAST, cache=True)
def squares(out, time, constant):
    """time / constant², the derivative of −time / constant."""
    for n in range(out.size):
        out[n] = time / (np.float64(constant[n]) * constant[n])


@njit(fastmath=FAST, cache=True)
def sines(sine, versine, flip, b1):
    """Sine and 1 − cosine of flip times b1; the latter as 2 sin² of the half, which small angles need."""
    real = sine.dtype.type
    quarter = real(flip / (4 * math.pi))
    half = real(0.5)
    for n in range(sine.size):
        cycles = quarter * b1[n]
        cycles -= np.floor(cycles + half)
        s, c = sine_cosine(cycles)
        sine[n], versine[n] = (s + s) * c, (s + s) * s


@njit(fastmath=FAST, cache=True)
def phases(cosine, sine, size, step, time, frequency):
    """size · exp(i (step − 2π frequency time)), real and imaginary part."""
    for n in range(cosine.size):
        cycles = step / (2 * math.pi) - time * frequency[n]
        cycles -= np.floor(cycles + 0.5)
        s, c = sine_cosine(cosine.dtype.type(cycles))
        cosine[n], sine[n] = size[n] * c, size[n] * s
