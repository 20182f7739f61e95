"""Geometric distortion: where the cubes of a lattice are in an image, and where they are."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from physim import mri
from physim_phantoms import Grid

from .qa_mri_plate import COUNT, PITCH, acquired, lattice, magnitude, plate_grid, scan_plate
from .qa_mri_window import windowed
from .qa_report import Measured
from .recipe_qa_mri import QaMriRecipe

WITHIN = 200.0  # mm, diameter in which points are judged
_ROUNDS = 5  # of centring
_SPOT = 0.75  # of a window: its middle, round which there is water

Points = Float[np.ndarray, "point 2"]


def measure_distortion(
    recipe: QaMriRecipe,
    scanner: mri.Scanner,
    nonlinearity: mri.GradientNonlinearity,
    key: PRNGKeyArray,
) -> list[Measured]:
    """Displacement of points with ideal gradients, with those of the scanner, and once `nonlinearity` is corrected.

    - `nonlinearity`: what the scanner says of its gradients; the truth if it is in order.
    """
    plate, grid, keys = lattice(recipe), plate_grid(recipe), jax.random.split(key)
    ideal = mri.Scanner(field=scanner.field, noise=scanner.noise)
    straight, bent = (
        magnitude(windowed(acquired(scan_plate(recipe, plate, one), one, own)))
        for one, own in zip((ideal, scanner), keys, strict=True)
    )
    corrected = np.asarray(mri.unwarp(bent, grid, nonlinearity), np.float32)
    true = lattice_points()
    true = true[np.hypot(*true.T) <= WITHIN / 2 + 1e-6]
    seen = {
        name: find_points(image[..., 0], grid, true)
        for name, image in (("ideal", straight), ("uncorrected", bent), ("corrected", corrected))
    }
    values = {name: statistics(points - true) for name, points in seen.items()}
    expected = apparent(nonlinearity, true)
    values |= {
        "diameter_mm": WITHIN,
        "voxel_mm": round(float(np.asarray(grid.spacing)[0]), 4),
        "from_expected": statistics(seen["uncorrected"] - expected),
        "true_mm": np.round(true, 3).tolist(),
        "expected_mm": np.round(expected, 3).tolist(),
        **{f"{name}_mm": np.round(points, 3).tolist() for name, points in seen.items()},
    }
    return [
        Measured("lattice", bent, grid, {"distortion": values}),
        Measured("lattice_corrected", corrected, grid, {}),
    ]


def lattice_points() -> Points:
    """The centres of all cubes, mm."""
    along = PITCH * (np.arange(COUNT) - (COUNT - 1) / 2)
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)


def apparent(nonlinearity: mri.GradientNonlinearity, points: Points) -> Points:
    """Where points of the plane z = 0 seem to be, mm."""
    flat = np.concatenate([points, np.zeros((len(points), 1))], axis=1)
    return np.asarray(nonlinearity.places(jax.numpy.asarray(flat)), float)[:, :2]


def find_points(image: Float[np.ndarray, "x y"], grid: Grid, near: Points, reach: float = PITCH) -> Points:
    """The centroid of the dark spot near each point (mm): of the signal that is missing within ± `reach` / 2.

    Each window is centred anew on what was found in it, so that a spot may be a third of `reach` away.
    """
    places = np.asarray(grid.centres())[:, :, 0, :2]
    x, y = places[:, 0, 0], places[0, :, 1]
    return np.stack([_centroid(image, x, y, point, reach / 2) for point in near])


def _centroid(image: np.ndarray, x: np.ndarray, y: np.ndarray, point: np.ndarray, half: float) -> np.ndarray:
    for _ in range(_ROUNDS):
        rows, columns = np.abs(x - point[0]) <= half, np.abs(y - point[1]) <= half
        across, along = np.meshgrid(x[rows] - point[0], y[columns] - point[1], indexing="ij")
        inner = np.maximum(np.abs(across), np.abs(along)) <= _SPOT * half
        window = image[np.ix_(rows, columns)]
        # A threshold would favour voxels that are wholly in the spot; the plane takes out uneven brightness.
        plane = np.stack([np.ones_like(across), across, along], axis=-1)
        water = plane @ np.linalg.lstsq(plane[~inner], window[~inner], rcond=None)[0]
        missing = np.where(inner, 1 - window / water, 0.0)
        moved = np.array([np.sum(missing * across), np.sum(missing * along)]) / np.sum(missing)
        point = point + np.clip(moved, -half, half)
    return point


def statistics(displacement: Points) -> dict[str, float]:
    """Mean and largest length, mm."""
    length = np.hypot(*displacement.T)
    return {"mean_mm": round(float(length.mean()), 4), "max_mm": round(float(length.max()), 4)}
