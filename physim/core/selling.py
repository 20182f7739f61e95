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
STEPS = 40  # enough for eigenvalues 1000 times apart
ACUTE = 1e-6  # of the trace: smaller products are rounding


def decompose(
    tensor: Float[Array, "*place 3 3"],
) -> tuple[Int[Array, "*place 6 3"], Float[Array, "*place 6"]]:
    """Vectors and weights of symmetric tensors without negative eigenvalues.

    Differentiable in the weights; the vectors are constant but where tensors pass from one set to the next, with weight 0.
    Good values: tensors in units of voxels, D_ij / (h_i h_j).
    """
    base = jax.lax.stop_gradient(_reduced(jax.lax.stop_gradient(tensor)))
    weights = [-_product(base[..., i, :], tensor, base[..., j, :]) for i, j, _, _ in PAIRS]
    vectors = [jnp.cross(base[..., k, :], base[..., m, :]) for _, _, k, m in PAIRS]
    return jnp.stack(vectors, axis=-2), jnp.maximum(jnp.stack(weights, axis=-1), 0)


def _product(a, tensor, b):
    """a·D b of vectors of whole numbers."""
    kind = tensor.dtype
    return jnp.sum(a.astype(kind)[..., :, None] * tensor * b.astype(kind)[..., None, :], axis=(-2, -1))


@jax.jit
def _reduced(tensor):
    """An obtuse superbase of each tensor."""
    limit = ACUTE * jnp.trace(tensor, axis1=-2, axis2=-1)

    def step(_, base):
        products = jnp.stack([_product(base[..., i, :], tensor, base[..., j, :]) for i, j, _, _ in PAIRS], -1)
        worst = jnp.argmax(products, axis=-1)
        i, j, k, m = (
            jnp.take_along_axis(base, order[..., None, None], axis=-2)[..., 0, :]
            for order in jnp.moveaxis(jnp.asarray(PAIRS)[worst], -1, 0)
        )
        turned = jnp.stack([-i, j, k + i, m + i], axis=-2)
        return jnp.where((products.max(axis=-1) > limit)[..., None, None], turned, base)

    start = jnp.broadcast_to(jnp.asarray(START), (*tensor.shape[:-2], 4, 3))
    return jax.lax.fori_loop(0, STEPS, step, start)
