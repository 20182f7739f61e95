"""Scanner test objects: as phantoms on a grid, and as exact shapes for the truth."""

from .assembly import Part as Part
from .assembly import assemble as assemble
from .assembly import exact as exact
from .ct import (
    ct_resolution as ct_resolution,
)
from .ct import (
    ct_resolution_parts as ct_resolution_parts,
)
from .ct import (
    ct_sensitometry as ct_sensitometry,
)
from .ct import (
    ct_sensitometry_parts as ct_sensitometry_parts,
)
from .ct import (
    ct_wire as ct_wire,
)
from .ct import (
    ct_wire_parts as ct_wire_parts,
)
from .ct import (
    water_cylinder as water_cylinder,
)
from .ct import (
    water_cylinder_parts as water_cylinder_parts,
)
from .lattice import resolution_grid as resolution_grid
from .lattice import resolution_grid_parts as resolution_grid_parts
from .mri import mri_spheres as mri_spheres
from .mri import mri_spheres_parts as mri_spheres_parts

__all__ = [
    "Part",
    "assemble",
    "ct_resolution",
    "ct_resolution_parts",
    "ct_sensitometry",
    "ct_sensitometry_parts",
    "ct_wire",
    "ct_wire_parts",
    "exact",
    "mri_spheres",
    "mri_spheres_parts",
    "resolution_grid",
    "resolution_grid_parts",
    "water_cylinder",
    "water_cylinder_parts",
]
