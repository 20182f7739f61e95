"""Symmetric positive tensors as sums of squares of whole-numbered vectors, by Selling's reduction.

    D = Σ_k w_k e_k e_kᵀ,        w_k ≥ 0, e_k ∈ ℤ³, six of them

A superbase b_0 … b_3 (vectors with whole numbers that span the grid and add up to 0) is obtuse if b_i·D b_j ≤ 0 for all pairs.
Then w = −b_i·D b_j belongs to e = b_k × b_l, with k and l the other two. While a pair is acute, (−b_i, b_j, b_k + b_i, b_l + b_i)
takes the place of the superbase; every step makes Σ b·D b smaller.

Source: Selling, J. reine angew. Math. 77 (1874) 143; Fehrenbach and Mirebeau, J. Math. Imaging Vis. 49 (2014) 123.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

PAIRS = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2), (1, 2, 0, 3), (1, 3, 0, 2), (2, 3, 0, 1))
START = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]], np.int32)
STEPS = 2000  # at most; who needs more is no tensor of a tissue
ACUTE = 1e-6  # of the trace: smaller products are rounding, as are some ulps of |b_i| |b_j| times it


def decompose(
    tensor: Float[Array, "*place 3 3"],
) -> tuple[Int[Array, "*place 6 3"], Float[Array, "*place 6"]]:
    """Vectors and weights of symmetric tensors without negative eigenvalues.

    Differentiable in the weights; the vectors are constant but where tensors pass from one set to the next, with weight 0.
    Weights are NaN where `STEPS` steps reach no obtuse superbase.
    Good values: tensors in units of voxels, D_ij / (h_i h_j).
    """
    base = jax.lax.stop_gradient(_reduced(jax.lax.stop_gradient(tensor)))
    products = _products(base, tensor)
    vectors = [jnp.cross(base[..., k, :], base[..., m, :]) for _, _, k, m in PAIRS]
    weights = jnp.where(products > _rounding(base, tensor), jnp.nan, jnp.maximum(-products, 0))
    return jnp.stack(vectors, axis=-2), weights


def _products(base, tensor):
    """b_i·D b_j of all pairs."""
    return jnp.stack([_product(base[..., i, :], tensor, base[..., j, :]) for i, j, _, _ in PAIRS], axis=-1)


def _rounding(base, tensor):
    """Products up to which a pair counts as obtuse."""
    size = jnp.sqrt(jnp.sum(base.astype(tensor.dtype) ** 2, axis=-1))
    both = jnp.stack([size[..., i] * size[..., j] for i, j, _, _ in PAIRS], axis=-1)
    trace = jnp.trace(tensor, axis1=-2, axis2=-1)[..., None]
    return trace * (ACUTE + 8 * jnp.finfo(tensor.dtype).eps * both)


def _product(a, tensor, b):
    """a·D b of vectors of whole numbers."""
    kind = tensor.dtype
    return jnp.sum(a.astype(kind)[..., :, None] * tensor * b.astype(kind)[..., None, :], axis=(-2, -1))


@jax.jit
def _reduced(tensor):
    """An obtuse superbase of each tensor."""

    def acute(base):
        excess = _products(base, tensor) - _rounding(base, tensor)
        return jnp.argmax(excess, axis=-1), jnp.max(excess, axis=-1) > 0

    def step(state):
        count, base, (worst, again) = state
        i, j, k, m = (
            jnp.take_along_axis(base, order[..., None, None], axis=-2)[..., 0, :]
            for order in jnp.moveaxis(jnp.asarray(PAIRS)[worst], -1, 0)
        )
        turned = jnp.where(again[..., None, None], jnp.stack([-i, j, k + i, m + i], axis=-2), base)
        return count + 1, turned, acute(turned)

    start = jnp.broadcast_to(jnp.asarray(START), (*tensor.shape[:-2], 4, 3))
    going = lambda state: jnp.any(state[2][1]) & (state[0] < STEPS)
    return jax.lax.while_loop(going, step, (0, start, acute(start)))[1]
