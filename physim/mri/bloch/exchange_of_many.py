"""Free precession of one pool that exchanges with many: an exponential of its matrix, and eigenmodes for read-outs.

    dm/dt = −C m,   C₀₀ = ρ₀ + Σ kᵢ,₀,   Cᵢᵢ = ρᵢ + kᵢ + iωᵢ,   C₀ᵢ = −kᵢ,   Cᵢ₀ = −kᵢ,₀

A mode is what the projector Πⱼ (C − λⱼ) / (λᵢ − λⱼ) leaves, the product over all other eigenvalues: so that only these are
asked of a solver, and have derivatives. Source: Sylvester's formula; Higham, Functions of Matrices (2008), section 1.2.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ..many_pools import ManyPools
from .exponential import exponential

EXACTLY = jax.lax.Precision.HIGHEST
HALVINGS = 24  # of the longest period: 100 s of rates of 10⁵ 1/s


def exchange_freely(
    pools: ManyPools, m: Float[Array, "component spin"], time, field: float
) -> Float[Array, "component spin"]:
    """Relaxation, recovery, exchange, and precession in the frame of the first pool, for `time` s."""
    nothing = jnp.zeros_like(pools.t1)
    exponent = pools.generator(nothing, nothing, nothing, field) * jnp.asarray(time, m.dtype)
    before = jnp.concatenate([m, jnp.ones_like(m[:1])])
    return jnp.einsum("sij,js->is", exponential(exponent, HALVINGS), before, precision=EXACTLY)[:-1]


def modes_of_many(
    pools: ManyPools, field: float
) -> tuple[Complex[Array, "spin mode"], Complex[Array, "spin mode pool"]]:
    """The complex rates of all modes in the frame of the first pool, and the weights of the pools in the signal of each.

    The signal of all pools is the sum over modes of w · m exp(−λ t). Rates are as exact as the solver is: in float32 to
    some 10⁻⁷ of the fastest. Two solutes alike in T2, shift and exchange have no modes of their own: NaN.
    """
    rates = _matrix(pools, field)
    found = jnp.linalg.eigvals(rates)
    size = rates.shape[-1]
    weights = []
    for mode in range(size):
        row = jnp.ones_like(found)
        for other in range(size):
            if other != mode:
                shifted = rates - found[..., other, None, None] * jnp.eye(size)
                apart = found[..., mode, None] - found[..., other, None]
                row = jnp.einsum("si,sij->sj", row, shifted, precision=EXACTLY) / apart
        weights.append(row)
    return found, jnp.stack(weights, axis=-2)


def _matrix(pools: ManyPools, field: float) -> Complex[Array, "spin pool pool"]:
    """C of transverse magnetisation."""
    relaxing, rates, turning = pools.relaxing, pools.exchange_rates, pools.turning(field)
    nothing = jnp.zeros_like(pools.t1)
    lost = [sum((out for out, _ in rates), nothing), *(back for _, back in rates)]
    size = len(relaxing)
    rows = [[jax.lax.complex(nothing, nothing)] * size for _ in range(size)]
    for at in range(size):
        rows[at][at] = jax.lax.complex(relaxing[at].r2 + lost[at], turning[at])
    for at, (out, back) in enumerate(rates, start=1):
        rows[0][at], rows[at][0] = (jax.lax.complex(-rate, nothing) for rate in (back, out))
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
