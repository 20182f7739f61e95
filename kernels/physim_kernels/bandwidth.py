"""How fast this machine moves memory: the limit that stencils and samplers are held against."""

import time

import numpy as np


def measure_bandwidth(megabytes: int = 256, repeats: int = 5) -> float:
    """Triad a = b + 2 c over arrays far larger than the caches, all threads; bytes read and written per second.

    Counts three arrays (two read, one written), as STREAM does (McCalpin 1995). Returns the best of `repeats`, in GB/s.
    """
    from numba import njit, prange

    @njit(parallel=True)
    def triad(a, b, c):
        for i in prange(a.size):
            a[i] = b[i] + np.float32(2) * c[i]

    size = megabytes * 1_000_000 // 12
    a, b, c = (np.ones(size, np.float32) for _ in range(3))
    triad(a, b, c)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        triad(a, b, c)
        best = min(best, time.perf_counter() - start)
    return 12 * size / best / 1e9
