"""What a smooth image costs: potentials of the length of its gradient."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

Spacing = Float[Array | np.ndarray, "3"]
Number = Float[Array | np.ndarray, ""] | float


class Prior(eqx.Module):
    """A convex potential φ(|∇x|) that grows no faster than a parabola, so φ(√s) is concave in s."""

    @abstractmethod
    def potential(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ of the squared length of the gradient."""

    @abstractmethod
    def curvature(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ'(t) / t: of the parabola around 0 that touches φ at t from above."""


class TotalVariation(Prior):
    """φ(t) = √(t² + epsilon²) − epsilon: edges cost as much as slopes, so flat regions with sharp borders are cheap.

    Rudin, Osher and Fatemi, Physica D 60 (1992) 259; `epsilon`, per mm, rounds it off where it has no derivative.
    Good values: 1e-3 per mm, the slope of 1 HU per mm. Raises `ValueError` for an epsilon that is not above 0.
    """

    epsilon: Number = 1e-3

    def __check_init__(self):
        require_range("epsilon", self.epsilon, 1e-12, 1e12, "per mm")

    def potential(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ of the squared length of the gradient."""
        epsilon = jnp.asarray(self.epsilon, square.dtype)
        # The difference of the roots, without cancellation.
        return square / (jnp.sqrt(square + epsilon**2) + epsilon)

    def curvature(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ'(t) / t: of the parabola around 0 that touches φ at t from above."""
        return 1 / jnp.sqrt(square + jnp.asarray(self.epsilon, square.dtype) ** 2)


class Huber(Prior):
    """φ(t) = t² / 2 delta up to delta, t − delta / 2 beyond: smooth noise away, keep edges higher than `delta` per mm.

    Huber, Ann. Math. Stat. 35 (1964) 73. Good values: 0.01 per mm, the slope of 10 HU per mm.
    Raises `ValueError` for a delta that is not above 0.
    """

    delta: Number = 0.01

    def __check_init__(self):
        require_range("delta", self.delta, 1e-12, 1e12, "per mm")

    def potential(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ of the squared length of the gradient."""
        delta = jnp.asarray(self.delta, square.dtype)
        small = square < delta**2
        length = jnp.sqrt(jnp.where(small, 1, square))
        return jnp.where(small, square / (2 * delta), length - delta / 2)

    def curvature(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ'(t) / t: of the parabola around 0 that touches φ at t from above."""
        delta = jnp.asarray(self.delta, square.dtype)
        return 1 / jnp.sqrt(jnp.maximum(square, delta**2))


class Quadratic(Prior):
    """φ(t) = t² / 2: smooths everything alike, and the answer is linear in the data."""

    def potential(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ of the squared length of the gradient."""
        return square / 2

    def curvature(self, square: Float[Array, "x y z"]) -> Float[Array, "x y z"]:
        """φ'(t) / t: of the parabola around 0 that touches φ at t from above."""
        return jnp.ones_like(square)


def slopes(volume: Float[Array, "x y z"], spacing: Spacing) -> Float[Array, "3 x y z"]:
    """Differences to the next voxel along each axis, per mm of `spacing`, 0 at the last one."""
    return jnp.stack([_difference(volume, axis) / spacing[axis] for axis in range(3)])


def slopes_transpose(field: Float[Array, "3 x y z"], spacing: Spacing) -> Float[Array, "x y z"]:
    """The exact transpose of `slopes`."""
    return sum(_difference_transpose(field[axis], axis) / spacing[axis] for axis in range(3))  # type: ignore[return-value]


def penalty(volume: Float[Array, "x y z"], spacing: Spacing, prior: Prior) -> Float[Array, ""]:
    """∫ φ(|∇x|) dV, mm³ times the unit of φ."""
    square = jnp.sum(slopes(volume, spacing) ** 2, axis=0)
    return jnp.sum(prior.potential(square)) * jnp.prod(spacing)


def penalty_weights(volume: Float[Array, "x y z"], spacing: Spacing, prior: Prior) -> Float[Array, "x y z"]:
    """ω such that the gradient of `penalty` is ∇ᵀ ω ∇ x, and ½ ∇ᵀ ω ∇ touches it from above."""
    square = jnp.sum(slopes(volume, spacing) ** 2, axis=0)
    return prior.curvature(square) * jnp.prod(spacing)


def _difference(volume, axis: int):
    n = volume.shape[axis]
    ahead = jnp.diff(volume, axis=axis) if n > 1 else volume[(slice(None),) * axis + (slice(0),)]
    return _padded(ahead, axis, (0, 1))


def _difference_transpose(field, axis: int):
    inner = field[(slice(None),) * axis + (slice(field.shape[axis] - 1),)]
    return _padded(inner, axis, (1, 0)) - _padded(inner, axis, (0, 1))


def _padded(values, axis: int, width: tuple[int, int]):
    return jnp.pad(values, [width if a == axis else (0, 0) for a in range(3)])
