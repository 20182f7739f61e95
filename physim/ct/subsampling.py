"""The size of focal spot and pixel and the turn of the gantry during a view: intensities averaged over many rays."""

import itertools

import equinox as eqx
import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

from .geometry import Geometry, ParallelBeam, during_view, misaligned, shifted_detector


class SubSampling(eqx.Module):
    """How many rays stand for one reading: focal spot, pixel and view are cut into equal parts, one ray from each middle.

    The midpoint rule along each of five axes; intensities are averaged, before the logarithm, because readings are. It
    converges with the square of the number of parts.

    - `focal_spot`: parts of the focal spot's (width, length). - `cell`: parts of a pixel's (row, column).
    - `rotation`: parts of a view's time. The work grows with the product of all five.

    Good values: `SubSampling((2, 2), (2, 2), 2)` shows what a scanner blurs; the default of one ray is for training.
    Raises `ValueError` for less than one part.
    """

    focal_spot: tuple[int, int] = eqx.field(static=True)
    cell: tuple[int, int] = eqx.field(static=True)
    rotation: int = eqx.field(static=True)

    def __init__(
        self, focal_spot: tuple[int, int] = (1, 1), cell: tuple[int, int] = (1, 1), rotation: int = 1
    ):
        counts = (*focal_spot, *cell, rotation)
        if len(counts) != 5 or any(int(n) != n or n < 1 for n in counts):
            raise InputError(
                f"SubSampling got focal_spot={focal_spot}, cell={cell}, rotation={rotation}; give whole numbers of at "
                "least 1, like SubSampling((2, 2), (2, 2), 2)"
            )
        self.focal_spot = (int(focal_spot[0]), int(focal_spot[1]))
        self.cell = (int(cell[0]), int(cell[1]))
        self.rotation = int(rotation)

    def places(self) -> Float[np.ndarray, "ray 5"]:
        """Where the rays are on focal spot (width, length), pixel (row, column) and in time, as parts of each, −½..½."""
        axes = [(np.arange(n) + 0.5) / n - 0.5 for n in (*self.focal_spot, *self.cell, self.rotation)]
        return np.array(list(itertools.product(*axes)))

    def moved(self, geometry: Geometry, focal_spot, place) -> Geometry:
        """The geometry of the rays of one place; `focal_spot` is its (width, length), mm."""
        if self.focal_spot != (1, 1):
            if isinstance(geometry, ParallelBeam):
                raise InputError(
                    "parallel rays have no focal spot; leave SubSampling(focal_spot=(1, 1)) or take circular_cone(...)"
                )
            width, length = focal_spot[0] * place[0], focal_spot[1] * place[1]
            geometry = misaligned(geometry, source_shift=(length, width, 0.0))
        if self.cell != (1, 1):
            geometry = shifted_detector(geometry, place[2], place[3])
        if self.rotation != 1:
            geometry = during_view(geometry, place[4])
        return geometry
