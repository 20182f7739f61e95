"""Test objects with closed forms: exact line integrals, exact k-space, exact volumes, and anti-aliased voxels."""

from .box import Box as Box
from .cylinder import Cylinder as Cylinder
from .ellipsoid import Ellipsoid as Ellipsoid
from .frame import rotation_about as rotation_about
from .frame import rotation_onto as rotation_onto
from .gaussian import Gaussian as Gaussian
from .shape import Body as Body
from .shape import Shape as Shape
from .shape import Sum as Sum
from .shepp_logan import (
    MODIFIED_CONTRAST as MODIFIED_CONTRAST,
)
from .shepp_logan import (
    STANDARD_CONTRAST as STANDARD_CONTRAST,
)
from .shepp_logan import (
    shepp_logan_3d as shepp_logan_3d,
)

__all__ = [
    "MODIFIED_CONTRAST",
    "STANDARD_CONTRAST",
    "Body",
    "Box",
    "Cylinder",
    "Ellipsoid",
    "Gaussian",
    "Shape",
    "Sum",
    "rotation_about",
    "rotation_onto",
    "shepp_logan_3d",
]
