"""The measured arithmetic is that of the processor: the order of NumPy's own matrix product."""

import time

import numpy as np
import pytest

from physim_kernels.arithmetic import measure_arithmetic


def product_rate(size: int) -> float:
    """GFLOP/s of a matrix product, two operations for each of size³ terms."""
    a = np.ones((size, size), np.float32)
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def test_arithmetic_is_of_the_order_of_a_matrix_product():
    measured, product = measure_arithmetic(2_000_000), product_rate(768)
    # Vectors or threads counted wrongly show as factors of 8; the load of the machine does not.
    assert product / 8 < measured < product * 50, (measured, product)


@pytest.mark.parametrize(("steps", "repeats"), [(999, 5), (-1, 5), (2000, 0)])
def test_what_tells_nothing_is_refused(steps, repeats):
    with pytest.raises(ValueError, match="must be at least 1000 and 1"):
        measure_arithmetic(steps, repeats)
