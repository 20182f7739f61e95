"""One small scanner of every kind, for tests that must hold for all of them."""

import numpy as np

from physim import ct
from physim_phantoms import Grid

GRID = Grid((11, 12, 8), (2.1, 2.0, 2.3))
SLICE = Grid((11, 12, 1), (2.1, 2.0, 2.3))
UPSIDE_DOWN = Grid((11, 12, 8), (2.1, 2.0, 2.3), direction=np.diag([1.0, -1.0, -1.0]))
_ROOM = (100.0, 180.0, (9, 14), (2.0, 2.1))


def scanners() -> dict:
    """Name to (grid, geometry)."""
    cone = ct.circular_cone(4, *_ROOM, start=0.1)
    fine = ct.circular_cone(3, 100.0, 180.0, (40, 31), (0.4, 0.9), start=0.7)
    from_below = ct.per_view(
        np.array([[3.0, 2.0, -90.0]]),
        np.array([[0.0, 0.0, 80.0]]),
        np.array([[0.0, 2.0, 0.3]]),
        np.array([[2.0, 0.1, 0.0]]),
        (9, 10),
    )
    return {
        "parallel": (GRID, ct.parallel_beam(4, (9, 14), (1.3, 1.4), offset=(0.4, 0.2))),
        "fan, flat": (SLICE, ct.fan_beam(3, 100.0, 180.0, 15, 2.1)),
        "fan, equiangular": (SLICE, ct.fan_beam(3, 100.0, 180.0, 15, 2.1, curved=True, offset=0.5)),
        "cone, flat": (GRID, cone),
        "cone, cylindrical": (UPSIDE_DOWN, ct.circular_cone(4, *_ROOM, curved=True, offset=(1.0, 13.0))),
        "cone, fine rows": (GRID, fine),
        "cone, coarse rows": (GRID, ct.circular_cone(3, 100.0, 180.0, (3, 5), (9.0, 8.0), start=0.7)),
        "helix": (GRID, ct.helical_cone(5, 1.3, 8.0, *_ROOM)),
        "radiograph": (GRID, ct.radiograph(100.0, 180.0, (9, 14), (2.0, 2.1), angle=0.4)),
        "misaligned": (GRID, ct.misaligned(cone, roll=0.5, tilt=0.2, slant=0.1, shift=(0.3, -0.2, 1.0))),
        "flying focal spot": (GRID, ct.flying_focal_spot(cone, [(0.0, -0.6, 0.0), (0.2, 0.6, 0.1)])),
        "from below": (GRID, from_below),
    }


NAMES = list(scanners())
MODELS = [ct.Joseph(), ct.DistanceDriven()]
MODEL_NAMES = ["joseph", "distance-driven"]
