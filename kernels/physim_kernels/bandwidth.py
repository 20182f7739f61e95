"""How fast this machine moves memory: the limit that stencils and samplers are held against."""

import time

import numpy as np


def measure_bandwidth(megabytes: int = 256, repeats: int = 5) -> float:
    """Memory bandwidth of all cores together, in GB/s (10⁹ bytes): the best of `repeats` triads a = b + 2 c.

    Counts three arrays of float32, two read and one written, as STREAM does (McCalpin 1995); `megabytes` is their sum.
    Raises `ValueError` for less than 12 MB, which caches would hold, and for no repeats.

    Good values: the default; at least four times the last-level cache. Other work on the machine lowers the result.
    """
    if megabytes < 12 or repeats < 1:
        raise ValueError(f"megabytes is {megabytes} and repeats {repeats}; they must be at least 12 and 1")
    triad = _compiled()
    a, b, c = (np.ones(megabytes * 1_000_000 // 12, np.float32) for _ in range(3))
    triad(a, b, c)  # compiles, and touches every page
    best = min(_seconds(triad, a, b, c) for _ in range(repeats))
    return 3 * a.nbytes / best / 1e9


def _seconds(triad, a, b, c) -> float:
    start = time.perf_counter()
    triad(a, b, c)
    return time.perf_counter() - start


def _compiled():
    import numba

    # The same threads as the kernels get, whoever comes first: Numba keeps the layer that it starts with.
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # type: ignore

    @numba.njit(parallel=True, cache=True)
    def triad(a, b, c):
        for i in numba.prange(a.size):
            a[i] = b[i] + np.float32(2) * c[i]

    return triad
