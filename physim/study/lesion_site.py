"""Where a lesion sits: a random place well inside a tissue."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from scipy import ndimage

from physim_phantoms import Grid, InputError


def lesion_site(
    host: np.ndarray, region: np.ndarray, grid: Grid, key: PRNGKeyArray, depth: float = 10.0
) -> tuple[float, float, float]:
    """World position (RAS+, mm) of one voxel, drawn evenly from those that suit.

    - `host`: fraction of the tissue to sit in; the place has nearly as much of it as any other.
    - `region`: mask of the organ; the place is at least `depth` mm from its surface, or as deep as the organ allows, and
      in its upper three fifths: in a brain that keeps it out of brainstem and cerebellum.

    Raises `InputError` where the region is empty.
    """
    if not region.any():
        raise InputError(
            "the patient has no tissue in which a lesion could sit; make the grid finer or larger"
        )
    inside = np.asarray(ndimage.distance_transform_edt(region, sampling=np.asarray(grid.spacing)))
    levels = np.flatnonzero(region.any(axis=(0, 1)))
    lowest = levels[0] + 0.4 * (levels[-1] - levels[0])
    above = np.arange(region.shape[2])[None, None, :] >= lowest
    deep = region & above & (inside >= min(depth, 0.6 * float(inside[..., int(np.ceil(lowest)) :].max())))
    candidates = np.flatnonzero(deep & (host >= 0.9 * float(host[deep].max())))
    chosen = int(candidates[int(jax.random.randint(key, (), 0, candidates.size))])
    x, y, z = grid.index_to_world(np.array(np.unravel_index(chosen, region.shape), float))
    return round(float(x), 3), round(float(y), 3), round(float(z), 3)
