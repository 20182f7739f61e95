"""Patients from label volumes: every number names a tissue."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer, UInt8
from scipy import ndimage

from .. import mixture
from .._checks import InputError, is_concrete, require_finite, require_range, require_shape
from ..grid import Grid
from ..phantom import Phantom, _as_tissue
from ..tissue import Tissue

_UNMAPPED = 255

Labels = (
    Integer[Array | np.ndarray, "x y z"]
    | Float[Array | np.ndarray, "x y z"]
    | Bool[Array | np.ndarray, "x y z"]
)


def from_labels(
    grid: Grid,
    labels: Labels,
    tissues: Mapping[int, str | Tissue],
    *,
    background: str | Tissue = "air",
    smoothing: float | int = 0.0,
    components: int = 3,
) -> Phantom:
    """A phantom from whole-numbered labels and what they mean, `{1: "liver", 2: "cortical_bone"}`.

    Label 0 is `background` unless the mapping says otherwise; several labels may name one tissue.

    - `smoothing`: standard deviation, mm, of a Gaussian that turns the steps between labels into partial volumes (the
      `components` largest are kept); the fractions of a voxel still sum to 1. 0 keeps every voxel one pure tissue.

    Labels from a file come with their grid, already turned to RAS+:

        labels, grid = physim.io.read_image("segmentation.nii.gz")
        patient = anatomy.from_labels(grid, labels, {1: "liver", 2: "cortical_bone"}, smoothing=0.5)

    Good values: `smoothing` = half the voxel edge.
    Raises `ValueError` for a label that the mapping lacks (with its name), values that are not whole numbers, a wrong
    shape, an empty mapping, or an unknown tissue (with the nearest name).
    """
    require_shape("the labels", labels, grid.shape)
    require_range("smoothing", smoothing, 0.0, 1000.0, "mm")
    palette, numbers = _palette(tissues, background)
    ids = _checked_ids(labels, numbers)
    if is_concrete(smoothing) and float(smoothing) == 0:
        return Phantom(grid, palette, ids[None], jnp.zeros((0, *grid.shape), jnp.float32))
    return Phantom(grid, palette, *_smoothed(grid, ids, len(palette), smoothing, components))


def _palette(tissues: Mapping[int, str | Tissue], background) -> tuple[tuple[Tissue, ...], dict[int, int]]:
    """The distinct tissues, and for every label its place among them."""
    if not tissues:
        raise InputError('no label was given a tissue; write for example {1: "liver", 2: "cortical_bone"}')
    for label in tissues:
        if isinstance(label, bool) or not isinstance(label, int | np.integer):
            raise InputError(f"label {label!r} is not a whole number; write for example {{1: 'liver'}}")
    palette: dict[str, Tissue] = {}
    places: dict[int, int] = {}
    for label, given in ({0: background} | {int(k): v for k, v in tissues.items()}).items():
        tissue = _as_tissue(given)
        if palette.setdefault(tissue.name, tissue) is not tissue:
            raise InputError(
                f"label {label}: two different tissues are called {tissue.name!r}; rename one of them"
            )
        places[label] = list(palette).index(tissue.name)
    if len(palette) >= _UNMAPPED:
        raise InputError(f"{len(palette)} tissues were given; at most {_UNMAPPED - 1} fit one phantom")
    return tuple(palette.values()), places


def _checked_ids(labels, numbers: Mapping[int, int]) -> UInt8[Array, "x y z"]:
    """Palette indices by comparison, one pass; labels without a meaning are refused when they can be seen."""
    require_finite("the labels", labels)
    if is_concrete(labels):
        # JAX keeps 32 bits of an integer and, of a float, the whole numbers up to 2^24.
        limit = 2.0**24 if labels.dtype.kind == "f" else 2.0**31 - 1
        require_range("the labels", np.array([float(labels.min()), float(labels.max())]), -limit, limit)
    ids = _ids(jnp.asarray(labels), tuple(numbers.items()))
    if is_concrete(ids):
        unknown = np.asarray(labels)[np.asarray(ids) == _UNMAPPED]
        if unknown.size:
            _refuse(unknown, numbers)
    return ids


def _ids(labels, numbers: tuple[tuple[int, int], ...]) -> UInt8[Array, "x y z"]:
    ids = jnp.full(labels.shape, _UNMAPPED, jnp.uint8)
    for label, place in numbers:
        ids = jnp.where(_equals(labels, label), jnp.uint8(place), ids)
    return ids


def _equals(labels, label: int):
    """Comparison that holds for labels beyond the range of the array's own type."""
    if jnp.issubdtype(labels.dtype, jnp.integer):
        limits = jnp.iinfo(labels.dtype)
        if not limits.min <= label <= limits.max:
            return jnp.zeros(labels.shape, bool)
    return labels == jnp.asarray(label, labels.dtype)


def _refuse(unknown: np.ndarray, numbers: Mapping[int, int]) -> None:
    values, counts = np.unique(unknown, return_counts=True)
    known = ", ".join(str(k) for k in sorted(numbers))
    broken = [float(v) for v in values if float(v) != round(float(v))]
    if broken:
        raise InputError(
            f"the labels hold {broken[0]:g}; they must be whole numbers (interpolate labels by nearest)"
        )
    shown = ", ".join(f"{int(v)} ({c} voxels)" for v, c in zip(values[:6], counts[:6], strict=True))
    more = f" and {len(values) - 6} more" if len(values) > 6 else ""
    raise InputError(
        f"the mapping lacks label {shown}{more}; it has {known}: add for example {int(values[0])}: 'soft_tissue'"
    )


def _smoothed(grid: Grid, ids, tissues: int, smoothing: float | int, components: int):
    """Gaussian shares of every tissue; edges are continued outwards, so that the shares sum to one everywhere."""
    if not (is_concrete(ids) and is_concrete(smoothing)):
        raise InputError(
            "smoothing needs labels that are known when it runs; call from_labels outside jit and grad"
        )
    require_range("components", components, 1.0, 8.0)
    sigma = float(smoothing) / np.asarray(grid.spacing)
    hard = np.asarray(ids)
    packed = (
        jnp.zeros((components, *grid.shape), jnp.uint8),
        jnp.zeros((components, *grid.shape), jnp.float32),
    )
    for number in range(tissues):
        share = ndimage.gaussian_filter(
            (hard == number).astype(np.float32), sigma, mode="nearest", truncate=3.0
        )
        packed = mixture.insert(*packed, jnp.uint8(number), jnp.asarray(share))
    ids, amounts = packed
    fractions = amounts[1:] / jnp.sum(amounts, axis=0)
    return jnp.where(amounts > 0, ids, ids[:1]), jax.lax.stop_gradient(fractions)
