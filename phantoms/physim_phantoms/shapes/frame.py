"""Where a shape sits: checked centres, lengths and rotations, and points in the shape's own axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from .._checks import InputError, is_concrete, require_finite, require_shape

Scalar = float | int | np.number | Float[Array | np.ndarray, ""]
Vector = Sequence[float | int | np.number | Array] | Real[Array | np.ndarray, " axis"]
Matrix = Sequence[Sequence[float | int | np.number | Array]] | Real[Array | np.ndarray, "row column"]

_ORTHONORMAL = 1e-4  # what float32 rotation matrices keep with ease


def leaf(name: str, value, shape: tuple[int, ...]) -> Float[Array | np.ndarray, "..."]:
    """A finite float array of `shape`: float64 on the host when known now, traced otherwise."""
    if any(not is_concrete(part) for part in jax.tree.leaves(value)):
        array = jnp.asarray(value)
        array = array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
    else:
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"{name} is {value!r}; it must be an array of numbers of shape {shape}"
            ) from None
    require_shape(name, array, shape)
    require_finite(name, array)
    return array


def lengths(name: str, value, count: int | None = None) -> Float[Array | np.ndarray, "..."]:
    """`count` positive lengths in mm (one number stands for all of them), or a single one."""
    if count is not None and not isinstance(value, Sequence) and np.ndim(value) == 0:
        value = (value,) * count
    array = leaf(name, value, () if count is None else (count,))
    if is_concrete(array) and np.any(np.asarray(array) <= 0):
        raise InputError(f"{name} is {np.asarray(array).tolist()} mm; every length must be above 0")
    return array


def rotation_matrix(value) -> Float[Array | np.ndarray, "3 3"]:
    """A rotation whose columns are the shape's axes in the world; the identity for None."""
    if value is None:
        return np.eye(3)
    matrix = leaf("rotation", value, (3, 3))
    if is_concrete(matrix):
        array = np.asarray(matrix)
        if not np.allclose(array.T @ array, np.eye(3), atol=_ORTHONORMAL) or np.linalg.det(array) < 0:
            raise InputError(
                "rotation must be a 3x3 rotation matrix (orthonormal columns, determinant +1); "
                "write for example shapes.rotation_about((0.0, 0.0, 1.0), 0.3)"
            )
    return matrix


def rotation_about(axis: Vector, angle: Scalar) -> Float[Array | np.ndarray, "3 3"]:
    """The rotation by `angle` (rad) about `axis`, right-handed; differentiable in both.

    R = cos a I + sin a [n]× + (1 − cos a) n nᵀ (Rodrigues). Raises `ValueError` for an axis of length zero.
    Good values: `rotation_about((0, 0, 1), 0.3)`.
    """
    direction, turn = leaf("axis", axis, (3,)), leaf("angle", angle, ())
    xp = np if is_concrete(direction) and is_concrete(turn) else jnp
    if is_concrete(direction) and not np.any(np.asarray(direction)):
        raise InputError("axis is (0, 0, 0); it must have a direction, like (0.0, 0.0, 1.0)")
    x, y, z = direction / xp.sqrt(xp.sum(direction * direction))
    cos, sin = xp.cos(turn), xp.sin(turn)
    zero = 0.0 * x
    cross = xp.stack([xp.stack([zero, -z, y]), xp.stack([z, zero, -x]), xp.stack([-y, x, zero])])
    normal = xp.stack([x, y, z])
    return cos * xp.eye(3) + sin * cross + (1.0 - cos) * normal[:, None] * normal[None, :]


def rotation_onto(axis: Vector) -> Float[Array | np.ndarray, "3 3"]:
    """A rotation that takes the z axis onto `axis`: points a cylinder that way. Raises `ValueError` for length zero.

    Good values: `rotation_onto((1, 0, 0))` for a cylinder along x.
    """
    direction = leaf("axis", axis, (3,))
    xp = np if is_concrete(direction) else jnp
    if is_concrete(direction) and not np.any(np.asarray(direction)):
        raise InputError("axis is (0, 0, 0); it must have a direction, like (1.0, 0.0, 0.0)")
    z = direction / xp.sqrt(xp.sum(direction * direction))
    helper = xp.where(xp.abs(z[0]) < 0.9, xp.asarray([1.0, 0.0, 0.0]), xp.asarray([0.0, 1.0, 0.0]))
    x = xp.cross(helper, z)
    x = x / xp.sqrt(xp.sum(x * x))
    return xp.stack([x, xp.cross(z, x), z], axis=1)


def points(name: str, value) -> Float[Array, "*points 3"]:
    """Positions (mm) or frequencies (cycles/mm) as a finite float array whose last axis is x, y, z."""
    array = jnp.asarray(value)
    array = array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
    if array.ndim < 1 or array.shape[-1] != 3:
        raise InputError(f"{name} has shape {array.shape}; the last axis must hold x, y and z")
    require_finite(name, array)
    return array


def components(vectors: Float[Array, "*points 3"], rotation) -> tuple[Array, Array, Array]:
    """World vectors resolved along the shape's axes."""
    own = vectors @ jnp.asarray(rotation)
    return own[..., 0], own[..., 1], own[..., 2]


def dot(first: Iterable[Array], second: Iterable[Array]) -> Array:
    """Σ first × second over components."""
    products = [a * b for a, b in zip(first, second, strict=True)]
    total = products[0]
    for product in products[1:]:
        total = total + product
    return total
