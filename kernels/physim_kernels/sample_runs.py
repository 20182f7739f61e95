"""Samples cut into runs, and the factors that lead from one to the next: what the direct sum and its transpose share.

Samples go through in runs of one period and one dwell time. At the first sample of a run every spin's phase is taken in
double precision and reduced to one cycle; from there on differences are small, so that single precision is enough. Where k,
too, goes in equal steps the next sample is the last one times a fixed complex number. Those numbers are kept from run to
run, as lines of k-space mostly differ in where they begin only.
"""

import numpy as np
from numba import njit

from .turns import decay, rounded_turn

RUN = 256  # samples after which the phase is taken anew where k goes in equal steps
BLOCK = 32  # samples after which a factor of its own takes over, so that rounding does not add up; all samples elsewhere
EVEN = 8  # equal steps that are worth a run of their own
TILE = 512  # spins that stay in the cache
STEADY = 1e-9  # cycles/mm and s by which equal steps may differ
FAST = {"reassoc", "contract", "nsz"}


@njit(cache=True)
def _even_steps(k, t, start, end, weight):
    """How many samples from `start` to `end` follow in equal steps of time, and of k where its `weight` is 1 and not 0."""
    stop = start + 1
    while stop < end:
        count = stop - start
        off = abs(t[stop] - t[start] - count * (t[start + 1] - t[start])) * 1e3
        for axis in range(k.shape[1]):
            step = k[start + 1, axis] - k[start, axis]
            off = max(off, weight * abs(k[stop, axis] - k[start, axis] - count * step))
        if off > STEADY:
            break
        stop += 1
    return stop - start


@njit(cache=True)
def cut_runs(k, t, offsets):
    """Runs of samples: first sample, how many, period, and whether k goes in equal steps."""
    runs = np.empty((t.size, 4), np.int64)
    found = 0
    for period in range(offsets.size - 1):
        start, end = offsets[period], offsets[period + 1]
        while start < end:
            count, steady = _even_steps(k, t, start, min(end, start + RUN), 1.0), 1
            if count < EVEN:
                together = _even_steps(k, t, start, min(end, start + BLOCK), 0.0)
                if together > count:
                    count, steady = together, 0
            runs[found, 0], runs[found, 1], runs[found, 2], runs[found, 3] = start, count, period, steady
            found += 1
            start += count
    return runs[:found]


@njit(fastmath=FAST, cache=True)
def turns_of(kx, ky, kz, t, x, y, z, f, r2, real, imaginary):
    """exp(−t R₂ − 2πi (k·r + t f)) of a tile of spins, phases in double precision."""
    for n in range(x.size):
        cycles = kx * x[n] + ky * y[n] + kz * z[n] + t * f[n]
        cycles -= np.floor(cycles + 0.5)
        s, c = rounded_turn(cycles, x)
        size = decay(x.dtype.type(t * r2[n]))
        real[n], imaginary[n] = size * c, -size * s


@njit(cache=True)
def add_turns(k, place, f, r2, real, imaginary):
    """Multiplies a tile by the turns of all axes behind the first three, whose coordinates are `place`."""
    c, d = np.empty_like(real), np.empty_like(real)
    for axis in range(0, place.shape[0], 3):
        x, y, z = place[axis], place[axis + 1], place[axis + 2]
        turns_of(k[axis + 3], k[axis + 4], k[axis + 5], 0.0, x, y, z, f, r2, c, d)
        times(real, imaginary, c, d, real, imaginary)


@njit(fastmath=FAST, cache=True)
def times(a, b, c, d, real, imaginary):
    """(a + ib)(c + id) for a tile."""
    for n in range(a.size):
        real[n], imaginary[n] = a[n] * c[n] - b[n] * d[n], a[n] * d[n] + b[n] * c[n]


@njit(fastmath=FAST, cache=True)
def decays(t, r2, out):
    """exp(−t R₂) of a tile of spins."""
    for n in range(r2.size):
        out[n] = decay(out.dtype.type(t * r2[n]))


@njit(inline="always")
def since(k, t, start, sample, like):
    """k and t of a sample less those of the first of its block, in the precision of `like`."""
    real = like.dtype.type
    return (
        real(k[sample, 0] - k[start, 0]),
        real(k[sample, 1] - k[start, 1]),
        real(k[sample, 2] - k[start, 2]),
        real(t[sample] - t[start]),
    )


@njit(fastmath=FAST, cache=True)
def cycles_of(k, start, sample, place, t, f, out):
    """The cycles of a tile that axes behind the first three and the detuning add since the first sample of a block."""
    for n in range(out.size):
        out[n] = t * f[n]
    for axis in range(0, place.shape[0], 3):
        x, y, z = place[axis], place[axis + 1], place[axis + 2]
        kx = x.dtype.type(k[sample, axis + 3] - k[start, axis + 3])
        ky = x.dtype.type(k[sample, axis + 4] - k[start, axis + 4])
        kz = x.dtype.type(k[sample, axis + 5] - k[start, axis + 5])
        for n in range(out.size):
            out[n] += kx * x[n] + ky * y[n] + kz * z[n]


@njit(cache=True)
def no_turns(axes):
    """What `step_turns` knows before anything was made: for two slots k and dwell time, and which was made when."""
    known = np.full((2, axes + 2), np.nan)
    known[:, axes + 1] = 0.0
    return known


@njit(cache=True)
def step_turns(known, turns, dk, dt, x, y, z, place, f, rate):
    """The slot that holds a tile's factors of 1, 4 and `BLOCK` steps, made where neither slot has them yet."""
    axes = dk.size
    for slot in range(2):
        same = known[slot, axes] == dt
        for axis in range(axes):
            same = same and known[slot, axis] == dk[axis]
        if same:
            return slot
    slot = np.int64(known[0, axes + 1] > known[1, axes + 1])  # the one that was made first
    known[slot, :axes], known[slot, axes] = dk, dt
    known[slot, axes + 1] = max(known[0, axes + 1], known[1, axes + 1]) + 1
    for index, many in enumerate((1.0, 4.0, float(BLOCK))):
        real, imaginary = turns[slot, 2 * index], turns[slot, 2 * index + 1]
        turns_of(many * dk[0], many * dk[1], many * dk[2], many * dt, x, y, z, f, rate, real, imaginary)
        if axes > 3:
            add_turns(many * dk, place, f, rate, real, imaginary)
    return slot
