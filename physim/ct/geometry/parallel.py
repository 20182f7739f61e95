"""Parallel rays: the limit of a distant source, and what synchrotrons and rebinned fans are."""

from collections.abc import Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

from .checks import Number, Numbers, arc_of, number, numbers, pixels, whole


class ParallelBeam(eqx.Module):
    """Parallel rays in planes of constant z, turned about the z axis through `centre`; made by `parallel_beam`.

    At angle θ the detector's columns run along u = (cos θ, sin θ, 0), its rows along +z and the rays along
    (−sin θ, cos θ, 0). Pixel (r, c) lies at `centre` + (offset_r + (r − (R−1)/2) row) z + (offset_c + (c − (C−1)/2) column) u,
    mm: a point (x, y) off the centre meets the detector at u = x cos θ + y sin θ, as in the Radon transform.

    - `angles`: θ of each view, rad. - `pixel_size`: (row, column) pitch, mm. - `offset`: (row, column) shift of the
      detector, mm. - `centre`: world position of the axis, mm. - `source_to_detector`: mm; parallel rays have no source,
      this sets the fluence only. All of them are traced; only the number of pixels is static.
    """

    angles: Float[Array | np.ndarray, " view"]
    pixel_size: Float[Array | np.ndarray, "2"]
    offset: Float[Array | np.ndarray, "2"]
    centre: Float[Array | np.ndarray, "3"]
    source_to_detector: Float[Array | np.ndarray, ""]
    detector_shape: tuple[int, int] = eqx.field(static=True)

    @property
    def sinogram_shape(self) -> tuple[int, int, int]:
        """(views, rows, columns)."""
        return (self.angles.shape[0], *self.detector_shape)

    @property
    def rows(self) -> Float[Array | np.ndarray, " row"]:
        """World z of the detector's rows, mm."""
        count = self.detector_shape[0]
        return self.centre[2] + self.offset[0] + (np.arange(count) - (count - 1) / 2) * self.pixel_size[0]

    @property
    def columns(self) -> Float[Array | np.ndarray, " column"]:
        """Distance of the detector's columns from the axis along u, mm."""
        count = self.detector_shape[1]
        return self.offset[1] + (np.arange(count) - (count - 1) / 2) * self.pixel_size[1]


def parallel_beam(
    n_views: int,
    detector_shape: Sequence[int],
    pixel_size: Numbers,
    arc: Number = np.pi,
    offset: Numbers = (0.0, 0.0),
    *,
    start: Number = 0.0,
    centre: Numbers = (0.0, 0.0, 0.0),
    source_to_detector: Number = 1000.0,
) -> ParallelBeam:
    """`n_views` equally spaced views over `arc`, the last one a step before its end, of parallel rays (see `ParallelBeam`).

    - `detector_shape`: (rows, columns). - `pixel_size`, `offset`: (row, column), mm. - `arc`, `start`: rad. - `centre`:
      world position that the axis goes through, mm. - `source_to_detector`: mm, for the fluence.

    Good values: columns as fine as the voxels and enough of them to see the whole patient from every side; π/2 times as
    many views as columns; `parallel_beam(360, (120, 256), (1.5, 1.0))`.
    Raises `ValueError` for no view or pixel, sizes that are not positive, and numbers that are not finite.
    """
    n_views, shape = whole("n_views", n_views, "360"), pixels(detector_shape)
    pixel = numbers("pixel_size", pixel_size, 2)
    require_range("pixel_size", pixel, 1e-3, 1e3, "mm; write pixel_size=(1.5, 1.0)")
    distance = number("source_to_detector", source_to_detector)
    require_range("source_to_detector", distance, 1.0, 1e5, "mm; write source_to_detector=1000.0")
    angles = number("start", start) + np.arange(n_views) * (arc_of(arc, n_views) / n_views)
    return ParallelBeam(
        angles, pixel, numbers("offset", offset, 2), numbers("centre", centre, 3), distance, shape
    )
