"""How spins move while a sequence is played: what every kind of motion can do."""

from __future__ import annotations

import abc

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite

from ..gradients.system import Played


class Motion(eqx.Module):
    """Moments that moving spins see, on the host, and the functions of position that go with them.

    What belongs to the spins goes with them: magnetisation, relaxation, off-resonance, transmit field.
    """

    @abc.abstractmethod
    def seen(self, played: Played) -> Played | MovedGradients:
        """The gradients as moving spins see them."""

    @abc.abstractmethod
    def places(self, position: Float[Array, "spin axis"]) -> Float[Array, "spin more"]:
        """Functions of position, mm, beyond those of spins at rest."""


class MovedGradients(abc.ABC):
    """As `Played`, for spins that move: `rate`, `moment` and `common` with the same meaning."""

    @property
    def repeats(self) -> bool:
        """Equal events at other times make other fields."""
        return False

    @abc.abstractmethod
    def rate(self, times) -> Float[np.ndarray, "... axis"]:
        """Hz/mm at `times` (ps)."""

    @abc.abstractmethod
    def moment(self, times) -> Float[np.ndarray, "... axis"]:
        """The integral of `rate` up to `times` (ps), cycles/mm."""

    @abc.abstractmethod
    def common(self, times) -> Float[np.ndarray, "..."]:
        """The phase that all spins have alike, cycles."""


class Still(Motion):
    """No motion."""

    def seen(self, played: Played) -> Played:
        """The gradients as they are."""
        return played

    def places(self, position: Float[Array, "spin axis"]) -> Float[Array, "spin 0"]:
        """None."""
        return position[:, :0]


def require_concrete(name: str, values) -> None:
    """Numbers that act on the host, before anything is traced."""
    if not is_concrete(values):
        raise InputError(
            f"the {name} of a motion are traced; they act on the host: make the motion outside jit and grad"
        )


def require_times(times) -> None:
    """Corners of a motion: concrete, rising, in s."""
    require_concrete("times", times)
    given = np.asarray(times)
    require_finite("times", given)
    if given.ndim != 1 or given.size < 2 or np.any(np.diff(given) < 1e-12):
        raise InputError(
            f"times has shape {given.shape}; it must be at least two rising numbers in s, 1 ps or more apart: "
            "write numpy.array([0.0, 1.0])"
        )
    if np.abs(given).max() > 1e5:
        raise InputError(
            f"times reach {np.abs(given).max():g} s; a motion may last up to 1e5 s: give times in s"
        )


def require_plain(played: Played) -> None:
    """Moving spins see concomitant fields change with their place, which is not worked out."""
    if played.products is not None:
        raise InputError(
            "the spins move and concomitant fields are on; that combination is not simulated: "
            "leave out motion, or write GradientSystem(concomitant=None)"
        )
