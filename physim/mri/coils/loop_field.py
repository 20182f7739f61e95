"""The magnetic field of circular current loops in closed form, for every point and both precisions.

With ρ and z the cylindrical coordinates of a point in the frame of a loop of radius a, β² = (a+ρ)² + z²,
α² = (a−ρ)² + z², k'² = α²/β², k² = 4aρ/β² and the complete elliptic integrals K and E (Smythe, Static and Dynamic
Electricity, 3rd ed. (1968), section 7.10; Simpson et al., NASA TM-2013-217919):

    B_z = μ₀I/(2πβ) (2a²E/α² − Q),   B_ρ = μ₀I z/(2πβρ) Q,   A_φ = μ₀Iβ/(2πρ) K S
    Q = (1 − k²/2) E/k'² − K,        E = K (1 − k²/2 − S)

K = π/(2 AGM(1, k')) and S = Σ 2ⁿ⁻¹ cₙ² from n = 1, where c are the differences of that arithmetic-geometric mean. Written
with S, neither Q (order ρ²) nor the far field cancels, so that float32 keeps its digits on the axis and far away.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

WIRE = 1e-3  # of the loop's radius: nearer to the wire than this the field no longer grows
_STEPS = 7  # of the arithmetic-geometric mean: enough for float64 down to k' of 5e-4


class _Frame(NamedTuple):
    """Points as one loop sees them, and the integrals there."""

    height: Array  # z
    across: Array  # from the axis to the point
    wide: Array  # β²
    near: Array  # α²
    first: Array  # K
    second: Array  # E
    q: Array  # Q / ρ²
    s: Array  # S / ρ²


@jax.jit
def relative_field(
    position: Float[Array, "spin 3"],
    centre: Float[Array, "coil 3"],
    normal: Float[Array, "coil 3"],
    radius: Float[Array, " coil"],
) -> Float[Array, "3 coil spin"]:
    """The field vector of every loop, relative to the field μ₀I/(2a) in its own centre; positions and radii in mm."""
    at = _frame(position, centre, normal, radius)
    a = radius[:, None]
    rho2 = jnp.sum(at.across**2, axis=0)
    scale = a / (jnp.pi * jnp.sqrt(at.wide))
    along = scale * (2 * a**2 * at.second / at.near - rho2 * at.q)
    return along * normal.T[:, :, None] + scale * at.height * at.q * at.across


@jax.jit
def relative_potential(
    position: Float[Array, "spin 3"],
    centre: Float[Array, "coil 3"],
    normal: Float[Array, "coil 3"],
    radius: Float[Array, " coil"],
) -> Float[Array, "3 coil spin"]:
    """The vector potential of every loop, mm: its curl is `relative_field`; the electric field is −iω times it."""
    at = _frame(position, centre, normal, radius)
    size = radius[:, None] * jnp.sqrt(at.wide) / jnp.pi * at.first * at.s
    n = normal.T[:, :, None]
    return size * jnp.stack([n[i - 2] * at.across[i - 1] - n[i - 1] * at.across[i - 2] for i in range(3)])


def _frame(position, centre, normal, radius) -> _Frame:
    offset = position.T[:, None, :] - centre.T[:, :, None]
    n, a = normal.T[:, :, None], radius[:, None]
    height = jnp.sum(offset * n, axis=0)
    across = offset - height * n
    # A root of zero has no derivative; everything here is even in ρ, so that this changes nothing that can be seen.
    tiny = jnp.finfo(position.dtype).eps * a
    rho = jnp.sqrt(jnp.sum(across**2, axis=0) + tiny**2)
    wide = (a + rho) ** 2 + height**2
    near = jnp.maximum((a - rho) ** 2 + height**2, (WIRE * a) ** 2)
    return _Frame(height, across, wide, near, *_integrals(a, rho, wide, near))


def _integrals(a, rho, wide, near):
    """K, E, Q/ρ² and S/ρ². The sums run over cₙ/c₁, and c₁ = gρ, so that ρ is never divided by."""
    modulus = jnp.sqrt(near / wide)
    g = 2 * a / (wide * (1 + modulus))
    mean, root = (1 + modulus) / 2, jnp.sqrt(modulus)
    difference, ratio, tail = g * rho, jnp.ones_like(rho), jnp.zeros_like(rho)
    for n in range(2, _STEPS + 1):
        mean, root = (mean + root) / 2, jnp.sqrt(mean * root)
        ratio = ratio * difference / (4 * mean)
        difference = difference**2 / (4 * mean)
        tail = tail + 2 ** (n - 1) * ratio**2
    first = jnp.pi / (2 * mean)
    s = g**2 * (1 + tail)
    second = first * (1 - 2 * a * rho / wide - rho**2 * s)
    q = first * (g / modulus) ** 2 * (1 + 4 * modulus + modulus**2 - (1 + modulus**2) * tail) / 2
    return first, second, q, s
