"""The voxel grid: where an array's values sit in the world (RAS+, mm)."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._checks import InputError, is_concrete, require_shape

Vector = Sequence[float | Array] | Array | np.ndarray


class Grid(eqx.Module):
    """A box of voxels in RAS+ millimetres; `[x, y, z]`, C order, z contiguous.

    The centre of voxel (i, j, k) is `origin + direction @ (spacing * (i, j, k))`.

    - `shape`: number of voxels along x, y and z; static.
    - `spacing`: mm between voxel centres, above 0; traced.
    - `origin`: world position of the centre of voxel (0, 0, 0), mm; without it the grid is centred on the world origin.
    - `direction`: rotation, columns are the directions of the array axes; identity unless given.

    Good values: 1 mm for a brain, `Grid((192, 224, 192), (1.0, 1.0, 1.0))`.
    Raises `ValueError` for an empty shape, a spacing that is not positive, or a direction that is not a rotation or reflection.
    """

    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing: Float[Array | np.ndarray, "3"]
    origin: Float[Array | np.ndarray, "3"]
    direction: Float[Array | np.ndarray, "3 3"]

    def __init__(
        self,
        shape: Sequence[int],
        spacing: Vector | float = 1.0,
        origin: Vector | None = None,
        direction: Sequence[Vector] | Array | np.ndarray | None = None,
    ):
        self.shape = _checked_shape(shape)
        self.spacing = _checked_spacing(spacing)
        self.direction = _checked_direction(direction)
        if origin is None:
            origin = -self.direction @ (self.spacing * (np.array(self.shape) - 1) / 2)
        self.origin = _vector("origin", origin)

    @classmethod
    def from_affine(cls, shape: Sequence[int], affine: np.ndarray) -> Grid:
        """The grid of a NIfTI-style 4x4 affine (voxel index to RAS+ mm); a sheared affine is refused."""
        matrix = np.asarray(affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)):
            raise InputError(f"affine must be a finite 4x4 matrix, got shape {matrix.shape}")
        spacing = np.linalg.norm(matrix[:3, :3], axis=0)
        if np.any(spacing <= 0):
            raise InputError(f"affine has a zero column: spacing would be {tuple(spacing)} mm")
        return cls(shape, spacing, matrix[:3, 3], matrix[:3, :3] / spacing)

    @property
    def affine(self) -> np.ndarray:
        """4x4 float64 matrix from voxel index to RAS+ mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing)
        matrix[:3, 3] = np.asarray(self.origin)
        return matrix

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def extent(self) -> Float[Array | np.ndarray, "3"]:
        """Outer edge lengths of the box, mm."""
        return self.spacing * np.array(self.shape)

    @property
    def voxel_volume(self) -> float | Float[Array, ""]:
        """Volume of one voxel, mm³."""
        volume = self.spacing[0] * self.spacing[1] * self.spacing[2]
        return float(volume) if is_concrete(volume) else volume

    @property
    def centre(self) -> Float[Array | np.ndarray, "3"]:
        """World position of the middle of the box, mm."""
        return self.index_to_world((np.array(self.shape) - 1) / 2)

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates of the voxel centres along each array axis, mm; only for grids that are not rotated."""
        if is_concrete(self.direction) and not np.allclose(self.direction, np.eye(3), atol=1e-9):
            raise InputError(
                "axes() needs a grid whose direction is the identity; use centres() for a rotated grid"
            )
        return tuple(
            o + s * np.arange(n) for o, s, n in zip(self.origin, self.spacing, self.shape, strict=True)
        )  # type: ignore[return-value]

    def centres(self) -> Float[Array, "x y z 3"]:
        """World position of every voxel centre, mm."""
        index = jnp.stack(
            jnp.meshgrid(*(jnp.arange(n, dtype=float) for n in self.shape), indexing="ij"), axis=-1
        )
        return self.index_to_world(index)

    def index_to_world(self, index):
        """Continuous voxel index (..., 3) to RAS+ mm (..., 3)."""
        return (index * self.spacing) @ self.direction.T + self.origin

    def world_to_index(self, position):
        """RAS+ mm (..., 3) to continuous voxel index (..., 3)."""
        return ((position - self.origin) @ self.direction) / self.spacing

    def resampled(self, spacing: Vector | float) -> Grid:
        """The grid that covers the same box with another spacing, mm, rounded up to whole voxels, same centre."""
        new = _checked_spacing(spacing)
        shape = tuple(int(n) for n in np.maximum(1, np.ceil(self.extent / new - 1e-6)))
        corner = self.centre - np.asarray(self.direction) @ (new * (np.array(shape) - 1) / 2)
        return Grid(shape, new, corner, self.direction)


def _checked_shape(shape) -> tuple[int, int, int]:
    try:
        values = tuple(int(n) for n in shape)
        whole = all(int(n) == n and not isinstance(n, bool) for n in shape)
    except (TypeError, ValueError, OverflowError):
        values, whole = (), False
    if len(values) != 3 or not whole or min(values) < 1:
        raise InputError(
            f"shape is {shape!r}; it must be three whole numbers of at least 1, like (192, 224, 192)"
        )
    return values


def _vector(name: str, value, what: str = "three finite numbers in mm, like (0.0, 0.0, 0.0)"):
    """Three numbers: float64 if they can be looked at now, else a traced array."""
    if not all(map(is_concrete, jax.tree.leaves(value))):
        array = jnp.asarray(value)
        require_shape(name, array, (3,))
        return array
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.full(3, np.nan)
    if array.shape != (3,) or not np.all(np.isfinite(array)):
        raise InputError(f"{name} is {value!r}; it must be {what}")
    return array


def _checked_spacing(spacing):
    if not isinstance(spacing, Sequence) and np.ndim(spacing) == 0:
        spacing = (spacing,) * 3
    array = _vector("spacing", spacing, "three finite numbers above 0 in mm, like (1.0, 1.0, 1.0)")
    if is_concrete(array) and np.any(array <= 0):
        raise InputError(
            f"spacing is {tuple(map(float, array))} mm; every value must be above 0, like (1.0, 1.0, 1.0)"
        )
    return array


def _checked_direction(direction):
    if direction is None:
        return np.eye(3)
    if not all(map(is_concrete, jax.tree.leaves(direction))):
        matrix = jnp.asarray(direction)
        require_shape("direction", matrix, (3, 3))
        return matrix
    try:
        matrix = np.asarray(direction, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (3, 3) or not np.allclose(matrix.T @ matrix, np.eye(3), atol=1e-4):
        raise InputError(
            "direction must be a 3x3 matrix with orthonormal columns (no shear); resample the image first"
        )
    return matrix
