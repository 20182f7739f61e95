"""The Bloch-McConnell equations as plain NumPy matrices, written apart from the library: the truth of the tests on exchange."""

import numpy as np

PPM = 42.577478518  # Hz per ppm and T


def liquids(x, y, z, shift, t1, t2, fraction, exchange):
    """A of (a, b, 1), each pool x, y, z; rates in rad/s, dM/dt = M × ω; t1 and t2 are pairs."""
    out = exchange * fraction / (1 - fraction)
    a = np.zeros((7, 7))
    for first, turn, k, r1, r2, m0 in (
        (0, z, out, 1 / t1[0], 1 / t2[0], 1 - fraction),
        (3, z + shift, exchange, 1 / t1[1], 1 / t2[1], fraction),
    ):
        a[first : first + 3, first : first + 3] = [[-r2 - k, turn, -y], [-turn, -r2 - k, x], [y, -x, -r1 - k]]
        a[first + 2, 6] = r1 * m0
    for axis in range(3):
        a[axis, 3 + axis], a[3 + axis, axis] = exchange, out
    return a


def longitudinal(t1, fraction, exchange):
    """A of the longitudinal magnetisation of two pools, and its equilibrium."""
    out = exchange * fraction / (1 - fraction)
    a = np.array([[-1 / t1[0] - out, exchange], [out, -1 / t1[1] - exchange]])
    return a, np.array([1 - fraction, fraction])
