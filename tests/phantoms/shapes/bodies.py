"""The shapes under test: one of each kind, off centre and turned, so that no symmetry hides an error."""

import numpy as np

from physim_phantoms import shapes

TURN = shapes.rotation_about((1.0, 2.0, 3.0), 0.7)
CENTRE = np.array([0.7, -0.4, 0.3])

BODIES = {
    "ellipsoid": lambda centre=CENTRE, turn=TURN: shapes.Ellipsoid(centre, (6.0, 4.0, 3.0), turn, 1.7),
    "box": lambda centre=CENTRE, turn=TURN: shapes.Box(centre, (9.0, 6.0, 4.0), turn, 1.7),
    "cylinder": lambda centre=CENTRE, turn=TURN: shapes.Cylinder(centre, 3.5, 8.0, turn, 1.7),
    "gaussian": lambda centre=CENTRE, turn=TURN: shapes.Gaussian(centre, (2.0, 1.5, 1.0), turn, 1.7),
}
SOLIDS = ("ellipsoid", "box", "cylinder")
