"""Time segmentation: precession and decay between samples as few terms, each a number of the sample times one of the spin.

    exp(−(t − t₀) z) ≈ Σ_l c_l(t) exp(−τ_l z),    z = R₂ − R₂₀ + 2πi (f − f₀),    τ_l in equal steps

The coefficients are least squares over all (f, R₂) between the extremes of the spins (Sutton, Noll and Fessler, IEEE Trans.
Med. Imaging 22 (2003) 178; Fessler et al., IEEE Trans. Signal Process. 53 (2005) 3393). The error is analytic in z, so that
it is largest on the edge of that rectangle: sampling the edge bounds it for every spin.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

MOST = 64  # segments: beyond it other encodings are quicker


class Segments(NamedTuple):
    """Host tables of one time segmentation.

    - `start`, `length`: of the times, s. - `step`: between segments, s. - `detuning`, `r2`: f₀ and R₂₀, Hz and 1/s.
    - `table`: c_l as Chebyshev series over the times, [degree, segment]. - `error`: the largest over all spins and times.
    """

    start: float
    length: float
    step: float
    detuning: float
    r2: float
    table: np.ndarray
    error: float

    @property
    def number(self) -> int:
        """How many segments."""
        return self.table.shape[1]


def time_segments(
    tolerance: float, times: tuple[float, float], detuning: tuple[float, float], r2: tuple[float, float]
) -> Segments | None:
    """The fewest segments within `tolerance` of each spin's magnetisation; None where `MOST` are not enough.

    Times, detunings and rates are given as their extremes, s, Hz and 1/s.
    """
    length = times[1] - times[0]
    decay, turn = length * (r2[1] - r2[0]), np.pi * length * (detuning[1] - detuning[0])

    def within(count: int) -> Segments | None:
        table = _coefficients(count, tolerance, decay, turn)
        error = _error(table, decay, turn)
        step = length / max(count - 1, 1)
        made = Segments(times[0], length, step, (detuning[0] + detuning[1]) / 2, r2[0], table, error)
        return made if error <= tolerance else None

    return within(1) or _fewest(within, max(2, int(turn / np.pi)), MOST)


def _fewest(within, low: int, high: int) -> Segments | None:
    """By halving: of the lowest number of segments that does, as far as more of them do better."""
    best = within(high) if low <= high else None
    while best is not None and low < high:
        middle = (low + high) // 2
        made = within(middle)
        best, low, high = (made, low, middle) if made else (best, middle + 1, high)
    return best


def coefficients_at(
    table: Float[Array, "degree segment"], place: Float[Array, " sample"]
) -> Float[Array, "sample segment"]:
    """c_l at times that are given as places in [-1, 1]."""
    total = jnp.zeros((place.shape[0], table.shape[1]), place.dtype)
    before, now = place, jnp.ones_like(place)  # T₋₁ = T₁
    for row in table:
        total = total + now[:, None] * row
        before, now = now, 2 * place * now - before
    return total


def _edge(decay: float, turn: float, density: int) -> np.ndarray:
    """The edge of the rectangle of z times the length, its upper half: the lower is the conjugate of it."""
    along = np.linspace(0, turn, max(8, int(density * turn)))
    across = np.unique(
        np.concatenate([np.linspace(0, decay, 4 * density), np.geomspace(1e-2, 1, 24) * decay])
    )
    return np.concatenate([1j * along, decay + 1j * along, across + 1j * turn])


def _coefficients(count: int, tolerance: float, decay: float, turn: float) -> np.ndarray:
    """Chebyshev series [degree, segment] of the least-squares coefficients."""
    z = _edge(decay, turn, 6)
    if count == 1:
        return np.ones((1, 1))
    degree = min(96, int(turn + decay / 4) + 2 * count + 12)
    places = np.cos(np.pi * (np.arange(degree) + 0.5) / degree)
    of_spin = np.exp(-np.linspace(0, 1, count) * z[:, None])
    wanted = np.exp(-(places + 1) / 2 * z[:, None])
    stacked = lambda a: np.concatenate([a.real, a.imag])
    solved = np.linalg.lstsq(stacked(of_spin), stacked(wanted), rcond=tolerance / 100)[0]
    table = np.polynomial.chebyshev.chebfit(places, solved.T, degree - 1)
    # What is left of a series after a degree is below the sum of its coefficients.
    left = np.cumsum(np.abs(table).sum(1)[::-1])[::-1]
    return table[: max(1, int((left > tolerance / 20).sum()))]


def _error(table: np.ndarray, decay: float, turn: float) -> float:
    """The largest error over the edge and all times, on a finer grid than the coefficients were made on."""
    z = _edge(decay, turn, 11)
    places = np.linspace(-1, 1, 4 * table.shape[0] + 33)
    c = np.polynomial.chebyshev.chebval(places, table)
    made = np.exp(-np.linspace(0, 1, table.shape[1]) * z[:, None]) @ c.reshape(table.shape[1], -1)
    return float(np.abs(made - np.exp(-(places + 1) / 2 * z[:, None])).max())
