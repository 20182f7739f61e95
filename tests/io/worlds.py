"""Volumes whose every value says where it lies: geometry errors cannot hide in them."""

import numpy as np

from physim_phantoms import Grid


def rotation(axis: int, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def place(grid: Grid) -> np.ndarray:
    """12 x + 20 y + 31 z + 1000 at every voxel centre, float64; unequal weights show every flip and swap."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    return np.asarray(grid.index_to_world(index)) @ np.array([12.0, 20.0, 31.0]) + 1000.0


TURNED = rotation(2, 0.3) @ rotation(0, -0.2)
GRIDS = {
    "plain": Grid((7, 8, 5), (1.0, 1.25, 2.0)),
    "shifted": Grid((7, 8, 5), (1.5, 0.8, 2.5), origin=(12.5, -30.25, 7.75)),
    "rotated": Grid((7, 8, 5), (1.0, 1.25, 2.0), origin=(3.0, -4.0, 5.0), direction=TURNED),
    "flipped": Grid((7, 8, 5), (1.0, 1.25, 2.0), direction=np.diag([-1.0, 1.0, -1.0]) @ TURNED),
    "swapped": Grid((7, 8, 5), (1.0, 1.25, 2.0), direction=rotation(0, 0.1) @ np.eye(3)[[2, 0, 1]]),
}
