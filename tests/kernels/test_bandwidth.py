"""The measured bandwidth is that of memory: the order of NumPy's own copy, and independent of the size."""

import time

import numpy as np
import pytest

import physim_kernels


def copy_bandwidth(megabytes: int) -> float:
    """GB/s of a single-threaded copy, an array read and an array written."""
    source = np.ones(megabytes * 1_000_000 // 8, np.float32)
    target = np.zeros_like(source)
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best / 1e9


def test_bandwidth_is_of_the_order_of_a_copy():
    measured, copied = physim_kernels.measure_bandwidth(96, 5), copy_bandwidth(96)
    # A wrong count of bytes or a unit off by a thousand shows; the load of the machine and its number of cores do not.
    assert copied / 20 < measured < copied * 100, (measured, copied)


@pytest.mark.parametrize(("megabytes", "repeats"), [(11, 5), (-1, 5), (96, 0)])
def test_what_caches_would_hold_is_refused(megabytes, repeats):
    with pytest.raises(ValueError, match="must be at least 12 and 1"):
        physim_kernels.measure_bandwidth(megabytes, repeats)
