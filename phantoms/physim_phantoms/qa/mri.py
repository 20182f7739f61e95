"""A test object for relaxometry: two arrays of spheres with graded T1 and T2, after the ISMRM/NIST system phantom."""

from __future__ import annotations

import numpy as np

from .._checks import InputError
from ..grid import Grid
from ..phantom import Phantom
from ..shapes import Ellipsoid
from ..tissue import TISSUES, Tissue
from .assembly import Part, assemble

# Nominal times at 20 °C in ms, at 1.5 T and at 3 T.
_T1_ARRAY = {  # NiCl2 solutions
    "t1": (
        (2033, 1489, 1012, 730.8, 514.1, 367.9, 260.1, 184.6, 132.7, 92.7, 65.4, 46.32, 32.45, 22.859),
        (1989, 1454, 984.1, 706, 496.7, 351.5, 247.13, 175.3, 125.9, 89.0, 62.7, 44.53, 30.84, 21.719),
    ),
    "t2": (
        (1669.0, 1244.0, 859.3, 628.5, 446.3, 321.2, 227.7, 161.9, 117.1, 81.9, 57.7, 41.0, 28.7, 20.2),
        (1465, 1076, 717.9, 510.1, 359.6, 255.5, 180.8, 127.3, 90.3, 64.3, 45.7, 31.86, 22.38, 15.83),
    ),
}
_T2_ARRAY = {  # MnCl2 solutions
    "t1": (
        (2376, 2183, 1870, 1539, 1237, 1030, 752.2, 550.2, 413.4, 292.9, 194.9, 160.2, 106.4, 83.3),
        (2480, 2173, 1907, 1604, 1332, 1044, 801.7, 608.6, 458.4, 336.5, 244.2, 176.6, 126.9, 90.9),
    ),
    "t2": (
        (939.4, 594.3, 416.5, 267.0, 184.9, 140.6, 91.76, 64.84, 45.28, 30.62, 19.76, 15.99, 10.47, 8.15),
        (
            581.3,
            403.5,
            278.1,
            190.94,
            133.27,
            96.89,
            64.07,
            46.42,
            31.97,
            22.56,
            15.813,
            11.237,
            7.911,
            5.592,
        ),
    ),
}
_SOURCE = "nominal values at 20 °C for the ISMRM/NIST system phantom; Stupic et al., Magn. Reson. Med. 86 (2021) 1194"
_RING, _SQUARE = 50.0, 40.0  # mm: radius of the ring of ten spheres, edge of the square of four


def mri_spheres_parts(
    diameter: float = 200.0, sphere_diameter: float = 15.0, plane_distance: float = 40.0
) -> list[Part]:
    """The sphere of water, then "t1_01" to "t1_14" (below, longest T1 first) and "t2_01" to "t2_14" (above); sizes in mm."""
    if not 0 < sphere_diameter < min(2 * _RING * np.sin(np.pi / 10), plane_distance):
        raise InputError(
            f"sphere_diameter is {sphere_diameter:g} mm; above 0 and without contact is allowed: write 15.0"
        )
    if np.hypot(_RING, plane_distance / 2) + sphere_diameter / 2 >= diameter / 2:
        raise InputError(
            f"the spheres do not fit a body of {diameter:g} mm; write diameter=200.0, plane_distance=40.0"
        )
    parts: list[Part] = [("water", Ellipsoid((0.0, 0.0, 0.0), diameter / 2))]
    for name, table, height in (
        ("t1", _T1_ARRAY, -plane_distance / 2),
        ("t2", _T2_ARRAY, plane_distance / 2),
    ):
        for number, (x, y) in enumerate(_places()):
            parts.append((_solution(name, table, number), Ellipsoid((x, y, height), sphere_diameter / 2)))
    return parts


def mri_spheres(
    grid: Grid,
    diameter: float = 200.0,
    sphere_diameter: float = 15.0,
    plane_distance: float = 40.0,
    oversampling: int = 2,
) -> Phantom:
    """Fourteen spheres of graded T1 and fourteen of graded T2 in a sphere of water, for T1 and T2 mapping.

    After the ISMRM/NIST system phantom, K. F. Stupic et al., Magn. Reson. Med. 86 (2021) 1194. The times are the nominal ones
    at 1.5 and 3 T and 20 °C; an individual phantom has its own certificate. None are published for 7 T: there the values
    of 3 T stand in. T2* equals T2. What differs: walls, plates, fiducials, proton density array and insets are left out,
    and ten spheres form a ring and four a square in each of two planes across z.
    Sizes in mm. Raises `ValueError` for spheres that touch or leave the body.
    Good values: voxels of 2 mm or less, so that the middle of a sphere is free of partial volume.
    """
    return assemble(
        grid, mri_spheres_parts(diameter, sphere_diameter, plane_distance), oversampling=oversampling
    )


def _places() -> list[tuple[float, float]]:
    """Centres in a plane: the ring from anterior, clockwise seen from below, then the square."""
    angles = np.pi / 2 + 2 * np.pi * np.arange(10) / 10
    ring = [(float(_RING * np.cos(a)), float(_RING * np.sin(a))) for a in angles]
    half = _SQUARE / 2
    return [*ring, (half, half), (-half, half), (-half, -half), (half, -half)]


def _solution(name: str, table: dict, number: int) -> Tissue:
    """Water with the relaxation times of one sphere."""
    t1, t2 = ([1e-3 * table[time][field][number] for field in (0, 1, 1)] for time in ("t1", "t2"))
    return TISSUES["water"].replace(
        name=f"{name}_{number + 1:02d}", t1=t1, t2=t2, t2_star=t2, citation={"relaxation": _SOURCE}
    )
