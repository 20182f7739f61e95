"""Raw data of one case on disk: fastMRI files of slices, MRD files of lines, and the sensitivities behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from physim.io import (
    Encoding,
    EncodingLimits,
    EncodingSpace,
    Limit,
    MRDHeader,
    RawAcquisitions,
    cartesian_acquisitions,
    write_fastmri,
    write_hdf5,
    write_mrd,
)
from physim_phantoms import Grid

from .accelerated_scan import Acquisition, sliced
from .recipe_accelerated import AcceleratedMriRecipe

_FASTMRI = {"t1w": "AXT1", "t2w": "AXT2", "pd": "AXPD"}
_DWELL = 1e-5  # s


def write_raw(
    recipe: AcceleratedMriRecipe, folder: Path, scan: Acquisition, patient_id: str, sex: str, field: float
) -> None:
    """full and undersampled, .h5 and .mrd each, and coil_maps.h5. The undersampled data are the same samples, noise and all."""
    said = _said(scan, recipe, patient_id, sex, field)
    _write_slices(recipe, folder, scan, said)
    _write_lines(recipe, folder, scan, said)
    write_hdf5(
        folder / "coil_maps.h5",
        {"sensitivities": scan.maps, "noise_covariance": scan.covariance},
        scan.grid,
        array_attributes={
            "sensitivities": {"units": "1", "axes": "coil, x, y, z"},
            "noise_covariance": {"units": "1", "image_noise_of_a_uniform_coil": scan.deviation},
        },
    )


def _write_slices(
    recipe: AcceleratedMriRecipe, folder: Path, scan: Acquisition, said: dict[str, Any]
) -> None:
    """fastMRI's layout: 2-D k-space of every plane of voxels."""
    slices, acquired = sliced(scan.samples, scan.grid), scan.lines.acquired
    kept = np.where(acquired, slices, np.zeros((), slices.dtype))
    x, y, z = scan.grid.shape
    width, depth, height = (float(edge) for edge in scan.grid.extent)
    space = EncodingSpace((x, y, 1), (width, depth, height / z))
    limits = EncodingLimits(slice=Limit(0, z - 1, z // 2))
    header = MRDHeader(encodings=(Encoding(encoded=space, limits=limits),), **said)
    kind = _FASTMRI[recipe.sequences.contrast]
    write_fastmri(folder / "full.h5", slices, header, acquisition=kind)
    header = MRDHeader(encodings=(_undersampled(recipe, space, limits),), **said)
    write_fastmri(folder / "undersampled.h5", kept, header, mask=acquired, acquisition=kind)


def _write_lines(recipe: AcceleratedMriRecipe, folder: Path, scan: Acquisition, said: dict[str, Any]) -> None:
    """MRD's layout: the lines of the 3-D scan as they were read out, those that were acquired."""
    width, depth, height = (float(edge) for edge in scan.grid.extent)
    space = EncodingSpace(scan.grid.shape, (width, depth, height))
    samples, planes = scan.samples[None], scan.grid.shape[2]
    timing: dict[str, Any] = {"dwell": _DWELL, "tr": float(scan.sequence.tr)}
    header = MRDHeader(encodings=(Encoding(encoded=space),), **said)
    write_mrd(folder / "full.mrd", _placed(cartesian_acquisitions(samples, **timing), scan.grid), header)
    acquired, centre = (
        np.repeat(lines[:, None], planes, axis=1) for lines in (scan.lines.acquired, scan.lines.centre)
    )
    lines = cartesian_acquisitions(samples, acquired=acquired, calibration=centre, **timing)
    header = MRDHeader(encodings=(_undersampled(recipe, space, EncodingLimits()),), **said)
    write_mrd(folder / "undersampled.mrd", _placed(lines, scan.grid), header)


def _placed(lines: RawAcquisitions, grid: Grid) -> RawAcquisitions:
    """Lines with the place and the axes of the box in the world."""
    read, phase, through = (np.asarray(axis, float) for axis in np.asarray(grid.direction).T)
    return replace(lines, position=np.asarray(grid.centre, float), read=read, phase=phase, slice=through)


def _undersampled(recipe: AcceleratedMriRecipe, space: EncodingSpace, limits: EncodingLimits) -> Encoding:
    calibration = "embedded" if recipe.sampling.centre_lines else ""
    factors = (recipe.sampling.acceleration, 1)
    return Encoding(encoded=space, limits=limits, acceleration=factors, calibration=calibration)


def _said(
    scan: Acquisition, recipe: AcceleratedMriRecipe, patient_id: str, sex: str, field: float
) -> dict[str, Any]:
    """What the headers of all files say alike."""
    sequence = scan.sequence
    return {
        "field": field,
        "receiver_channels": scan.maps.shape[0],
        "tr": float(sequence.tr),
        "te": float(sequence.te),
        "flip_angle": float(getattr(sequence, "flip_angle", np.pi / 2)),
        "sequence_type": type(sequence).__name__,
        "protocol": f"{recipe.sequences.contrast}, synthetic",
        "patient_id": patient_id,
        "sex": sex,
    }
