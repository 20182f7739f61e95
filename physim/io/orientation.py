"""Axes and handedness: the one place where RAS+ (NIfTI, physim) meets LPS+ (DICOM, NRRD)."""

from __future__ import annotations

import itertools

import numpy as np

from physim_phantoms import Grid, InputError


def ras_from_lps(vectors: np.ndarray) -> np.ndarray:
    """World vectors or positions (..., 3) from LPS+ to RAS+; its own inverse."""
    return np.asarray(vectors, dtype=np.float64) * np.array([-1.0, -1.0, 1.0])


def closest_canonical(array: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """The same voxels, axes permuted and flipped so that they run as nearly as possible to +x, +y, +z.

    No value is interpolated: what is left of the rotation stays in `grid.direction`.
    """
    direction, spacing = np.asarray(grid.direction), np.asarray(grid.spacing)
    order = max(
        itertools.permutations(range(3)), key=lambda p: sum(abs(direction[i, p[i]]) for i in range(3))
    )
    signs = np.array([1.0 if direction[i, order[i]] >= 0 else -1.0 for i in range(3)])
    last = np.array([grid.shape[order[i]] - 1 if signs[i] < 0 else 0 for i in range(3)])
    corner = np.zeros(3)
    corner[list(order)] = last
    turned = np.transpose(array, order)[tuple(slice(None, None, int(s)) for s in signs)]
    origin = grid.index_to_world(corner)
    # Adding zero turns -0.0 into 0.0, which files would otherwise keep.
    return turned, Grid(turned.shape, spacing[list(order)], origin, direction[:, list(order)] * signs + 0.0)


def require_volume(name: str, array: object, grid: Grid) -> np.ndarray:
    """`array` as a NumPy volume of real numbers on `grid`, or an `InputError` that says what is wrong."""
    volume = np.asarray(array)
    if volume.dtype.kind not in "buif":
        raise InputError(
            f"{name} holds {volume.dtype}; it must be real numbers (write abs(image) for a magnitude)"
        )
    if volume.shape != grid.shape:
        raise InputError(f"{name} has shape {volume.shape} but its grid has {grid.shape}; they must be equal")
    return volume


def require_finite_voxels(name: str, volume: np.ndarray, remedy: str) -> None:
    """Refuses NaN and infinite voxels; `remedy` says what to write instead."""
    if volume.dtype.kind != "f":
        return
    bad = volume.size - int(np.count_nonzero(np.isfinite(volume)))
    if bad:
        raise InputError(f"{name} has {bad} NaN or infinite voxels of {volume.size}; {remedy}")
