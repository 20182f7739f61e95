"""What reconstructions refuse at their boundary: wrong matrices, wrong numbers of coils, NaN."""

from __future__ import annotations

import numpy as np

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite


def require_matrix(samples: object, grid: Grid) -> None:
    """Refuses k-space that is not [coil kx ky kz] on the matrix of `grid`, or not finite."""
    shape = np.shape(samples)  # type: ignore[arg-type]
    if len(shape) != 4 or shape[1:] != grid.shape or shape[0] < 1:
        hint = (
            "write samples[None] for a single coil" if shape == grid.shape else "give the grid of the matrix"
        )
        raise InputError(
            f"samples have shape {shape}, k-space that cannot be reconstructed on a grid of {grid.shape} voxels; they must "
            f"be [coil, kx, ky, kz] with shape (coils, {', '.join(map(str, grid.shape))}): {hint}"
        )
    require_finite("samples", samples)


def require_coil_images(images: object) -> None:
    """Refuses what is not [coil x y z], or not finite."""
    shape = np.shape(images)  # type: ignore[arg-type]
    if len(shape) != 4 or min(shape) < 1:
        hint = "write images[None] for a single coil" if len(shape) == 3 else "move the coils to the front"
        raise InputError(f"images have shape {shape}; they must be [coil, x, y, z]: {hint}")
    require_finite("images", images)


def require_sensitivities(sensitivities: object) -> None:
    """Refuses coil maps that are not [coil x y z], not finite, or zero everywhere."""
    shape = np.shape(sensitivities)  # type: ignore[arg-type]
    if len(shape) != 4 or min(shape) < 1:
        raise InputError(
            f"sensitivities have shape {shape}; they must be [coil, x, y, z]: write sensitivities[None] for a single coil"
        )
    require_finite("sensitivities", sensitivities)
    if is_concrete(sensitivities) and not np.any(np.asarray(sensitivities)):
        raise InputError("sensitivities are zero everywhere; no coil sees anything: check how they were made")


def require_coils(what: str, given: int, expected: int) -> None:
    """Refuses data of another number of coils than the sensitivities have."""
    if given != expected:
        raise InputError(
            f"{what} have {given} coils, the sensitivities {expected}; both must come from the same coils in the same "
            "order: take sensitivities[indices] of the coils that were switched on"
        )


def require_covariance(covariance: object, coils: int) -> None:
    """Refuses a noise covariance that is not a Hermitian positive definite matrix over the coils."""
    shape = np.shape(covariance)  # type: ignore[arg-type]
    if shape != (coils, coils):
        raise InputError(
            f"noise_covariance has shape {shape}; it must be ({coils}, {coils}), one row and column per coil"
        )
    require_finite("noise_covariance", covariance)
    if not is_concrete(covariance):
        return
    matrix = np.asarray(covariance)
    hermitian = np.allclose(matrix, matrix.conj().T, atol=1e-4 * np.abs(matrix).max())
    if not hermitian or np.linalg.eigvalsh(matrix).min() <= 0:
        raise InputError(
            "noise_covariance must be Hermitian with eigenvalues above 0: measure it with "
            "mri.reconstruction.noise_covariance(noise) from more noise samples than coils"
        )
