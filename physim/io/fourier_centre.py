"""Where r = 0 lies: in the middle of the box for physim, on voxel floor(N/2) for an FFT and those who read by it.

For odd N the two are one point. For even N the FFT's origin lies half a voxel, L/(2N), further along the axis, so that
samples seen from there are S(k) exp(2πi k L/(2N)). The sign of the transform is the same: S(k) = ∫ m exp(−2πi k·r) dr,
the image is the inverse FFT, and nothing is conjugated. k is (n − floor(M/2))/L on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex


def to_fft_centre(kspace: Complex[np.ndarray, "..."], axes: Sequence[int]) -> Complex[np.ndarray, "..."]:
    """K-space about the middle of the box, as a centred FFT of the same image would give it along `axes`."""
    return _turned(kspace, axes, 1.0)


def from_fft_centre(kspace: Complex[np.ndarray, "..."], axes: Sequence[int]) -> Complex[np.ndarray, "..."]:
    """The inverse of `to_fft_centre`."""
    return _turned(kspace, axes, -1.0)


def _turned(kspace: np.ndarray, axes: Sequence[int], sign: float) -> np.ndarray:
    turned = np.array(kspace)
    for axis in axes:
        count = turned.shape[axis]
        voxels = count // 2 - (count - 1) / 2
        ramp = np.exp(2j * np.pi * sign * (np.arange(count) - count // 2) * voxels / count)
        shape = [1] * turned.ndim
        shape[axis] = count
        turned *= ramp.reshape(shape).astype(turned.dtype)
    return turned
