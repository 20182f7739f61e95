"""How voxels diffuse: by one number each, or by a tensor, whose six parts weigh as many parts of b."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from ..spin_values import PerSpin, per_spin

Diffusivity = PerSpin | Float[np.ndarray | Array, "3 3"] | Float[np.ndarray | Array, "spin 3 3"]
PerVoxelDiffusivity = Float[Array, " spin"] | Float[Array, "spin 3 3"]
Product = Callable[
    [Float[np.ndarray, "*many 3"], Float[np.ndarray, "*many 3"]], Float[np.ndarray, "*many part"]
]
PARTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # of a symmetric tensor
FASTEST = 1.0  # mm²/s
_KIND = {1: "numbers", len(PARTS): "tensors"}


def diffusivity_of(given: Diffusivity, count: int) -> PerVoxelDiffusivity:
    """One number, or one symmetric tensor without negative eigenvalues, for each voxel, mm²/s."""
    if np.ndim(given) < 2:
        require_range("diffusivity", given, 0.0, FASTEST, "mm²/s")
        return per_spin("diffusivity", given, count)
    tensors = jnp.asarray(given, jnp.result_type(float))
    if tensors.shape not in ((3, 3), (count, 3, 3)):
        raise InputError(
            f"diffusivity has shape {tensors.shape}; it must be one number, one for each of {count} voxels, or tensors of "
            f"shape (3, 3) or ({count}, 3, 3) in mm²/s"
        )
    require_finite("diffusivity", tensors)
    _refuse_impossible(tensors)
    return jnp.broadcast_to(tensors, (count, 3, 3))


def _refuse_impossible(tensors) -> None:
    if not is_concrete(tensors):
        return
    given = np.asarray(tensors, float).reshape(-1, 3, 3)
    size = np.abs(given).max(axis=(1, 2)) + 1e-30
    skew = np.abs(given - np.swapaxes(given, 1, 2)).max(axis=(1, 2)) > 1e-5 * size
    if skew.any():
        first = int(np.argmax(skew))
        raise InputError(
            f"the diffusivity of voxel {first} is {given[first].tolist()}, which is not symmetric; write "
            "(D + D.T) / 2 if that is rounding"
        )
    values = np.linalg.eigvalsh(given)
    wrong = (values[:, 0] < -1e-6 * size) | (values[:, 2] > FASTEST)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"the diffusivity of voxel {first} has the eigenvalues {values[first].tolist()} mm²/s; they must lie between 0 and "
            f"{FASTEST:g}: those of white matter are some 1.5e-3, 4e-4 and 4e-4"
        )


def product_of(diffusivity: PerVoxelDiffusivity) -> Product:
    """Which products of k the b-values of such voxels are made of."""
    return _dot if diffusivity.ndim == 1 else _dyad


def _dot(k, other):
    return (k * other).sum(-1, keepdims=True)


def _dyad(k, other):
    """The parts of the symmetric product of two vectors."""
    return np.stack([(k[..., i] * other[..., j] + k[..., j] * other[..., i]) / 2 for i, j in PARTS], axis=-1)


def left_of(
    b: Float[np.ndarray | Array, "*state part"], diffusivity: PerVoxelDiffusivity
) -> Float[Array, "*state spin"]:
    """exp(−b D) or exp(−B:D): what diffusion leaves of each state in each voxel."""
    if diffusivity.ndim == 1:
        weights = [diffusivity]
    else:
        weights = [(1 if i == j else 2) * diffusivity[:, i, j] for i, j in PARTS]
    if b.shape[-1] != len(weights):
        raise InputError(
            f"the configuration graph was made for diffusivities that are {_KIND[b.shape[-1]]}, and these voxels' are "
            f"{_KIND[len(weights)]}: make it anew, mri.configuration_graph(spins, sequence, scanner)"
        )
    # No matrix product: an accelerator would round its factors.
    return jnp.exp(-sum(b[..., part, None] * weight for part, weight in enumerate(weights)))  # pyright: ignore
