"""Readings of a misaligned detector, moved to where an upright one would have read them: filtered back-projection needs that."""

import numpy as np
from scipy.ndimage import map_coordinates

from physim import ct
from physim.ct.readings import air_signal


def moved(raw: ct.Readings, real: ct.ConeBeam, upright: ct.ConeBeam) -> ct.Readings:
    """`raw`, taken with the detector of `real`, as the detector of `upright` would have read it from the same focal spots.

    The ray from focal spot s to a pixel p of the upright detector meets the real one, with middle c and steps u and v, where
    s + t (p − s) = c + i u + j v: three linear equations. Divided by t > 0 the unknowns are i / t, j / t and 1 / t.
    """
    shape = real.detector_shape
    row, column = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    share, made = passed(raw), []
    for view in range(len(share)):
        at = lambda vectors, view=view: np.asarray(vectors, float)[view]
        pixels = row[..., None] * at(upright.row_step) + column[..., None] * at(upright.column_step)
        rays = pixels + at(upright.detector_centre) - at(real.source)
        matrix = np.stack(
            [at(real.row_step), at(real.column_step), at(real.detector_centre - real.source)], -1
        )
        i, j, inverse = np.linalg.solve(matrix, np.moveaxis(rays, -1, 0).reshape(3, -1))
        index = np.stack([i, j]) / inverse + (np.array(shape)[:, None] - 1) / 2
        made.append(map_coordinates(share[view], index.reshape(2, *shape), order=1, mode="nearest"))
    return believed(np.stack(made), raw, upright)


def passed(raw: ct.Readings) -> np.ndarray:
    """The share of the signal that passed the patient, by an air scan of the same scanner."""
    return np.asarray(raw.signal / air_signal(raw.protocol, raw.geometry)[0])


def believed(share: np.ndarray, raw: ct.Readings, geometry: ct.ConeBeam) -> ct.Readings:
    """The same shares, as readings of another geometry."""
    return ct.Readings(share * air_signal(raw.protocol, geometry)[0], geometry, raw.protocol)
