"""Signals of spins by direct summation: s_j = Σ_n m_n exp(−t_j R₂ₙ − 2πi (k_j·r_n + t_j f_n)), and the transpose.

Samples go through in blocks of one period and one dwell time. At the first sample of a block every spin's phase is taken
in double precision, reduced to one cycle and put into its magnetisation; from there on differences are small, so that
single precision is enough. Where k, too, goes in equal steps the next sample is the last one times a fixed complex
number: six operations for a spin and sample instead of some thirty. Loops run over neighbouring spins, real and imaginary
parts in arrays of their own, so that LLVM makes vector code of them.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import numpy as np
from numba import njit, prange, types
from numba.np.numpy_support import carray

from . import bridge
from .turns import decay, rounded_turn, sine_cosine

BLOCK = 32  # samples after which the phase is taken anew
TILE = 512  # spins that stay in the cache
STEADY = 1e-9  # cycles/mm and s by which equal steps may differ
FAST = {"reassoc", "contract", "nsz"}


@njit(cache=True)
def _cut(k, t, offsets):
    """Blocks of samples: first sample, how many, period, and whether k goes in equal steps."""
    blocks = np.empty((t.size, 4), np.int64)
    count = 0
    for period in range(offsets.size - 1):
        start, end = offsets[period], offsets[period + 1]
        while start < end:
            stop = start + 1
            steady = True
            while stop < end and stop - start < BLOCK:
                step = t[start + 1] - t[start]
                if abs(t[stop] - t[start] - (stop - start) * step) > STEADY * 1e-3:
                    break
                for axis in range(3):
                    even = (stop - start) * (k[start + 1, axis] - k[start, axis])
                    if abs(k[stop, axis] - k[start, axis] - even) > STEADY:
                        steady = False
                stop += 1
            blocks[count, 0], blocks[count, 1] = start, stop - start
            blocks[count, 2], blocks[count, 3] = period, 1 if steady else 0
            count += 1
            start = stop
    return blocks[:count]


@njit(fastmath=FAST, cache=True)
def _turns(kx, ky, kz, t, x, y, z, f, r2, real, imaginary):
    """exp(−t R₂ − 2πi (k·r + t f)) of a tile of spins, phases in double precision."""
    for n in range(x.size):
        cycles = kx * x[n] + ky * y[n] + kz * z[n] + t * f[n]
        cycles -= np.floor(cycles + 0.5)
        s, c = rounded_turn(cycles, x)
        size = decay(x.dtype.type(t * r2[n]))
        real[n], imaginary[n] = size * c, -size * s


@njit(fastmath=FAST, cache=True)
def _times(a, b, c, d, real, imaginary):
    """(a + ib)(c + id) for a tile."""
    for n in range(a.size):
        real[n], imaginary[n] = a[n] * c[n] - b[n] * d[n], a[n] * d[n] + b[n] * c[n]


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


@njit(fastmath=FAST, cache=True)
def _decays(t, r2, out):
    for n in range(r2.size):
        out[n] = decay(out.dtype.type(t * r2[n]))


@njit(inline="always")
def _since(k, t, start, sample, like):
    """k and t of a sample less those of the first of its block, in the precision of `like`."""
    real = like.dtype.type
    return (
        real(k[sample, 0] - k[start, 0]),
        real(k[sample, 1] - k[start, 1]),
        real(k[sample, 2] - k[start, 2]),
        real(t[sample] - t[start]),
    )


@njit(cache=True)
def _block_sum(block, m, k, t, position, detuning, r2, out):
    """All spins' part in the samples of a block."""
    start, count, period, steady = block[0], block[1], block[2], block[3]
    scratch = np.empty((6, TILE), m.dtype)
    sums = np.zeros((2, BLOCK + 4), np.float64)
    four = np.zeros((2, 4), np.float64)
    dt = t[start + 1] - t[start] if count > 1 else 0.0
    dk = k[start + 1] - k[start] if count > 1 else np.zeros(3)
    for first in range(0, detuning.size, TILE):
        last = min(first + TILE, detuning.size)
        x, y, z = position[0, first:last], position[1, first:last], position[2, first:last]
        f, rate = detuning[first:last], r2[first:last]
        size = last - first
        a, b, p, q = scratch[0, :size], scratch[1, :size], scratch[2, :size], scratch[3, :size]
        p4, q4 = scratch[4, :size], scratch[5, :size]
        _turns(k[start, 0], k[start, 1], k[start, 2], t[start], x, y, z, f, rate, p, q)
        _times(m[0, period, first:last], m[1, period, first:last], p, q, a, b)
        if steady:
            _turns(dk[0], dk[1], dk[2], dt, x, y, z, f, rate, p, q)
            _turns(4 * dk[0], 4 * dk[1], 4 * dk[2], 4 * dt, x, y, z, f, rate, p4, q4)
            for j in range(0, count, 4):
                four[:] = 0.0
                _four_sums(a, b, p, q, p4, q4, four)
                sums[:, j : j + 4] += four
        else:
            _decays(dt, rate, p)
            for j in range(count):
                kx, ky, kz, elapsed = _since(k, t, start, start + j, m)
                real, imaginary = _one_sum(a, b, kx, ky, kz, elapsed, x, y, z, f, p)
                sums[0, j] += real
                sums[1, j] += imaginary
    for j in range(count):
        out[0, start + j], out[1, start + j] = sums[0, j], sums[1, j]


@njit(parallel=True, cache=True)
def direct_sum(m, k, t, offsets, position, detuning, r2, out):
    """Signals (2, samples) of magnetisation (2, periods, spins)."""
    blocks = _cut(k, t, offsets)
    for index in prange(blocks.shape[0]):
        _block_sum(blocks[index], m, k, t, position, detuning, r2, out)


@njit(fastmath=FAST, cache=True)
def _four_steps(a, b, p, q, p4, q4, real, imaginary):
    """Horner's rule for four samples: w ← w q⁴* + ((s₃ q* + s₂) q* + s₁) q* + s₀, for w = a + ib, q = p + iq."""
    s0, s1, s2, s3 = real[0], real[1], real[2], real[3]
    t0, t1, t2, t3 = imaginary[0], imaginary[1], imaginary[2], imaginary[3]
    for n in range(a.size):
        c, d = p[n], q[n]
        x, y = s3 * c + t3 * d + s2, t3 * c - s3 * d + t2
        x, y = x * c + y * d + s1, y * c - x * d + t1
        x, y = x * c + y * d + s0, y * c - x * d + t0
        a[n], b[n] = a[n] * p4[n] + b[n] * q4[n] + x, b[n] * p4[n] - a[n] * q4[n] + y


@njit(fastmath=FAST, cache=True)
def _one_step(a, b, kx, ky, kz, t, x, y, z, f, p, size, real, imaginary):
    """Adds s exp(2πi (k·r + t f)) times `size` to w; then `size` is multiplied by the decay of one dwell time."""
    half = a.dtype.type(0.5)
    for n in range(a.size):
        cycles = kx * x[n] + ky * y[n] + kz * z[n] + t * f[n]
        cycles -= np.floor(cycles + half)
        s, c = sine_cosine(cycles)
        a[n] += size[n] * (real * c - imaginary * s)
        b[n] += size[n] * (imaginary * c + real * s)
        size[n] = size[n] * p[n]


@njit(fastmath=FAST, cache=True)
def _add_product(a, b, c, d, real, imaginary):
    """Adds (a + ib) (c − id) for a tile."""
    for n in range(a.size):
        real[n] += a[n] * c[n] + b[n] * d[n]
        imaginary[n] += b[n] * c[n] - a[n] * d[n]


@njit(cache=True)
def _tile_transpose(first, last, blocks, s, k, t, position, detuning, r2, out):
    """What all samples give back to a tile of spins."""
    x, y, z = position[0, first:last], position[1, first:last], position[2, first:last]
    f, rate = detuning[first:last], r2[first:last]
    scratch = np.empty((7, last - first), s.dtype)
    a, b, p, q, size = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    p4, q4 = scratch[5], scratch[6]
    padded = np.zeros((2, BLOCK + 4), s.dtype)
    out[:, :, first:last] = 0
    for index in range(blocks.shape[0]):
        start, count, period, steady = blocks[index, 0], blocks[index, 1], blocks[index, 2], blocks[index, 3]
        dt = t[start + 1] - t[start] if count > 1 else 0.0
        a[:], b[:] = 0, 0
        if steady:
            dk = k[start + 1] - k[start] if count > 1 else np.zeros(3)
            _turns(dk[0], dk[1], dk[2], dt, x, y, z, f, rate, p, q)
            _turns(4 * dk[0], 4 * dk[1], 4 * dk[2], 4 * dt, x, y, z, f, rate, p4, q4)
            padded[:] = 0
            padded[:, :count] = s[:, start : start + count]
            for j in range((count + 3) // 4 * 4 - 4, -1, -4):
                _four_steps(a, b, p, q, p4, q4, padded[0, j : j + 4], padded[1, j : j + 4])
        else:
            _decays(dt, rate, p)
            size[:] = 1
            for j in range(count):
                kx, ky, kz, elapsed = _since(k, t, start, start + j, s)
                real, imaginary = s[0, start + j], s[1, start + j]
                _one_step(a, b, kx, ky, kz, elapsed, x, y, z, f, p, size, real, imaginary)
        _turns(k[start, 0], k[start, 1], k[start, 2], t[start], x, y, z, f, rate, p, q)
        _add_product(a, b, p, q, out[0, period, first:last], out[1, period, first:last])


@njit(parallel=True, cache=True)
def direct_sum_transpose(s, k, t, offsets, position, detuning, r2, out):
    """Magnetisation (2, periods, spins) from signals (2, samples)."""
    blocks = _cut(k, t, offsets)
    tiles = (detuning.size + TILE - 1) // TILE
    for tile in prange(tiles):
        first = np.int64(tile) * TILE
        _tile_transpose(first, min(first + TILE, detuning.size), blocks, s, k, t, position, detuning, r2, out)


@njit(cache=True)
def _exact(high, low):
    """The sum of both parts in double precision."""
    return high.astype(np.float64) + low.astype(np.float64)


def make_handler(real, code, forward: bool):
    """The C entry point for one precision and direction.

    Arguments: magnetisation or signals, k and time as high and low parts, offsets, position, detuning, R2.
    """
    apply = direct_sum if forward else direct_sum_transpose
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
        for index, length in ((1, samples), (2, samples), (4, samples), (8, spins)):
            if bridge.size(bridge.argument(frame, index), 0) != length:
                return bridge.refuse(frame, "physim direct sum: arrays of samples or spins differ in length")
        if bridge.size(bridge.argument(frame, 6), 1) != spins:
            return bridge.refuse(frame, "physim direct sum: positions must be (3, spins)")
        k = _exact(_array(frame, 1, (samples, 3), real), _array(frame, 2, (samples, 3), real))
        t = _exact(_array(frame, 3, (samples,), real), _array(frame, 4, (samples,), real))
        offsets = carray(
            bridge.as_pointer(bridge.data(bridge.argument(frame, 5)), types.int32), (periods + 1,)
        )
        magnetisation = carray(bridge.as_pointer(bridge.data(field), real), (2, periods, spins))
        signals = carray(bridge.as_pointer(bridge.data(signal), real), (2, samples))
        position = _array(frame, 6, (3, spins), real)
        detuning, r2 = _array(frame, 7, (spins,), real), _array(frame, 8, (spins,), real)
        if forward:
            apply(magnetisation, k, t, offsets, position, detuning, r2, signals)
        else:
            apply(signals, k, t, offsets, position, detuning, r2, magnetisation)
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
