"""The Kaiser-Bessel window that carries points onto a grid and back, as tables that kernels and references share.

    φ(u) = I₀(β √(1 − (2u/w)²)) / I₀(β)   for |u| ≤ w/2, u in grid steps
    φ̂(ν) = w sinh(√(β² − (πwν)²)) / (√(β² − (πwν)²) I₀(β))

β after Beatty, Nishimura and Pauly, IEEE Trans. Med. Imaging 24 (2005) 799. Each of the w weights of a point is a polynomial
in its place between two grid points (Barnett, Magland and af Klinteberg, SIAM J. Sci. Comput. 41 (2019) C479).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from physim_phantoms._checks import InputError

WIDEST = 24  # grid points that a window may span


class Window(NamedTuple):
    """A window: its width in grid points, the oversampling it is made for, and its shape."""

    width: int
    oversampling: float

    @property
    def shape(self) -> float:
        """β."""
        ratio = self.width / self.oversampling * (self.oversampling - 0.5)
        return float(np.pi * np.sqrt(max(ratio**2 - 0.8, 0.1)))

    def value(self, u: np.ndarray) -> np.ndarray:
        """φ(u), u in grid steps."""
        inside = np.maximum(1 - (2 * u / self.width) ** 2, 0)
        return np.where(np.abs(u) <= self.width / 2, np.i0(self.shape * np.sqrt(inside)), 0) / np.i0(
            self.shape
        )

    def transform(self, nu: np.ndarray) -> np.ndarray:
        """φ̂(ν), ν in cycles per grid step."""
        root = np.sqrt((self.shape**2 - (np.pi * self.width * np.asarray(nu)) ** 2).astype(complex))
        root = np.where(np.abs(root) < 1e-9, 1e-9, root)
        return (self.width * np.sinh(root) / root).real / np.i0(self.shape)

    @property
    def error(self) -> float:
        """The largest relative error over the passband |ν| ≤ 1/(2 oversampling): what aliases onto it."""
        nu = np.linspace(0, 0.5 / self.oversampling, 65)
        others = np.array([m for m in range(-40, 41) if m])
        aliased = np.abs(self.transform(nu[:, None] + others))
        return float((np.sqrt((aliased**2).sum(1)) / self.transform(nu)).max())

    @property
    def amplification(self) -> float:
        """By how much rounding grows at the edge of the passband, where the correction divides by φ̂."""
        return float(self.transform(np.zeros(1))[0] / self.transform(np.array([0.5 / self.oversampling]))[0])


@lru_cache(maxsize=256)
def window_for(tolerance: float, oversampling: float) -> Window:
    """The narrowest window with an error below `tolerance`."""
    for width in range(2, WIDEST + 1):
        window = Window(width, oversampling)
        if window.error <= tolerance:
            return window
    raise InputError(
        f"tolerance is {tolerance}, finer than a window of {WIDEST} points gives at an oversampling of "
        f"{oversampling}; use 1e-12 or more"
    )


@lru_cache(maxsize=256)
def weight_table(window: Window, tolerance: float) -> np.ndarray:
    """Polynomials [power, weight] in z = 2f − 1: weight j of a point f past its first grid point less w/2 is φ(j + f − w/2)."""
    z = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    values = window.value(np.arange(window.width) + (z[:, None] + 1) / 2 - window.width / 2)
    return _fitted(z, values, max(tolerance / 20, 1e-15))


@lru_cache(maxsize=256)
def correction_table(window: Window, tolerance: float) -> np.ndarray:
    """Polynomial [power] in z = 2 (2 ν oversampling)² − 1 that is 1 / φ̂(ν) in the passband."""
    z = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    nu = np.sqrt((z + 1) / 2) / (2 * window.oversampling)
    return _fitted(z, 1 / window.transform(nu)[:, None], max(tolerance / 20, 1e-15))[:, 0]


def _fitted(z: np.ndarray, values: np.ndarray, error: float) -> np.ndarray:
    """Power series of the lowest degree that is right to `error` of the largest value."""
    made = np.zeros((1, values.shape[1]))
    for degree in range(1, 26):
        series = np.polynomial.chebyshev.chebfit(z, values, degree)
        made = np.stack([_padded(np.polynomial.chebyshev.cheb2poly(c), degree + 1) for c in series.T], axis=1)
        if np.abs(np.polynomial.polynomial.polyval(z, made).T - values).max() <= error * np.abs(values).max():
            break
    return made


def _padded(coefficients: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([coefficients, np.zeros(count - coefficients.size)])


def smooth(count: int) -> int:
    """The next even number of at least `count` whose only prime factors are 2, 3 and 5."""
    count += count % 2
    while True:
        rest = count
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return count
        count += 2
