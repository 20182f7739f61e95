"""Signals of spins by direct summation: s_j = Σ_n m_n exp(−t_j R₂ₙ − 2πi (k_j·r_n + t_j f_n)).

A spin and sample cost eight operations where k goes in equal steps (see `sample_runs`) and some thirty elsewhere. Loops run
over neighbouring spins, real and imaginary parts in arrays of their own, so that LLVM makes vector code of them.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange, types
from numba.np.numpy_support import carray

from . import bridge
from .direct_sum_transpose import direct_sum_transpose
from .sample_runs import (
    BLOCK,
    FAST,
    TILE,
    add_turns,
    cut_runs,
    cycles_of,
    decays,
    no_turns,
    since,
    step_turns,
    times,
    turns_of,
)
from .turns import sine_cosine

PARTS = 16  # shares of the samples, whatever the threads: the same bits everywhere


@njit(fastmath=FAST, cache=True)
def _four_sums(a, b, p, q, p4, q4, sums):
    """Adds Σ w, Σ w q, Σ w q², Σ w q³ for w = a + ib, q = p + iq, and leaves w times the fourth power in place of w.

    The fourth power is given with its own rounding: from one group of samples to the next errors add up less.
    """
    zero = a.dtype.type(0)
    r0, r1, r2, r3 = zero, zero, zero, zero
    i0, i1, i2, i3 = zero, zero, zero, zero
    for n in range(a.size):
        c, d = p[n], q[n]
        x0, y0 = a[n], b[n]
        x1, y1 = x0 * c - y0 * d, x0 * d + y0 * c
        x2, y2 = x1 * c - y1 * d, x1 * d + y1 * c
        x3, y3 = x2 * c - y2 * d, x2 * d + y2 * c
        r0 += x0
        r1 += x1
        r2 += x2
        r3 += x3
        i0 += y0
        i1 += y1
        i2 += y2
        i3 += y3
        a[n], b[n] = x0 * p4[n] - y0 * q4[n], x0 * q4[n] + y0 * p4[n]
    sums[0, 0] += r0
    sums[0, 1] += r1
    sums[0, 2] += r2
    sums[0, 3] += r3
    sums[1, 0] += i0
    sums[1, 1] += i1
    sums[1, 2] += i2
    sums[1, 3] += i3


@njit(fastmath=FAST, cache=True)
def _one_sum(a, b, kx, ky, kz, t, x, y, z, f, p):
    """Σ w exp(−2πi (k·r + t f)); then w is multiplied by the decay of one dwell time."""
    half = a.dtype.type(0.5)
    real, imaginary = a.dtype.type(0), a.dtype.type(0)
    for n in range(a.size):
        cycles = kx * x[n] + ky * y[n] + kz * z[n] + t * f[n]
        cycles -= np.floor(cycles + half)
        s, c = sine_cosine(cycles)
        real += a[n] * c + b[n] * s
        imaginary += b[n] * c - a[n] * s
        a[n], b[n] = a[n] * p[n], b[n] * p[n]
    return real, imaginary


@njit(cache=True)
def _steady_sums(w, turns, count, sums):
    """Adds the samples of a run in equal steps; `w` begins with the magnetisation at the first and has room for another."""
    four = np.empty((2, 4), np.float64)
    now = 0
    for first in range(0, count, BLOCK):
        a, b, following = w[now], w[now + 1], 2 - now
        if first + BLOCK < count:
            times(a, b, turns[4], turns[5], w[following], w[following + 1])
        for j in range(first, min(first + BLOCK, count), 4):
            four[:] = 0.0
            _four_sums(a, b, turns[0], turns[1], turns[2], turns[3], four)
            for i in range(min(4, count - j)):
                sums[0, j + i] += four[0, i]
                sums[1, j + i] += four[1, i]
        now = following


@njit(cache=True)
def _runs_sums(runs, m, k, t, position, detuning, r2, out):
    """All spins' part in the samples of some runs that follow one another."""
    begin, end = runs[0, 0], runs[-1, 0] + runs[-1, 1]
    sums = np.zeros((2, end - begin), np.float64)
    axes, one = k.shape[1], m.dtype.type(1)
    for first in range(0, detuning.size, TILE):
        last = min(first + TILE, detuning.size)
        size = last - first
        x, y, z = position[0, first:last], position[1, first:last], position[2, first:last]
        f, rate = detuning[first:last], r2[first:last]
        w, turns = np.empty((4, size), m.dtype), np.empty((2, 6, size), m.dtype)
        known, place = no_turns(axes), np.ascontiguousarray(position[3:, first:last])
        for index in range(runs.shape[0]):
            start, count, period = runs[index, 0], runs[index, 1], runs[index, 2]
            mine = sums[:, start - begin : start - begin + count]
            turns_of(k[start, 0], k[start, 1], k[start, 2], t[start], x, y, z, f, rate, w[2], w[3])
            if axes > 3:
                add_turns(k[start], place, f, rate, w[2], w[3])
            times(m[0, period, first:last], m[1, period, first:last], w[2], w[3], w[0], w[1])
            dt = t[start + 1] - t[start] if count > 1 else 0.0
            if runs[index, 3]:
                dk = k[start + 1] - k[start] if count > 1 else np.zeros(axes)
                slot = step_turns(known, turns, dk, dt, x, y, z, place, f, rate)
                _steady_sums(w, turns[slot], count, mine)
            else:
                decays(dt, rate, w[2])
                for j in range(count):
                    kx, ky, kz, elapsed = since(k, t, start, start + j, m)
                    if axes > 3:
                        cycles_of(k, start, start + j, place, elapsed, f, w[3])
                        real, imaginary = _one_sum(w[0], w[1], kx, ky, kz, one, x, y, z, w[3], w[2])
                    else:
                        real, imaginary = _one_sum(w[0], w[1], kx, ky, kz, elapsed, x, y, z, f, w[2])
                    mine[0, j] += real
                    mine[1, j] += imaginary
    out[:, begin:end] = sums


@njit(parallel=True, cache=True)
def direct_sum(m, k, t, offsets, position, detuning, r2, out):
    """Signals (2, samples) of magnetisation (2, periods, spins)."""
    runs = cut_runs(k, t, offsets)
    parts = min(runs.shape[0], PARTS)
    for part in prange(parts):
        first, last = part * runs.shape[0] // parts, (part + 1) * runs.shape[0] // parts
        _runs_sums(runs[first:last], m, k, t, position, detuning, r2, out)


@njit(cache=True)
def _exact(high, low):
    """The sum of both parts in double precision."""
    return high.astype(np.float64) + low.astype(np.float64)


def make_handler(real, code, forward: bool):
    """The C entry point for one precision and direction.

    Arguments: magnetisation or signals, k and time as high and low parts, offsets, position, detuning, R2.
    """
    ranks = (3 if forward else 2, 2, 2, 1, 1, 1, 2, 1, 1)

    @bridge.handler
    def handle(frame):
        if bridge.is_query(frame):
            return bridge.answer_query(frame)
        if not bridge.takes(frame, 9, 1):
            return bridge.refuse(frame, "physim direct sum: 9 arguments and 1 result are needed")
        for index in range(9):
            expected = bridge.INT32 if index == 5 else code
            if not bridge.fits(bridge.argument(frame, index), expected, ranks[index]):
                return bridge.refuse(frame, "physim direct sum: wrong precision or number of dimensions")
        given, made = bridge.argument(frame, 0), bridge.result(frame, 0)
        if not bridge.fits(made, code, 2 if forward else 3):
            return bridge.refuse(frame, "physim direct sum: the result has a wrong precision or shape")
        samples, spins = bridge.size(bridge.argument(frame, 3), 0), bridge.size(bridge.argument(frame, 7), 0)
        periods = bridge.size(bridge.argument(frame, 5), 0) - 1
        field, signal = (given, made) if forward else (made, given)
        if not bridge.has_shape(field, (2, periods, spins)):
            return bridge.refuse(frame, "physim direct sum: magnetisation must be (2, periods, spins)")
        if bridge.size(signal, 0) != 2 or bridge.size(signal, 1) != samples:
            return bridge.refuse(frame, "physim direct sum: signals must be (2, samples)")
        axes = bridge.size(bridge.argument(frame, 1), 1)
        if axes < 3 or axes % 3 or bridge.size(bridge.argument(frame, 2), 1) != axes:
            return bridge.refuse(
                frame, "physim direct sum: k must have a multiple of three axes in both parts"
            )
        for index, length in ((1, samples), (2, samples), (4, samples), (8, spins)):
            if bridge.size(bridge.argument(frame, index), 0) != length:
                return bridge.refuse(frame, "physim direct sum: arrays of samples or spins differ in length")
        place = bridge.argument(frame, 6)
        if bridge.size(place, 0) != axes or bridge.size(place, 1) != spins:
            return bridge.refuse(frame, "physim direct sum: positions must be (axes, spins)")
        k = _exact(_array(frame, 1, (samples, axes), real), _array(frame, 2, (samples, axes), real))
        t = _exact(_array(frame, 3, (samples,), real), _array(frame, 4, (samples,), real))
        offsets = carray(
            bridge.as_pointer(bridge.data(bridge.argument(frame, 5)), types.int32), (periods + 1,)
        )
        magnetisation = carray(bridge.as_pointer(bridge.data(field), real), (2, periods, spins))
        signals = carray(bridge.as_pointer(bridge.data(signal), real), (2, samples))
        position = _array(frame, 6, (axes, spins), real)
        detuning, r2 = _array(frame, 7, (spins,), real), _array(frame, 8, (spins,), real)
        # By their global names: a function held by the closure has a new identity in every process, and what was compiled
        # for it is never found on disk again.
        if forward:
            direct_sum(magnetisation, k, t, offsets, position, detuning, r2, signals)
        else:
            direct_sum_transpose(signals, k, t, offsets, position, detuning, r2, magnetisation)
        return 0

    return handle


@njit(inline="always")
def _array(frame, index, shape, real):
    """An argument as an array."""
    return carray(bridge.as_pointer(bridge.data(bridge.argument(frame, index)), real), shape)


def warm_up(dtype, forward: bool) -> None:
    """Calls the kernel on tiny arrays: starts Numba's threads, without which a cached handler crashes."""
    m, s = np.zeros((2, 1, 2), dtype), np.zeros((2, 2), dtype)
    k, t, offsets = np.zeros((2, 3)), np.zeros(2), np.array([0, 2], np.int32)
    given, made = (m, s) if forward else (s, m)
    apply = direct_sum if forward else direct_sum_transpose
    apply(given, k, t, offsets, np.zeros((3, 2), dtype), np.zeros(2, dtype), np.zeros(2, dtype), made)
