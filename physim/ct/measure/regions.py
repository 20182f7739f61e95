"""CT numbers in circular regions: mean, noise, contrast, uniformity, and the table of a sensitometry object."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_range, require_shape
from physim_phantoms.grid import Vector
from physim_phantoms.qa.ct import SENSITOMETRY_ANGLES, SENSITOMETRY_RADIUS
from physim_phantoms.shapes import Cylinder

from ..geometry.checks import Number

Image = Float[Array | np.ndarray, "x y z"]
Mask = Float[Array | np.ndarray, "x y z"]
# HU that the maker of the Catphan 504 allows its CTP404 inserts; Delrin's composition is proprietary.
CTP404_RANGES: Mapping[str, tuple[float, float]] = {
    "air": (-1046.0, -986.0),
    "pmp": (-220.0, -172.0),
    "ldpe": (-121.0, -87.0),
    "water": (-7.0, 7.0),
    "polystyrene": (-65.0, -29.0),
    "acrylic": (92.0, 137.0),
    "delrin": (344.0, 387.0),
    "teflon": (941.0, 1060.0),
}


class Statistics(NamedTuple):
    """Weighted mean and standard deviation of a region, and the number of voxels in it."""

    mean: Float[Array, ""]
    deviation: Float[Array, ""]
    voxels: Float[Array, ""]


class Uniformity(NamedTuple):
    """Means in the centre and at the edge, in the order +x, +y, −x, −y, and the largest difference from the centre."""

    centre: Float[Array, ""]
    edge: Float[Array, "4"]
    largest: Float[Array, ""]


class Insert(NamedTuple):
    """What a rod of a known material measures, HU, and the range allowed, where there is one."""

    mean: Float[Array, ""]
    deviation: Float[Array, ""]
    allowed: tuple[float, float] | None


def disc(
    grid: Grid, centre: Vector, radius: Number, *, planes: tuple[float, float] | None = None
) -> Float[Array, "x y z"]:
    """The share of each voxel inside a circle around (x, y), mm, in all planes or those from z to z.

    Shares are areas, with the border anti-aliased, so means do not jump as the circle moves.
    Good values: a radius of 5 to 10 voxels, and 2 voxels less than the insert's. Raises `ValueError` for no radius.
    """
    require_range("radius", radius, 1e-6, 1e6, "mm")
    low, high = planes if planes is not None else _all_planes(grid)
    return Cylinder((centre[0], centre[1], (low + high) / 2), radius, high - low).voxelise(grid)


def region_statistics(image: Image, mask: Mask) -> Statistics:
    """Mean and standard deviation of the image, each voxel counted with its share in the mask.

    The variance is that of a sample with weights of frequency, Σ m (x − mean)² / (Σ m − 1).
    Raises `ValueError` for shapes that differ and a mask of less than two voxels.
    """
    require_shape("mask", mask, np.shape(image))
    found = _statistics(jnp.asarray(image), jnp.asarray(mask))
    if is_concrete(found.voxels) and float(found.voxels) <= 1.5:
        raise InputError(
            f"the region holds {float(found.voxels):g} voxels; it needs at least 2: take a larger radius or move it into the grid"
        )
    return found


@jax.jit
def _statistics(image, mask) -> Statistics:
    total = jnp.sum(mask)
    mean = jnp.sum(mask * image) / total
    spread = jnp.sum(mask * (image - mean) ** 2) / (total - 1)
    return Statistics(mean, jnp.sqrt(spread), total)


def contrast_to_noise(image: Image, inside: Mask, background: Mask) -> Float[Array, ""]:
    """|mean inside − mean of the background| / standard deviation of the background."""
    here, there = region_statistics(image, inside), region_statistics(image, background)
    return jnp.abs(here.mean - there.mean) / there.deviation


def uniformity(
    image: Image, grid: Grid, diameter: float, *, region: float | None = None, inset: float = 10.0
) -> Uniformity:
    """CT numbers in the centre of a uniform cylinder around the grid's middle and at four places along its edge, HU.

    As IEC 61223-3-5 asks: regions of a tenth of the `diameter`, mm, unless `region` is given, the outer ones `inset` mm from
    the edge. Raises `ValueError` for regions that do not fit.
    """
    require_range("diameter", diameter, 1.0, 1e5, "mm")
    size = diameter / 10 if region is None else region
    away = diameter / 2 - inset - size / 2
    if away < size:
        raise InputError(
            f"regions of {size:g} mm, {inset:g} mm from the edge of {diameter:g} mm, meet the one in the centre; "
            f"write region={diameter / 20:g}, inset={diameter / 20:g}"
        )
    middle = np.asarray(grid.centre)[:2]
    mean = lambda place: region_statistics(image, disc(grid, tuple(place), size / 2)).mean
    centre = mean(middle)
    edge = jnp.stack([mean(middle + away * np.array(d)) for d in ((1, 0), (0, 1), (-1, 0), (0, -1))])
    return Uniformity(centre, edge, jnp.max(jnp.abs(edge - centre)))


def sensitometry(
    image: Image, grid: Grid, *, radius: float = 4.0, planes: tuple[float, float] | None = None
) -> dict[str, Insert]:
    """CT numbers of the rods of `physim_phantoms.qa.ct_sensitometry`, HU, with the ranges of `CTP404_RANGES`.

    - `radius`: of the regions, mm. Good values: 4 mm in rods of 12 mm.
    """
    table = {}
    for name, degrees in SENSITOMETRY_ANGLES.items():
        angle = np.deg2rad(degrees)
        place = (-SENSITOMETRY_RADIUS * np.cos(angle), -SENSITOMETRY_RADIUS * np.sin(angle))
        found = region_statistics(image, disc(grid, place, radius, planes=planes))
        table[name] = Insert(found.mean, found.deviation, CTP404_RANGES.get(name))
    return table


def _all_planes(grid: Grid) -> tuple[float, float]:
    """Far enough to reach beyond the grid from either side."""
    reach = float(np.linalg.norm(np.asarray(grid.extent)))
    middle = float(np.asarray(grid.centre)[2])
    return middle - reach, middle + reach
