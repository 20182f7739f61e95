"""How a pulse is cut into steps: Magnus expansions of order 2 and 4.

Over one step of length h the Bloch equations Ṁ = A(t) M have the solution exp(Ω), with

    order 2:  Ω = h A(t + h/2)
    order 4:  Ω = h/2 (A₁ + A₂) + (√3 h² / 12) [A₂, A₁],    A at the Gauss-Legendre nodes t + (½ ∓ √3/6) h.

Source: Blanes, Casas, Oteo and Ros, Phys. Rep. 470 (2009) 151, sections 5.4 and 5.5.
"""

from __future__ import annotations

import abc
import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from physim_phantoms._checks import require_range

from .exponential import product

Vector = tuple[Array, Array, Array]


class Integrator(eqx.Module):
    """The longest step, the nodes within one, and the exponent of a step."""

    step: eqx.AbstractVar[float]

    @property
    @abc.abstractmethod
    def nodes(self) -> tuple[float, ...]:
        """Where the field is looked at within a step, as fractions of its length."""

    @abc.abstractmethod
    def exponent(self, rates: list[Vector], length) -> tuple[Vector, Vector]:
        """The turn of a step about the field (rad) from the nutation rates at the nodes (rad/s), and its commutator rate.

        The second result is (√3 h² / 12)(ω₂ − ω₁), in rad s: what the change of the field within the step does together
        with relaxation; zero at order 2.
        """

    @abc.abstractmethod
    def exponent_of(self, generators: list[Array], length) -> Array:
        """Ω of a step from the matrices A at the nodes."""


class Midpoint(Integrator):
    """Magnus expansion of order 2.

    - `step`: longest step, s. Good values: 10 µs.
    """

    step: float = eqx.field(static=True, default=10e-6)

    def __check_init__(self):
        require_range("step", self.step, 1e-9, 1.0, "s")

    @property
    def nodes(self) -> tuple[float, ...]:
        """The middle."""
        return (0.5,)

    def exponent(self, rates, length):
        """h ω at the middle."""
        ((x, y, z),) = rates
        nothing = jnp.zeros_like(x)
        return (length * x, length * y, length * z), (nothing, nothing, nothing)

    def exponent_of(self, generators, length):
        """h A at the middle."""
        (middle,) = generators
        return length * middle


class FourthOrder(Integrator):
    """Magnus expansion of order 4.

    - `step`: longest step, s. Good values: 50 µs.
    """

    step: float = eqx.field(static=True, default=50e-6)

    def __check_init__(self):
        require_range("step", self.step, 1e-9, 1.0, "s")

    @property
    def nodes(self) -> tuple[float, ...]:
        """The two Gauss-Legendre nodes."""
        return 0.5 - math.sqrt(3) / 6, 0.5 + math.sqrt(3) / 6

    def exponent(self, rates, length):
        """h (ω₁ + ω₂)/2 + (√3 h² / 12) ω₁ × ω₂, in the sense of dM/dt = M × ω."""
        first, second = rates
        weight = (math.sqrt(3) / 12) * length * length
        crossed = cross(first, second)
        turn = tuple(
            0.5 * length * (a + b) + weight * c for a, b, c in zip(first, second, crossed, strict=True)
        )
        change = tuple(weight * (b - a) for a, b in zip(first, second, strict=True))
        return turn, change  # type: ignore[return-value]

    def exponent_of(self, generators, length):
        """h (A₁ + A₂)/2 + (√3 h² / 12) [A₂, A₁]."""
        first, second = generators
        commutator = product(second, first) - product(first, second)
        return 0.5 * length * (first + second) + (math.sqrt(3) / 12) * length * length * commutator


def cross(a: Vector, b: Vector) -> Vector:
    """a × b of vectors given by components."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
