"""The transpose of the direct sum: m_n = Σ_j s_j exp(−t_j R₂ₙ + 2πi (k_j·r_n + t_j f_n)), each period from its own samples.

Every tile of spins gathers all samples, so that nothing is written twice; in equal steps of k by Horner's rule.
"""

import numpy as np
from numba import njit, prange

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
    turns_of,
)
from .turns import sine_cosine


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


@njit(fastmath=FAST, cache=True)
def _times_conjugate_plus(a, b, c, d, e, f):
    """(a + ib)(c − id) + e + if in place of a + ib."""
    for n in range(a.size):
        x, y = a[n], b[n]
        a[n], b[n] = x * c[n] + y * d[n] + e[n], y * c[n] - x * d[n] + f[n]


@njit(cache=True)
def _steady_steps(w, turns, s, padded):
    """Horner's rule for a run in equal steps, block by block from the last one; the sum is left in the first two rows."""
    count = s.shape[1]
    w[0], w[1] = 0, 0
    for first in range((count - 1) // BLOCK * BLOCK, -1, -BLOCK):
        size = min(BLOCK, count - first)
        padded[:] = 0
        padded[:, :size] = s[:, first : first + size]
        w[2], w[3] = 0, 0
        for j in range((size + 3) // 4 * 4 - 4, -1, -4):
            four = padded[:, j : j + 4]
            _four_steps(w[2], w[3], turns[0], turns[1], turns[2], turns[3], four[0], four[1])
        _times_conjugate_plus(w[0], w[1], turns[4], turns[5], w[2], w[3])


@njit(cache=True)
def _tile_transpose(first, last, runs, s, k, t, position, detuning, r2, out):
    """What all samples give back to a tile of spins."""
    x, y, z = position[0, first:last], position[1, first:last], position[2, first:last]
    f, rate = detuning[first:last], r2[first:last]
    w, turns = np.empty((4, last - first), s.dtype), np.empty((2, 6, last - first), s.dtype)
    axes, one = k.shape[1], s.dtype.type(1)
    place, spare = np.ascontiguousarray(position[3:, first:last]), np.empty(last - first, s.dtype)
    padded, known = np.zeros((2, BLOCK + 4), s.dtype), no_turns(axes)
    out[:, :, first:last] = 0
    for index in range(runs.shape[0]):
        start, count, period = runs[index, 0], runs[index, 1], runs[index, 2]
        real, imaginary = out[0, period, first:last], out[1, period, first:last]
        dt = t[start + 1] - t[start] if count > 1 else 0.0
        if runs[index, 3]:
            dk = k[start + 1] - k[start] if count > 1 else np.zeros(axes)
            slot = step_turns(known, turns, dk, dt, x, y, z, place, f, rate)
            _steady_steps(w, turns[slot], s[:, start : start + count], padded)
        else:
            decays(dt, rate, w[2])
            w[0], w[1], w[3] = 0, 0, 1
            for j in range(count):
                kx, ky, kz, elapsed = since(k, t, start, start + j, s)
                a, b = s[0, start + j], s[1, start + j]
                if axes > 3:
                    cycles_of(k, start, start + j, place, elapsed, f, spare)
                    _one_step(w[0], w[1], kx, ky, kz, one, x, y, z, spare, w[2], w[3], a, b)
                else:
                    _one_step(w[0], w[1], kx, ky, kz, elapsed, x, y, z, f, w[2], w[3], a, b)
        turns_of(k[start, 0], k[start, 1], k[start, 2], t[start], x, y, z, f, rate, w[2], w[3])
        if axes > 3:
            add_turns(k[start], place, f, rate, w[2], w[3])
        _add_product(w[0], w[1], w[2], w[3], real, imaginary)


@njit(parallel=True, cache=True)
def direct_sum_transpose(s, k, t, offsets, position, detuning, r2, out):
    """Magnetisation (2, periods, spins) from signals (2, samples)."""
    runs = cut_runs(k, t, offsets)
    tiles = (detuning.size + TILE - 1) // TILE
    for tile in prange(tiles):
        first = np.int64(tile) * TILE
        _tile_transpose(first, min(first + TILE, detuning.size), runs, s, k, t, position, detuning, r2, out)
