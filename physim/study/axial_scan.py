"""The scanner of the CT studies: one turn of a fan of rays for every plane, as the table steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim.ct.coverage import require_coverage
from physim.ct.geometry import ConeBeam, fan_beam
from physim.ct.materials import enough
from physim.ct.readings import Readings
from physim.ct.reconstruction.reconstruct import reconstruct, reconstruct_with_bone
from physim.ct.reconstruction.windows import Window
from physim.ct.scan import scan
from physim.ct.source import ENERGIES, Protocol
from physim_phantoms import Grid, InputError, Phantom

SOURCE_TO_AXIS, SOURCE_TO_DETECTOR = 595.0, 1085.6  # mm, of a clinical scanner
_QUARTER = 0.25  # pixels that the detector is shifted, so that opposite rays do not coincide
_WIDEST = 0.9  # of the way to the source that a patient may reach


@dataclass(frozen=True)
class Turns:
    """Readings of all planes of a patient, each of one turn in the same geometry; `protocol` is that of a turn."""

    signal: Float[np.ndarray, "plane view column"]
    geometry: ConeBeam
    protocol: Protocol

    def log(self) -> Float[np.ndarray, "plane view column"]:
        """Minus the logarithm of the readings over those of air."""
        parts = [np.asarray(_log(part, self.geometry, self.protocol)) for part in self.signal[:, :, None]]
        return np.stack(parts)[:, :, 0]


def axial_fan(grid: Grid, views: int, pixel_size: float) -> ConeBeam:
    """A turn round the middle of the grid on a curved detector whose pixels are `pixel_size` mm wide at the axis.

    As many columns as see all of the grid; the plane is z = 0, to which every plane of a patient is brought.
    Raises `InputError` for a grid as wide as the gantry.
    """
    reach = math.hypot(*grid.extent[:2]) / 2
    if reach > _WIDEST * SOURCE_TO_AXIS:
        raise InputError(
            f"grid.field_of_view reaches {reach:.0f} mm from the axis; it must stay within "
            f"{_WIDEST * SOURCE_TO_AXIS:.0f} mm, for the source turns at {SOURCE_TO_AXIS:g} mm"
        )
    columns = 2 * math.ceil(math.asin(reach / SOURCE_TO_AXIS) * SOURCE_TO_AXIS / pixel_size) + 4
    x, y, _ = (float(c) for c in grid.centre)
    return fan_beam(
        views,
        SOURCE_TO_AXIS,
        SOURCE_TO_DETECTOR,
        columns,
        pixel_size * SOURCE_TO_DETECTOR / SOURCE_TO_AXIS,
        curved=True,
        slice_thickness=float(np.asarray(grid.spacing)[2]),
        offset=_QUARTER * pixel_size * SOURCE_TO_DETECTOR / SOURCE_TO_AXIS,
        centre=(x, y, 0.0),
    )


def scan_planes(
    patient: Phantom, views: int, pixel_size: float, protocol: Protocol, key: PRNGKeyArray
) -> Turns:
    """One turn of `axial_fan` for every plane, each with noise of its own."""
    geometry = axial_fan(patient.grid, views, pixel_size)
    require_coverage(patient, geometry)
    plane = one_plane(patient.grid)
    place = (plane.shape, *(tuple(np.asarray(v).tolist()) for v in (plane.spacing, plane.origin)))
    turn = _turn(place, views, pixel_size, enough(patient.tissues, ENERGIES))
    signal = []
    for number in range(patient.grid.shape[2]):
        ids, fractions = (a[..., number : number + 1] for a in (patient.ids, patient.fractions))
        signal.append(
            np.asarray(turn(patient.tissues, ids, fractions, protocol, jax.random.fold_in(key, number)))
        )
    return Turns(np.stack(signal)[:, :, 0], geometry, protocol)


def reconstruct_planes(
    turns: Turns, grid: Grid, window: Window, *, bone_correction: bool = False
) -> Float[np.ndarray, "x y z"]:
    """The image in HU, plane by plane; with `bone_correction` beam hardening in bone is corrected as that in water is."""
    plane = one_plane(grid)
    image = _image_with_bone if bone_correction else _image
    made = [
        np.asarray(image(part, turns.geometry, turns.protocol, plane, window))[..., 0]
        for part in turns.signal[:, :, None]
    ]
    return np.stack(made, axis=-1)


def one_plane(grid: Grid) -> Grid:
    """A plane of the grid, brought to z = 0."""
    x, y, _ = (float(c) for c in grid.origin)
    return Grid((*grid.shape[:2], 1), grid.spacing, (x, y, 0.0))


@lru_cache(maxsize=4)
def _turn(place: tuple, views: int, pixel_size: float, materials: int) -> Callable[..., Array | np.ndarray]:
    """One turn as a compiled program; grid and geometry are numbers that can be looked at, the patient is traced."""
    shape, spacing, origin = place
    plane = Grid(shape, spacing, origin)
    geometry = axial_fan(plane, views, pixel_size)

    def turn(tissues, ids, fractions, protocol, key):
        return scan(
            Phantom(plane, tissues, ids, fractions), geometry, protocol, key, materials=materials
        ).signal

    return eqx.filter_jit(turn)


@eqx.filter_jit
def _image(signal, geometry, protocol, plane: Grid, window: Window):
    return reconstruct(Readings(jnp.asarray(signal), geometry, protocol), plane, window=window)


@eqx.filter_jit
def _image_with_bone(signal, geometry, protocol, plane: Grid, window: Window):
    return reconstruct_with_bone(Readings(jnp.asarray(signal), geometry, protocol), plane, window=window)


@eqx.filter_jit
def _log(signal, geometry, protocol):
    return Readings(signal, geometry, protocol).log()
