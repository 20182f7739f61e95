"""Matrices between a detector's pixels and fewer, wider ones, on which smooth signals are as good."""

import numpy as np

MOST = 128  # pixels along one direction


def coarse_count(fine: int) -> int:
    """How many wider pixels stand for `fine` ones: at most MOST."""
    return min(fine, MOST)


def averaging(fine: int, coarse: int) -> np.ndarray:
    """[coarse, fine]: the mean over each wide pixel."""
    edges = np.linspace(0, fine, coarse + 1)
    start, end = np.arange(fine), np.arange(1, fine + 1)
    shared = np.minimum(edges[1:, None], end) - np.maximum(edges[:-1, None], start)
    return np.maximum(shared, 0) * coarse / fine


def interpolation(fine: int, coarse: int) -> np.ndarray:
    """[fine, coarse]: linear between the middles of wide pixels, level beyond the outermost."""
    place = (np.arange(fine) + 0.5) * coarse / fine - 0.5
    distance = np.abs(np.clip(place, 0, coarse - 1)[:, None] - np.arange(coarse))
    return np.maximum(1 - distance, 0)
