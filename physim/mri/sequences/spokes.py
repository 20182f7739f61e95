"""Directions of radial read-outs: uniform, by the golden angle, over a sphere, in a stack."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError, require_range

from .lines import phase_steps

GOLDEN_ANGLE = math.pi * (math.sqrt(5) - 1) / 2  # rad; 111.25°
GOLDEN_MEANS = (0.465571231876768, 0.682327803828019)  # Chan et al., their φ₁ and φ₂


class Spokes(abc.ABC):
    """The order of spokes: which way each goes, and its phase encoding along z."""

    @abc.abstractmethod
    def directions(self) -> Float[np.ndarray, "spoke 3"]:
        """Unit vectors."""

    def partitions(self) -> Float[np.ndarray, " spoke"]:
        """k along z of each spoke, cycles/mm."""
        return np.zeros(len(self.directions()))


@dataclass(frozen=True, eq=False)
class UniformSpokes(Spokes):
    """`count` spokes at equal angles over half a turn, the first along x.

    Good values: π/2 times the matrix for full sampling.
    """

    count: int = 201

    def directions(self) -> Float[np.ndarray, "spoke 3"]:
        """In the plane."""
        return _in_plane(np.arange(_count(self.count)) * np.pi / self.count)


@dataclass(frozen=True, eq=False)
class GoldenSpokes(Spokes):
    """`count` spokes 111.25° apart: any number of neighbours in time covers the circle nearly evenly.

    Source: Winkelmann et al., IEEE Trans. Med. Imaging 26 (2007) 68. Good values: Fibonacci numbers, 233.
    """

    count: int = 233

    def directions(self) -> Float[np.ndarray, "spoke 3"]:
        """In the plane."""
        return _in_plane(np.arange(_count(self.count)) * GOLDEN_ANGLE)


@dataclass(frozen=True, eq=False)
class KooshBall(Spokes):
    """`count` spokes over the sphere by the two-dimensional golden means.

    Source: Chan et al., Magn. Reson. Med. 61 (2009) 354. Good values: the matrix squared for full sampling.
    """

    count: int = 4096

    def directions(self) -> Float[np.ndarray, "spoke 3"]:
        """Half the sphere: a spoke goes both ways."""
        numbers = np.arange(_count(self.count))
        height, angle = (np.mod(numbers * mean, 1) for mean in GOLDEN_MEANS)
        radius = np.sqrt(1 - height**2)
        turn = 2 * np.pi * angle
        return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)


@dataclass(frozen=True, eq=False)
class StackOfStars(Spokes):
    """Spokes in the plane, each angle for all `count` steps along z over `height` mm before the next."""

    plane: UniformSpokes | GoldenSpokes
    count: int
    height: float

    def directions(self) -> Float[np.ndarray, "spoke 3"]:
        """Those of the plane, repeated."""
        return np.repeat(self.plane.directions(), _count(self.count), axis=0)

    def partitions(self) -> Float[np.ndarray, " spoke"]:
        """All steps for every angle."""
        require_range("height", self.height, 1e-2, 1e5, "mm")
        return np.tile(phase_steps(self.count, self.height), self.plane.count)


def _in_plane(angles) -> Float[np.ndarray, "spoke 3"]:
    return np.stack([np.cos(angles), np.sin(angles), np.zeros(len(angles))], axis=1)


def _count(count: int) -> int:
    if count < 1:
        raise InputError(f"count is {count}; there must be at least 1 spoke")
    return count
