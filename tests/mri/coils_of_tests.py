"""A small brain-like object seen by smooth coils, for the tests of reconstruction: k-space in closed form."""

import jax.numpy as jnp
import numpy as np

from physim.mri.encode import encode
from physim_phantoms import Grid

GRID = Grid((24, 24, 1), (2.0, 2.0, 5.0))


def maps(coils: int, grid: Grid = GRID) -> np.ndarray:
    """Smooth complex sensitivities of coils on a circle about the grid, those along z on two rings."""
    r = np.asarray(grid.centres())
    made = []
    for n in range(coils):
        angle = 2 * np.pi * n / coils
        centre = 35 * np.array([np.cos(angle), np.sin(angle), (-1) ** n * (grid.shape[2] > 1)])
        distance = np.sum((r - centre) ** 2, axis=-1)
        made.append(np.exp(-distance / (2 * 28.0**2) + 1j * (angle + 0.02 * r @ centre / 10)))
    return np.stack(made).astype(np.complex64)


def brain(grid: Grid = GRID) -> np.ndarray:
    """Discs of different brightness, edges and all."""
    x, y = (np.asarray(grid.centres())[..., i] for i in (0, 1))
    image = 1.0 * ((x / 18) ** 2 + (y / 20) ** 2 < 1) + 0.5 * ((x - 5) ** 2 + (y + 4) ** 2 < 30)
    return image - 0.6 * ((x + 6) ** 2 + (y - 6) ** 2 < 25)


def smooth_brain(grid: Grid = GRID) -> np.ndarray:
    """The same with the edges blurred by a voxel: nothing is left at the edge of k-space."""
    spectrum = np.fft.fft2(brain(grid), axes=(0, 1))
    x, y = (np.fft.fftfreq(n) for n in grid.shape[:2])
    filtered = spectrum * np.exp(-10 * (x[:, None, None] ** 2 + y[:, None] ** 2))
    return np.fft.ifft2(filtered, axes=(0, 1)).real


def coil_samples(image, sensitivities, grid: Grid = GRID) -> np.ndarray:
    """K-space of every coil, in signal times mm³."""
    images = np.asarray(image) * np.asarray(sensitivities)
    return np.stack([np.asarray(encode(jnp.asarray(one), grid, grid.shape)) for one in images])
