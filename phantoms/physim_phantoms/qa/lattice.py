"""A lattice of cubes, for geometric distortion and resolution in every direction; visible in CT and in MRI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import InputError, require_range
from ..grid import Grid
from ..phantom import Phantom
from ..shapes import Box
from .assembly import Part, assemble


def resolution_grid_parts(
    pitch: float = 20.0, cube: float = 8.0, count: Sequence[int] = (5, 5, 5), margin: float = 10.0
) -> list[Part]:
    """The water box and the acrylic cubes, x slowest; their centres are the places to find again. Sizes in mm."""
    require_range("pitch", pitch, 1e-3, 1e4, "mm")
    require_range("margin", margin, 0.0, 1e4, "mm")
    if len(count) != 3 or any(int(n) != n or not 1 <= n <= 50 for n in count):
        raise InputError(
            f"count is {tuple(count)}; it must be three whole numbers from 1 to 50, like (5, 5, 5)"
        )
    if not 0 < cube < pitch:
        raise InputError(
            f"cube is {cube:g} mm at a pitch of {pitch:g} mm; it must be above 0 and below the pitch"
        )
    places = [pitch * (np.arange(n) - (n - 1) / 2) for n in count]
    parts: list[Part] = [
        ("water", Box((0.0, 0.0, 0.0), [pitch * (n - 1) + cube + 2 * margin + 1e-6 for n in count]))
    ]
    for x in places[0]:
        for y in places[1]:
            parts.extend(("acrylic", Box((x, y, z), cube)) for z in places[2])
    return parts


def resolution_grid(
    grid: Grid,
    pitch: float = 20.0,
    cube: float = 8.0,
    count: Sequence[int] = (5, 5, 5),
    margin: float = 10.0,
    oversampling: int = 2,
) -> Phantom:
    """A regular lattice of `count` acrylic cubes, centred on the world's origin, in a box of water `margin` wider.

    The centres show geometric distortion, the edges the resolution along each axis. Sizes in mm.
    Raises `ValueError` for cubes that do not fit the pitch. Good values: cubes of four voxels or more.
    """
    return assemble(grid, resolution_grid_parts(pitch, cube, count, margin), oversampling=oversampling)
