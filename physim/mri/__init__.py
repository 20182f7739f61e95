"""Magnetic resonance imaging: signal equations, k-space sampling and noise, reconstruction.

This room starts thin: contrasts are the steady-state equations of ideal sequences, the coil is uniform and the field
homogeneous. What is there is exact: partial volume, k-space of the voxels, resolution, noise.
"""

from .encode import Cartesian as Cartesian
from .scan import (
    KSpace as KSpace,
)
from .scan import (
    reconstruct as reconstruct,
)
from .scan import (
    reconstruct_complex as reconstruct_complex,
)
from .scan import (
    scan as scan,
)
from .scan import (
    signal_map as signal_map,
)
from .scanner import Scanner as Scanner
from .sequences import (
    InversionRecovery as InversionRecovery,
)
from .sequences import (
    Sequence as Sequence,
)
from .sequences import (
    SpinEcho as SpinEcho,
)
from .sequences import (
    SpoiledGradientEcho as SpoiledGradientEcho,
)
from .sequences import (
    null_time as null_time,
)
