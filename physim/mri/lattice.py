"""Low-discrepancy points: where the spins of a voxel sit."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

GOLDEN = (math.sqrt(5) - 1) / 2


def golden(count: int) -> Float[np.ndarray, " point"]:
    """`count` numbers in (0, 1), well spread at every length: ½ + n times the golden ratio, modulo 1."""
    return (0.5 + GOLDEN * np.arange(count)) % 1.0


def lattice(count: int) -> Float[np.ndarray, "point 4"]:
    """A rank-1 lattice of `count` points in the cube [-½, ½)⁴, with its centre at zero.

    Along every axis the points are equidistant, so that their sum of exp(2πi n x) vanishes for every whole n that is not
    a multiple of `count`. Source: Sloan and Joe, Lattice Methods for Multiple Integration (1994), ch. 4; generators are
    the powers of the generalised golden ratio, rounded to numbers coprime with `count`.
    """
    ratio = 1.2207440846057596  # the root of x⁴ = x + 1
    generators = [1, *(_coprime(count, count / ratio**power) for power in (1, 2, 3))]
    numbers = np.arange(count)[:, None] * np.array(generators)
    return (numbers % count + 0.5) / count - 0.5


def _coprime(count: int, wanted: float) -> int:
    """The whole number nearest to `wanted`, from 1 to count, that shares no factor with `count`."""
    allowed = [n for n in range(1, count + 1) if math.gcd(n, count) == 1]
    return min(allowed, key=lambda n: abs(n - wanted))
