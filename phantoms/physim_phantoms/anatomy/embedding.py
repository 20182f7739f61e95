"""From a brain to a head: cerebrospinal fluid, skull, scalp and neck grown round the maps of a brain atlas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import ndimage, special

from .._checks import InputError, is_concrete, require_finite, require_range, require_shape
from ..grid import Grid
from .implicit import coverage, smooth_min

_WORKING = (
    2.5  # mm: the surfaces are far smoother than this, so their distances are measured on a coarser grid
)
_CLOSING = 12.0  # mm: the inner table bridges sulci and fissures up to twice as wide
_SMOOTHING = (4.0, 9.0)  # mm: how smooth the skull and the skin are (standard deviation of a Gaussian)
_ROOM = 27.0  # mm of working room on every side, three of the larger of these
_TABLE = 0.3  # share of the skull's thickness that is each of its two compact tables
_SKIN = 0.3  # share of the scalp's thickness that is skin
_TAPER = 0.12  # mm that the outline of face and neck recedes per mm of descent

Number = float | int | Float[Array | np.ndarray, ""]


def embed_in_head(
    maps: Mapping[str, Float[Array | np.ndarray, "x y z"]],
    grid: Grid,
    *,
    csf: Number = 2.5,
    skull: Number = 6.5,
    scalp: Number = 6.0,
) -> dict[str, Float[Array, "x y z"]]:
    """The brain's maps with a head round them, for `from_probability_maps`; differentiable in the three thicknesses.

    - `csf`, `skull`, `scalp`: thickness in mm of the fluid over the brain, of the vault, and of what covers it.

    Inside, fluid is what grey and white matter leave: ventricles, sulci and fissures. The skull is an inner table,
    diploë and an outer table; the scalp is fat under skin. Below the widest level of the brain, muscle and fat continue
    its outline as a plain face and neck without airways or jaw. Layers are level sets of the distance to the brain's
    surface, whose fissures were closed first; each covers a voxel linearly, so that volumes hold below the voxel size.

        maps, grid = physim.io.load_mni152()
        del maps["t1"]
        patient = anatomy.from_probability_maps(grid, anatomy.embed_in_head(maps, grid), components=4)

    Good values: 2.5, 6.5 and 6 mm; a grid with at least 20 mm of room round the brain (MNI152 has it).
    Raises `ValueError` for a wrong shape, maps without a brain, a brain that touches the sides or the top of the grid, a
    grid turned by more than 45 degrees, thicknesses outside 0 to 30 mm, or maps under a JAX transformation.
    """
    for name, value in {"csf": csf, "skull": skull, "scalp": scalp}.items():
        require_range(f"{name} thickness", value, 0.0, 30.0, "mm")
    given = {name: _checked(name, values, grid) for name, values in maps.items()}
    strides = np.maximum(1, np.rint(_WORKING / np.asarray(grid.spacing))).astype(int)
    spacing = np.asarray(grid.spacing, np.float64) * strides
    brain, inner = _with_room(_brain_mask(given, grid, strides), spacing)
    skull_distance = _smoothed(_distance(_closed(brain, spacing), spacing), spacing, _SMOOTHING[0])
    body = np.asarray(
        jax.jit(smooth_min, static_argnums=2)(skull_distance, _face_and_neck(skull_distance, spacing), 8.0)
    )
    skin_distance = _smoothed(body, spacing, _SMOOTHING[1])
    precision = np.result_type(*given.values())
    coarse = (skull_distance[inner], skin_distance[inner])
    distances = [_refined(d, strides, grid.shape).astype(precision) for d in coarse]
    return _composed(given, *distances, float(np.cbrt(grid.voxel_volume)), csf, skull, scalp)


def _checked(name: str, values, grid: Grid) -> np.ndarray:
    if not is_concrete(values):
        raise InputError(
            "embed_in_head measures distances on the maps; call it outside jit and grad of the maps"
        )
    require_shape(f"the map of {name}", values, grid.shape)
    require_finite(f"the map of {name}", values)
    array = np.asarray(values)
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _brain_mask(maps: Mapping[str, np.ndarray], grid: Grid, strides: np.ndarray) -> np.ndarray:
    """The largest connected part that is mostly brain, every few voxels; fluid in the maps does not count."""
    every = tuple(slice(None, None, int(n)) for n in strides)
    solid = [values[every] for name, values in maps.items() if name != "csf"]
    mask = sum(solid[1:], solid[0]) > 0.5 if solid else np.zeros(1, bool)
    if not mask.any():
        raise InputError(
            "no voxel is more than half brain; give grey_matter and white_matter as fractions from 0 to 1"
        )
    if float(np.asarray(grid.direction)[2, 2]) < np.sqrt(0.5):
        raise InputError("the third axis of the grid must point up; read the maps with physim.io.read_image")
    parts = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, output=parts)
    mask = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    for axis, sides in enumerate(((0, -1), (0, -1), (-1,))):
        if any(np.any(np.take(mask, side, axis=axis)) for side in sides):
            raise InputError(
                f"the brain touches the edge of the grid along axis {axis}; leave 20 mm of room round it"
            )
    return mask


def _with_room(mask: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The mask with room round it, and where it lies in there; what is cut by the lowest plane is continued."""
    room = [int(np.ceil(_ROOM / s)) for s in spacing]
    padded = np.pad(mask, [(n, n) for n in room])
    padded[:, :, : room[2]] = padded[:, :, room[2], None]
    return padded, tuple(slice(n, n + k) for n, k in zip(room, mask.shape, strict=True))


def _closed(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Closing by a ball of `_CLOSING` mm, without holes."""
    grown = _nearest(mask, spacing)[0] <= _CLOSING
    shrunk = _nearest(~grown, spacing)[0] > _CLOSING
    return np.asarray(ndimage.binary_fill_holes(shrunk | mask))


def _nearest(mask: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the nearest voxel of the mask is from every voxel, mm, and where it is."""
    found: Any = ndimage.distance_transform_edt(~mask, sampling=spacing, return_indices=True)
    return found


def _distance(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Signed distance to the surface of a mask, mm, negative inside, better than the voxels it comes from.

    Where a Gaussian blur of the mask says how deep a voxel near the surface lies (exactly, for a plane), that is taken;
    elsewhere the depth of the nearest such voxel plus the way to it.
    """
    width = float(np.max(spacing))
    share = ndimage.gaussian_filter(mask.astype(np.float32), width / spacing, mode="nearest")
    depth = -width * special.ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    near = np.abs(depth) <= 0.75 * width
    way, index = _nearest(near, spacing)
    return (np.sign(depth) * way + depth[tuple(index)]).astype(np.float32)


def _smoothed(distance: np.ndarray, spacing: np.ndarray, width: float) -> np.ndarray:
    """Gaussian smoothing, twice less once: a single one would draw curved surfaces in by width² / radius."""
    once = ndimage.gaussian_filter(distance, width / spacing, mode="nearest", truncate=3.0)
    return 2 * once - ndimage.gaussian_filter(once, width / spacing, mode="nearest", truncate=3.0)


def _refined(coarse: np.ndarray, strides: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Linear interpolation, axis by axis, from every n-th voxel to all of them."""
    fine = coarse
    for axis, (stride, count) in enumerate(zip(strides, shape, strict=True)):
        position = np.arange(count) / stride
        low = np.minimum(position.astype(int), max(fine.shape[axis] - 2, 0))
        high = np.minimum(low + 1, fine.shape[axis] - 1)
        weight = (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        lower, upper = np.take(fine, low, axis=axis), np.take(fine, high, axis=axis)
        fine = lower + weight * (upper - lower)
    return fine


def _face_and_neck(distance: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance to the outline of the brain's widest level, carried downwards and slowly drawn in."""
    level = int(np.argmax(np.count_nonzero(distance < 0, axis=(0, 1))))
    section = _distance(distance[:, :, level] < 0, spacing[:2])
    depth = (level - np.arange(distance.shape[2])) * float(spacing[2])
    return (section[:, :, None] + np.where(depth >= 0, _TAPER * depth, -2.0 * depth)).astype(np.float32)


@jax.jit
def _composed(
    maps, skull_distance, skin_distance, voxel, csf, skull, scalp
) -> dict[str, Float[Array, "x y z"]]:
    """The brain within the fluid's outer surface, fluid where it leaves room, and the layers outside."""
    layers = _layers(skull_distance, skin_distance, voxel, csf, skull, scalp)
    inside = layers.pop("inside")
    brain = {name: values * inside for name, values in maps.items() if name != "csf"}
    total = sum(brain.values(), jnp.zeros_like(inside))
    # Maps may overlap by rounding; what counts is that a voxel never holds more than itself.
    excess = jnp.maximum(total / jnp.where(inside > 0, inside, 1), 1.0)
    head = {name: values / excess for name, values in brain.items()}
    head["csf"] = jnp.maximum(inside - total / excess, 0.0)
    for name, values in layers.items():
        head[name] = head[name] + values if name in head else values
    return head


def _layers(skull_distance, skin_distance, voxel, csf, skull, scalp) -> dict[str, Float[Array, "x y z"]]:
    """Coverage of every layer; from inside out they share each voxel without overlap."""
    vault = csf + skull
    fluid = coverage(skull_distance - csf, voxel)
    inner_table = coverage(skull_distance - (csf + _TABLE * skull), voxel)
    diploe = coverage(skull_distance - (csf + (1 - _TABLE) * skull), voxel)
    bone = coverage(skull_distance - vault, voxel)
    flesh = jnp.maximum(bone, coverage(skin_distance - vault, voxel))
    fat = jnp.maximum(flesh, coverage(skin_distance - (vault + (1 - _SKIN) * scalp), voxel))
    skin = jnp.maximum(fat, coverage(skin_distance - (vault + scalp), voxel))
    return {
        "inside": fluid,
        "cortical_bone": (inner_table - fluid) + (bone - diploe),
        "trabecular_bone": diploe - inner_table,
        "muscle": flesh - bone,
        "adipose": fat - flesh,
        "skin": skin - fat,
    }
