"""The head phantom of Shepp and Logan in three dimensions."""

from __future__ import annotations

import numpy as np

from .._checks import InputError
from .ellipsoid import Ellipsoid
from .frame import Scalar, Vector, leaf, lengths, rotation_about
from .shape import Sum

STANDARD_CONTRAST = (2.0, -0.98, -0.02, -0.02, 0.02, 0.02, 0.01, 0.01, 0.02, -0.02)
MODIFIED_CONTRAST = (1.0, -0.8, -0.2, -0.2, 0.2, 0.2, 0.1, 0.1, 0.2, -0.2)

# Semi-axes, centre (fractions of the half-edge) and rotation about z (degrees): Kak and Slaney, p. 102, with its errata.
_TABLE = (
    ((0.6900, 0.920, 0.900), (0.00, 0.000, 0.000), 0.0),
    ((0.6624, 0.874, 0.880), (0.00, 0.000, 0.000), 0.0),
    ((0.4100, 0.160, 0.210), (-0.22, 0.000, -0.250), 108.0),
    ((0.3100, 0.110, 0.220), (0.22, 0.000, -0.250), 72.0),
    ((0.2100, 0.250, 0.500), (0.00, 0.350, -0.250), 0.0),
    ((0.0460, 0.046, 0.046), (0.00, 0.100, -0.250), 0.0),
    ((0.0460, 0.023, 0.020), (-0.08, -0.650, -0.250), 0.0),
    ((0.0460, 0.023, 0.020), (0.06, -0.650, -0.250), 90.0),
    ((0.0560, 0.040, 0.100), (0.06, -0.105, 0.625), 90.0),
    ((0.0560, 0.056, 0.100), (0.00, 0.100, 0.625), 0.0),
)


def shepp_logan_3d(
    half_edge: Scalar = 100.0,
    contrast: Vector = STANDARD_CONTRAST,
    centre: Vector = (0.0, 0.0, 0.0),
) -> Sum:
    """The ten ellipsoids of the Shepp-Logan head, in a cube of edges 2 × `half_edge` mm around `centre`.

    The geometry and `STANDARD_CONTRAST` (the skull is 2.0, the brain 1.02) are the three-dimensional table of Kak and
    Slaney, Principles of Computerized Tomographic Imaging (1988), p. 102, with its errata, after Shepp and Logan, IEEE
    Trans. Nucl. Sci. 21 (1974) 21. `MODIFIED_CONTRAST` raises the small differences tenfold as Toft did in two
    dimensions (The Radon Transform, Technical University of Denmark, 1996); on this table it is the phantom of Yu, Ye
    and Wang, Proc. SPIE 5535 (2004) 550. Any ten values will do. Raises `ValueError` for another number of values.
    Good values: `shepp_logan_3d(100.0, MODIFIED_CONTRAST)` for a head of 138 × 184 × 180 mm.
    """
    if len(contrast) != len(_TABLE):
        raise InputError(f"contrast has {len(contrast)} values; one per ellipsoid is needed: {len(_TABLE)}")
    values, middle = leaf("contrast", contrast, (len(_TABLE),)), leaf("centre", centre, (3,))
    scale = lengths("half_edge", half_edge)
    parts = []
    for (axes, place, turn), value in zip(_TABLE, values, strict=True):
        rotation = rotation_about((0.0, 0.0, 1.0), np.deg2rad(turn))
        parts.append(Ellipsoid(middle + scale * np.array(place), scale * np.array(axes), rotation, value))
    return Sum(*parts)
