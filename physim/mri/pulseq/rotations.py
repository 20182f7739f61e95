"""Rotations as unit quaternions (q₀, qₓ, q_y, q_z), q₀ = cos(angle / 2), and as matrices that turn vectors actively."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

TOLERANCE = 1e-3  # of the length: files hold some six digits


def rotation_matrix(quaternion: Float[np.ndarray, "4"], where: str) -> Float[np.ndarray, "3 3"]:
    """The matrix of a quaternion, made exactly unit; the played gradient is the matrix times the block's."""
    length = float(np.linalg.norm(quaternion))
    if not abs(length - 1) < TOLERANCE:
        raise InputError(
            f"{where} is a quaternion of length {length:g}; it must have length 1, like 1 0 0 0 for no rotation"
        )
    w, x, y, z = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(matrix: Float[np.ndarray, "3 3"], where: str) -> Float[np.ndarray, "4"]:
    """The quaternion of a rotation matrix, with q₀ ≥ 0."""
    if np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-6 or np.linalg.det(matrix) < 0:
        raise InputError(
            f"the rotation of {where} is not a rotation matrix (orthogonal, determinant 1); Pulseq files hold no other: "
            "turn or mirror the gradients themselves"
        )
    # 4 q qᵀ, whose longest column is the safest to divide by.
    (a, b, c), (d, e, f), (g, h, i) = matrix
    outer = np.array(
        [
            [1 + a + e + i, h - f, c - g, d - b],
            [h - f, 1 + a - e - i, b + d, c + g],
            [c - g, b + d, 1 - a + e - i, f + h],
            [d - b, c + g, f + h, 1 - a - e + i],
        ]
    )
    column = outer[:, np.argmax(np.diag(outer))]
    unit = column / np.linalg.norm(column)
    return -unit if unit[0] < 0 else unit
