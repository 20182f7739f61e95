"""Conservative diffusion by tensors on the voxel grid: ∂u/∂t = ∇·(D ∇u) with all its cross terms.

Every voxel's tensor is a sum of squares along vectors from voxel to voxel (`selling`); along each of them two voxels exchange
u as through a face, by the mean of what both conduct that way. So the operator is symmetric, mass is kept to round-off, nothing
leaves the domain, and no coefficient is negative: explicit steps keep 0 <= u <= 1, whatever the direction of the fibres.

Source: Fehrenbach and Mirebeau, J. Math. Imaging Vis. 49 (2014) 123 (AD-LBR).
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_shape

from .selling import decompose

Offset = tuple[int, int, int]
LOST = 3e-3  # of the trace that the decomposition of a tensor may miss
TensorMap = Float[Array | np.ndarray, "x y z 3 3"]


class TensorFaces(eqx.Module):
    """What voxels x and x + e exchange, 1/day (or 1/s), for each offset e; zero where one of the two is outside."""

    coefficients: Float[Array, "offset x y z"]
    offsets: tuple[Offset, ...] = eqx.field(static=True)

    def between(self, share: Float[Array, "x y z"]) -> TensorFaces:
        """Between voxels of which only a share conducts, 0 to 1."""
        both = [share * _moved(share, offset) for offset in self.offsets]
        return TensorFaces(self.coefficients * jnp.stack(both) if both else self.coefficients, self.offsets)

    def outflow(self) -> Float[Array, "x y z"]:
        """The rate at which a voxel would empty, 1/day."""
        total = jnp.zeros(self.coefficients.shape[1:], self.coefficients.dtype)
        for one, offset in zip(self.coefficients, self.offsets, strict=True):
            total = total + one + _moved(one, _opposite(offset))
        return total


def offsets_of(tensor: TensorMap, spacing) -> tuple[Offset, ...]:
    """The offsets between voxels along which a map of tensors diffuses; concrete maps only.

    Raises `ValueError` for tensors that are not symmetric or have negative eigenvalues, with the first such voxel.
    """
    if not is_concrete(tensor):
        raise InputError(
            "the tensors are being traced, so their offsets cannot be looked up; do it outside jit and grad"
        )
    _require_tensors(np.asarray(tensor))
    vectors, weights = decompose(_in_voxels(tensor, spacing))
    kind = np.asarray(weights).dtype
    again = jnp.einsum("...k,...ki,...kj->...ij", weights, vectors.astype(kind), vectors.astype(kind))
    wrong = np.abs(np.asarray(again - _in_voxels(tensor, spacing))).max(axis=(-2, -1))
    # NaN, too, is not within.
    lost = ~(wrong <= LOST * np.trace(np.asarray(_in_voxels(tensor, spacing)), axis1=-2, axis2=-1) + 1e-30)
    if lost.any():
        first = tuple(int(i) for i in np.unravel_index(int(np.argmax(lost)), lost.shape))
        raise InputError(
            f"the diffusivity of voxel {first} has eigenvalues {np.linalg.eigvalsh(np.asarray(tensor)[first]).tolist()}, too far "
            "apart for this grid: raise the smallest, for instance to a thousandth of the largest"
        )
    used = np.asarray(vectors)[np.asarray(weights) > 0]
    if not len(used):
        return ()
    return tuple(sorted({_upward(one) for one in map(tuple, np.unique(used, axis=0).tolist())}))


def tensor_faces(
    tensor: TensorMap,
    spacing,
    domain: Bool[Array | np.ndarray, "x y z"] | None = None,
    offsets: tuple[Offset, ...] | None = None,
) -> TensorFaces:
    """The exchange of every voxel with others; D in mm²/day, spacing in mm.

    Differentiable in the tensors. `offsets` from `offsets_of` are needed where those are traced; a tensor that needs an offset
    that is not among them makes NaN.
    """
    offsets = offsets_of(tensor, spacing) if offsets is None else offsets
    inside = jnp.ones(tensor.shape[:3], bool) if domain is None else jnp.asarray(domain, bool)
    require_shape("domain", inside, tensor.shape[:3])
    return TensorFaces(_coefficients(jnp.asarray(tensor), tuple(spacing), inside, offsets), offsets)


@eqx.filter_jit
def _coefficients(tensor, spacing, inside, offsets):
    vectors, weights = decompose(_in_voxels(tensor, spacing))
    alike = [
        jnp.all(vectors == jnp.asarray(one), axis=-1) | jnp.all(vectors == -jnp.asarray(one), axis=-1)
        for one in offsets
    ]
    if not alike:
        return jnp.zeros((0, *tensor.shape[:3]), tensor.dtype)
    missing = jnp.any(~(weights <= 0) & ~jnp.any(jnp.stack(alike), axis=0))
    faces = []
    for one, offset in zip(alike, offsets, strict=True):
        own = jnp.sum(jnp.where(one, weights, 0), axis=-1)
        both = inside & _moved(inside, offset)
        faces.append(jnp.where(both, (own + _moved(own, offset)) / 2, 0))
    return jnp.where(missing, jnp.nan, jnp.stack(faces))


def diffuse_by_tensors(
    u: Float[Array | np.ndarray, "x y z"], faces: TensorFaces, dt, steps: int = 1
) -> Float[Array, "x y z"]:
    """`steps` explicit steps u + Δt ∇·(D ∇u): linear and self-adjoint in u, smooth in the coefficients."""
    u = jnp.asarray(u)
    scaled = jnp.asarray(dt, u.dtype) * faces.coefficients

    def one(u, _):
        change = jnp.zeros_like(u)
        for coefficient, offset in zip(scaled, faces.offsets, strict=True):
            flux = coefficient * (_moved(u, offset) - u)
            change = change + flux - _moved(flux, _opposite(offset))
        return u + change, None

    return jax.lax.scan(one, u, None, length=steps)[0]


def _moved(values, offset: Offset):
    """What lies at x + e, and zero beyond the grid."""
    for axis, count in enumerate(offset):
        size = values.shape[axis]
        if abs(count) >= size:
            return jnp.zeros_like(values)
        kept = jax.lax.slice_in_dim(values, max(count, 0), size + min(count, 0), axis=axis)
        values = jnp.pad(kept, [(max(-count, 0), max(count, 0)) if a == axis else (0, 0) for a in range(3)])
    return values


def _opposite(offset: Offset) -> Offset:
    return (-offset[0], -offset[1], -offset[2])


def _upward(offset: tuple[int, ...]) -> Offset:
    """Of e and −e the one whose first number that is not zero is positive."""
    x, y, z = offset
    return (x, y, z) if (x, y, z) > (0, 0, 0) else (-x, -y, -z)


def _in_voxels(tensor, spacing):
    """D_ij / (h_i h_j)."""
    tensor = jnp.asarray(tensor)
    h = jnp.asarray(spacing, tensor.dtype)
    return tensor / (h[:, None] * h)


def _require_tensors(tensor: np.ndarray) -> None:
    require_finite("diffusivity", tensor)
    size = np.abs(tensor).max(axis=(-2, -1)) + 1e-30
    skew = np.abs(tensor - np.swapaxes(tensor, -1, -2)).max(axis=(-2, -1)) > 1e-4 * size
    lowest = np.linalg.eigvalsh(np.where(skew[..., None, None], 0, tensor))[..., 0] < -1e-5 * size
    for wrong, why, instead in (
        (skew, "is not symmetric", "write (D + swapaxes(D, -1, -2)) / 2 if that is rounding"),
        (lowest, "has a negative eigenvalue", "all must be 0 or more, mm²/day"),
    ):
        if wrong.any():
            first = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
            raise InputError(f"the diffusivity of voxel {first} {why}: {tensor[first].tolist()}; {instead}")
