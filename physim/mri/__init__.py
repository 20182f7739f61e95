"""Magnetic resonance imaging: signal equations, k-space sampling and noise, reconstruction.

This room starts thin: contrasts are the steady-state equations of ideal sequences, the coil is uniform and the field
homogeneous. What is there is exact: partial volume, k-space of the voxels, resolution, noise.
"""

from .encode import Cartesian as Cartesian
from .scan import (
    KSpace as KSpace,
    reconstruct as reconstruct,
    reconstruct_complex as reconstruct_complex,
    scan as scan,
    signal_map as signal_map,
)
from .scanner import Scanner as Scanner
from .sequences import (
    InversionRecovery as InversionRecovery,
    Sequence as Sequence,
    SpinEcho as SpinEcho,
    SpoiledGradientEcho as SpoiledGradientEcho,
    null_time as null_time,
)
