"""Which points of a Cartesian matrix are acquired."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from physim_phantoms._checks import InputError, is_concrete

Triple = tuple[int, int, int]


def regular_mask(
    matrix: Triple, acceleration: Triple, calibration: Triple = (0, 0, 0)
) -> Bool[np.ndarray, "kx ky kz"]:
    """Every `acceleration`-th line along each axis, that of k = 0 among them, and a full block in the middle.

    Line n of M is acquired where n = floor(M/2) modulo the acceleration: the image then folds without a phase.
    - `calibration`: the block's edges, in lines; 0 for none.

    Raises `ValueError` for accelerations that do not divide the matrix, and a block larger than it.
    Good values: `regular_mask((128, 128, 1), (1, 2, 1), calibration=(128, 24, 1))` for GRAPPA.
    """
    require_acceleration(matrix, acceleration)
    lattice = [np.arange(m) % r == (m // 2) % r for m, r in zip(matrix, acceleration, strict=True)]
    mask = lattice[0][:, None, None] & lattice[1][:, None] & lattice[2]
    if any(calibration):
        require_calibration(matrix, calibration)
        mask[calibration_block(matrix, calibration)] = True
    return mask


def calibration_block(matrix: Triple, size: Triple) -> tuple[slice, slice, slice]:
    """Where `size` lines about k = 0 are stored."""
    starts = [m // 2 - n // 2 for m, n in zip(matrix, size, strict=True)]
    x, y, z = (slice(start, start + n) for start, n in zip(starts, size, strict=True))
    return x, y, z


def require_acceleration(matrix: Triple, acceleration: Triple) -> None:
    """Refuses accelerations that are not whole, or do not divide the matrix."""
    whole = len(acceleration) == 3 and all(isinstance(r, int | np.integer) and r >= 1 for r in acceleration)
    if not whole or any(m % r for m, r in zip(matrix, acceleration, strict=True)):
        raise InputError(
            f"acceleration is {acceleration}; it must be three whole numbers of at least 1 that divide the matrix "
            f"{tuple(matrix)}, like (1, 2, 1)"
        )


def require_calibration(matrix: Triple, size: Triple) -> None:
    """Refuses a calibration region that does not lie in the matrix."""
    whole = len(size) == 3 and all(isinstance(n, int | np.integer) and n >= 1 for n in size)
    if not whole or any(n > m for n, m in zip(size, matrix, strict=True)):
        raise InputError(
            f"calibration is {size}; it must be three whole numbers of lines, at least 1 and at most the matrix "
            f"{tuple(matrix)}, like (24, 24, 1)"
        )


def calibration_samples(samples, size: Triple):
    """The full block about k = 0 of all coils. Raises `ValueError` where lines of it were not acquired."""
    require_calibration(samples.shape[1:], size)
    block = samples[(slice(None), *calibration_block(samples.shape[1:], size))]
    if is_concrete(block):
        missing = int(np.sum(~np.any(np.asarray(block), axis=0)))
        if missing:
            raise InputError(
                f"the calibration region {size} has {missing} points at which no coil has a signal; it must be fully "
                "sampled: acquire it, or write a smaller calibration"
            )
    return block
