"""Signal to noise by two methods, uniformity and ghosts, on a sphere of water.

- Two acquisitions: σ is the standard deviation of their difference over √2. NEMA MS 1.
- One image: σ is the standard deviation of magnitudes in air over 0.655, which is √(2 − π/2), that of Rayleigh's
  distribution. Henkelman, Med. Phys. 12 (1985) 232.
- Uniformity: 100 (1 − (max − min) / (max + min)) of the image smoothed by nine points. NEMA MS 3; the American College of
  Radiology asks for 87.5 % below 3 T and 82 % at 3 T.
- Ghosts: |(top + bottom) − (left + right)| / (2 mean), of means in air. American College of Radiology, at most 2.5 %.
"""

from __future__ import annotations

import math

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from physim import mri
from physim_phantoms import Grid

from .qa_mri_plate import DIAMETER, acquired, magnitude, plate_grid, scan_plate, water
from .qa_report import Measured
from .recipe_qa_mri import QaMriRecipe

RAYLEIGH = math.sqrt(2 - math.pi / 2)  # 0.655
_KURTOSIS = 3.245  # of Rayleigh's distribution
_INSIDE = 0.87  # of the radius: three quarters of the area
_SIGMAS = 4.0  # standard errors that a measured noise may be off

Image = Float[np.ndarray, "x y"]
Region = Bool[np.ndarray, "x y"]


def measure_noise(
    recipe: QaMriRecipe, scanner: mri.Scanner, asked: mri.Scanner, key: PRNGKeyArray
) -> Measured:
    """Noise, uniformity and ghosts of `scanner` beside the noise that `asked` should have."""
    grid = plate_grid(recipe)
    raw = scan_plate(recipe, water(recipe), scanner)
    first, second = (magnitude(acquired(raw, scanner, own))[..., 0] for own in jax.random.split(key))
    inside, air = regions(grid)
    true = float(asked.image_noise(grid.voxel_volume))
    signal = float((first[inside].mean() + second[inside].mean()) / 2)
    two, one = difference_noise(first, second, inside), background_noise(first, air)
    values = {
        "signal": round(signal, 5),
        "asked_noise": true,
        "expected_snr": round(signal / true, 2),
        "two_images": _noise(two, signal, true, 1 / math.sqrt(2 * inside.sum())),
        "background": _noise(one, signal, true, math.sqrt((_KURTOSIS - 1) / (4 * air.sum()))),
        "uniformity_percent": round(uniformity(first, inside), 3),
        "ghosting_percent": round(ghosting(first, grid, inside), 4),
        "histogram": _histogram(first - second, first, inside, air, true),
    }
    return Measured("water", first[..., None], grid, {"noise": values})


def regions(grid: Grid) -> tuple[Region, Region]:
    """Three quarters of the water's area, and the four corners of air."""
    x, y = np.moveaxis(np.asarray(grid.centres())[:, :, 0, :2], -1, 0)
    inside = np.hypot(x, y) <= _INSIDE * DIAMETER / 2
    edge = float(grid.extent[0]) / 2
    corner = (np.minimum(np.abs(x), np.abs(y)) > 0.66 * edge) & (
        np.maximum(np.abs(x), np.abs(y)) < 0.97 * edge
    )
    return inside, corner


def difference_noise(first: Image, second: Image, inside: Region) -> float:
    """σ from two acquisitions."""
    return float(np.std((first - second)[inside], ddof=1)) / math.sqrt(2)


def background_noise(image: Image, air: Region) -> float:
    """σ from magnitudes where there is no signal."""
    return float(np.std(image[air], ddof=1)) / RAYLEIGH


def uniformity(image: Image, inside: Region) -> float:
    """Of the smoothed image, in per cent; 100 is even."""
    padded = np.pad(image, 1, mode="edge")
    weights = np.outer((1, 2, 1), (1, 2, 1)) / 16
    width, height = image.shape
    smooth = sum(weights[i, j] * padded[i : i + width, j : j + height] for i in range(3) for j in range(3))
    seen = np.asarray(smooth)[inside]
    return float(100 * (1 - (seen.max() - seen.min()) / (seen.max() + seen.min())))


def ghosting(image: Image, grid: Grid, inside: Region) -> float:
    """In per cent of the signal, from bands of air beside the water along both axes."""
    x, y = np.moveaxis(np.asarray(grid.centres())[:, :, 0, :2], -1, 0)
    near, far = DIAMETER / 2 + 10.0, float(grid.extent[0]) / 2 - 6.0
    band = lambda across, along: (np.abs(across) > near) & (np.abs(across) < far) & (np.abs(along) < 40.0)
    sides, ends = float(image[band(x, y)].mean()), float(image[band(y, x)].mean())
    return 100 * abs(sides - ends) / float(image[inside].mean())


def _noise(found: float, signal: float, true: float, error: float) -> dict[str, float]:
    """A noise and how far it may be off, in standard errors of its own."""
    return {
        "noise": found,
        "snr": round(signal / found, 2),
        "error_percent": round(100 * (found / true - 1), 3),
        "allowed_percent": round(100 * _SIGMAS * error, 2),
    }


def _histogram(
    difference: Image, image: Image, inside: Region, air: Region, true: float
) -> dict[str, object]:
    """Shares per σ of the difference and of the magnitudes in air, over values in σ that the scanner was asked for."""
    edges, high = np.linspace(-5, 5, 51), np.linspace(0, 5, 26)
    gauss = np.histogram(difference[inside] / (math.sqrt(2) * true), edges, density=True)[0]
    rayleigh = np.histogram(image[air] / true, high, density=True)[0]
    return {
        "difference_edges": np.round(edges, 3).tolist(),
        "difference": np.round(gauss, 5).tolist(),
        "air_edges": np.round(high, 3).tolist(),
        "air": np.round(rayleigh, 5).tolist(),
    }
