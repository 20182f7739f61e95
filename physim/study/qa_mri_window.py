"""Hann's window over k-space, which keeps sharp edges from ringing into what is measured."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from physim import mri


def windowed(raw: mri.KSpace) -> mri.KSpace:
    """Raw data whose image is smooth: its points are twice as wide, and their sidelobes end after two voxels."""
    return mri.KSpace(raw.samples * _window(raw.grid.shape[0]), raw.grid, raw.coils)


def noise_gain(count: int) -> float:
    """By how much the window lowers the noise of an image of `count` columns and lines."""
    return float(np.sqrt(np.mean(_window(count) ** 2)))


def _window(count: int) -> Float[np.ndarray, "kx ky 1"]:
    one = np.cos(np.pi * (np.arange(count) - count // 2) / count).astype(np.float32) ** 2
    return (one[:, None] * one)[..., None]
