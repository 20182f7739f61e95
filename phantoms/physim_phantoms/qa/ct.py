"""Test objects for CT: uniform water, sensitometry, bars and a wire. The scanner's axis is z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import InputError, require_range
from ..grid import Grid
from ..phantom import Phantom
from ..shapes import Box, Cylinder, rotation_about
from .assembly import Part, assemble

SENSITOMETRY_RADIUS = 58.7  # mm, of the circle on which the inserts sit
# Degrees clockwise from the right edge of the image as displayed, patient left on the right and anterior above.
SENSITOMETRY_ANGLES = {
    "air": -90.0,
    "pmp": -120.0,
    "ldpe": 180.0,
    "polystyrene": 120.0,
    "acrylic": 60.0,
    "delrin": 0.0,
    "teflon": -60.0,
    "water": 90.0,
}


def water_cylinder_parts(diameter: float = 200.0, length: float = 150.0) -> list[Part]:
    """One cylinder of water along z, mm."""
    return [("water", Cylinder((0.0, 0.0, 0.0), diameter / 2, length))]


def water_cylinder(
    grid: Grid, diameter: float = 200.0, length: float = 150.0, oversampling: int = 2
) -> Phantom:
    """A cylinder of water along z around the world's origin, in air: for CT number, uniformity and noise.

    Sizes in mm. Raises `ValueError` for sizes not above 0. Good values: 200 mm for a head, 320 mm for a body.
    """
    return assemble(grid, water_cylinder_parts(diameter, length), oversampling=oversampling)


def ct_sensitometry_parts(
    diameter: float = 150.0, length: float = 40.0, insert_diameter: float = 12.0
) -> list[Part]:
    """The water body and its eight rods, each with the name of its tissue; sizes in mm."""
    if (
        not 0
        < insert_diameter
        < min(2 * SENSITOMETRY_RADIUS * np.sin(np.pi / 12), diameter - 2 * SENSITOMETRY_RADIUS)
    ):
        raise InputError(
            f"insert_diameter is {insert_diameter:g} mm in a body of {diameter:g} mm; the inserts sit at a radius of "
            f"{SENSITOMETRY_RADIUS} mm and must neither overlap nor leave the body: write insert_diameter=12.0, diameter=150.0"
        )
    parts: list[Part] = [("water", Cylinder((0.0, 0.0, 0.0), diameter / 2, length))]
    for name, degrees in SENSITOMETRY_ANGLES.items():
        angle = np.deg2rad(degrees)
        centre = -SENSITOMETRY_RADIUS * np.array([np.cos(angle), np.sin(angle), 0.0])
        parts.append((name, Cylinder(centre, insert_diameter / 2, length)))
    return parts


def ct_sensitometry(
    grid: Grid,
    diameter: float = 150.0,
    length: float = 40.0,
    insert_diameter: float = 12.0,
    oversampling: int = 2,
) -> Phantom:
    """Rods of air, four plastics less and three more attenuating than water, for the linearity of CT numbers.

    After the CTP404 module of the Catphan (The Phantom Laboratory): materials, and the places of the rods as in pylinac
    (J. R. Kerns, J. Open Source Softw. 8 (2023) 6001). What differs: the body is water instead of the Catphan's epoxy,
    a rod of water takes the free place below, and wires, spheres and small holes are left out.
    Sizes in mm. Raises `ValueError` for rods that overlap or leave the body. Good values: the defaults; 200 mm for the body.
    """
    return assemble(grid, ct_sensitometry_parts(diameter, length, insert_diameter), oversampling=oversampling)


def ct_resolution_parts(
    line_pairs_per_cm: Sequence[float] = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
    diameter: float = 150.0,
    radius: float = 47.0,
    bars: int = 4,
    depth: float = 10.0,
    length: float = 40.0,
) -> list[Part]:
    """The water body and the aluminium bars, group after group, in the order of the line pairs; mm."""
    if not len(line_pairs_per_cm) or not 2 <= bars <= 20:
        raise InputError(
            f"{len(line_pairs_per_cm)} groups of {bars} bars were asked for; at least 1 group of 2 to 20 bars"
        )
    require_range("line_pairs_per_cm", line_pairs_per_cm, 0.1, 100.0, "line pairs per cm")
    parts: list[Part] = [("water", Cylinder((0.0, 0.0, 0.0), diameter / 2, length))]
    reach = [(bars - 0.5) * 5.0 / pairs for pairs in line_pairs_per_cm]
    angles = 2 * np.pi * np.arange(len(reach)) / len(reach)
    _refuse_crowding(reach, radius, depth, diameter)
    for pairs, angle in zip(line_pairs_per_cm, angles, strict=True):
        turn = rotation_about((0.0, 0.0, 1.0), angle)
        period = 10.0 / pairs
        for number in range(bars):
            middle = np.array([radius, (number - (bars - 1) / 2) * period, 0.0])
            parts.append(("aluminium", Box(np.asarray(turn) @ middle, (depth, period / 2, length), turn)))
    return parts


def ct_resolution(
    grid: Grid,
    line_pairs_per_cm: Sequence[float] = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0),
    diameter: float = 150.0,
    radius: float = 47.0,
    bars: int = 4,
    depth: float = 10.0,
    length: float = 40.0,
    oversampling: int = 2,
) -> Phantom:
    """Groups of aluminium bars in water, evenly around a circle: bars and gaps of half a period, 5 mm / (pairs per cm).

    `radius`: of the circle, mm; `depth` of the bars along the radius, `length` along z, mm. The scheme is that of bar
    patterns like the Catphan's CTP528, not a copy of one. Raises `ValueError` for groups that overlap or leave the body.
    Good values: up to 10 / (2 × voxel size in mm) line pairs per cm; finer bars need a larger oversampling.
    """
    parts = ct_resolution_parts(line_pairs_per_cm, diameter, radius, bars, depth, length)
    return assemble(grid, parts, oversampling=oversampling)


def ct_wire_parts(
    diameter: float = 0.2,
    offset: Sequence[float] = (0.0, 0.0),
    body_diameter: float = 150.0,
    length: float = 40.0,
) -> list[Part]:
    """The water body and the steel wire along z at `offset`; mm."""
    if not 0 < diameter < body_diameter / 2 - np.hypot(offset[0], offset[1]):
        raise InputError(
            f"a wire of {diameter:g} mm at {tuple(offset)} mm does not fit a body of {body_diameter:g} mm"
        )
    return [
        ("water", Cylinder((0.0, 0.0, 0.0), body_diameter / 2, length)),
        ("stainless_steel", Cylinder((offset[0], offset[1], 0.0), diameter / 2, length)),
    ]


def ct_wire(
    grid: Grid,
    diameter: float = 0.2,
    offset: Sequence[float] = (0.0, 0.0),
    body_diameter: float = 150.0,
    length: float = 40.0,
    oversampling: int = 16,
) -> Phantom:
    """A steel wire along z in water: its image is the point spread function, for the modulation transfer function.

    Sizes in mm. Raises `ValueError` for a wire outside the body.
    Good values: a wire no thicker than a fifth of the resolution, and an oversampling above 4 voxels / diameter.
    """
    return assemble(grid, ct_wire_parts(diameter, offset, body_diameter, length), oversampling=oversampling)


def _refuse_crowding(reach: list[float], radius: float, depth: float, diameter: float) -> None:
    """Neighbouring groups must stay apart and all of them in the body; `reach` is half a group's width, mm."""
    inner, widest = radius - depth / 2, max(reach)
    halves = np.arctan2(reach, inner)
    crowded = inner <= 0 or (len(reach) > 1 and np.any(halves + np.roll(halves, 1) >= 2 * np.pi / len(reach)))
    if crowded or np.hypot(radius + depth / 2, widest) >= diameter / 2:
        raise InputError(
            f"the widest of {len(reach)} groups is {2 * widest:g} mm across at a radius of {radius:g} mm; the groups overlap "
            f"or leave the body of {diameter:g} mm: ask for more line pairs per cm, fewer bars, fewer groups or a larger body"
        )
