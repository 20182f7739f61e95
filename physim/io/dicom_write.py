"""DICOM out: a classic single-frame CT or MR series, one file per slice, marked as synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physim_phantoms import Grid, InputError

from .atomic import atomic_folder
from .dicom_encode import Template
from .dicom_tags import (
    Case,
    CTSeries,
    MRSeries,
    case_attributes,
    image_attributes,
    number,
    series_attributes,
    space_attributes,
    unique_id,
)
from .orientation import closest_canonical, ras_from_lps, require_finite_voxels, require_volume

if TYPE_CHECKING:
    from pydicom import Dataset

_HU_OFFSET, _TWELVE_BITS = 1024, 4095


def write_dicom_series(
    folder: str | Path,
    array: object,
    grid: Grid,
    series: CTSeries | MRSeries,
    case: Case,
    *,
    replace: bool = False,
) -> Path:
    """Writes `[x, y, z]` voxels as one DICOM file per axial slice into a new `folder`; returns the folder.

    The folder appears whole or not at all.

    CT: HU, stored as HU + 1024 in 12 bits (clipped to -1024...3071), rescale intercept -1024, slope 1.
    MR: magnitudes of 0 and more, stored in 12 bits with the rescale slope that brings the values back.
    Axes are turned to the nearest of right, anterior, superior first; rotations stay in the orientation.
    The same input gives the same bytes, dates are empty, and UIDs come from the case (`study`, `case_id`) and
    the series (modality, `number`, `description`): give each series of a case its own number.

    Raises `InputError` for a wrong shape, NaN, negative MR values; `OSError` for an existing folder (unless
    `replace`), a full disk or a folder that cannot be written.
    """
    voxels = require_volume("the image", array, grid)
    require_finite_voxels(
        "the image", voxels, "replace them before writing, for example with numpy.nan_to_num"
    )
    voxels, grid = closest_canonical(voxels, grid)
    stored, slope, intercept = _stored(voxels, series)
    common = _common(grid, series, case, slope, intercept, _window(voxels, series))
    # x and y run backwards in the file: rows from front to back, columns from the patient's right to left.
    planes = np.ascontiguousarray(stored[::-1, ::-1].transpose(2, 1, 0)).astype("<u2", copy=False)
    corner = np.array([grid.shape[0] - 1, grid.shape[1] - 1, 0])
    template = Template(common)
    with atomic_folder(folder, replace=replace) as temporary:
        for index, plane in enumerate(planes):
            position = ras_from_lps(grid.index_to_world(corner + np.array([0, 0, index])))
            content = template.file(_slice(common.SeriesInstanceUID, index, position, grid), plane.tobytes())
            (temporary / f"slice-{index + 1:04d}.dcm").write_bytes(content)
    return Path(folder)


def _common(grid: Grid, series: CTSeries | MRSeries, case: Case, slope: float, intercept: float, window):
    from pydicom import Dataset

    data = Dataset()
    case_attributes(data, case)
    space_attributes(data, case)
    series_attributes(data, case, series.modality, series.number, series.description)
    image_attributes(data, grid.shape[1], grid.shape[0])
    spacing, direction = np.asarray(grid.spacing), np.asarray(grid.direction)
    cosines = ras_from_lps(np.stack([-direction[:, 0], -direction[:, 1]])).ravel()
    data.ImageOrientationPatient = [number(c) for c in cosines]
    data.PixelSpacing = [number(spacing[1]), number(spacing[0])]  # between rows first
    data.SliceThickness = number(series.slice_thickness or spacing[2])
    data.SpacingBetweenSlices = number(spacing[2])
    data.RescaleIntercept, data.RescaleSlope = number(intercept), number(slope)
    data.WindowCenter, data.WindowWidth = number(window[0]), number(window[1])
    series.attributes(data)
    return data


def _slice(series_uid: str, index: int, position: np.ndarray, grid: Grid) -> Dataset:
    from pydicom import Dataset

    own = Dataset()
    own.SOPInstanceUID = unique_id(series_uid, index)
    own.InstanceNumber = index + 1
    own.ImagePositionPatient = [number(round(p, 6)) for p in position]
    own.SliceLocation = number(round(float(index * np.asarray(grid.spacing)[2]), 6))
    return own


def _stored(voxels: np.ndarray, series: CTSeries | MRSeries) -> tuple[np.ndarray, float, float]:
    if isinstance(series, CTSeries):
        stored = np.clip(np.rint(voxels) + _HU_OFFSET, 0, _TWELVE_BITS)
        return stored.astype(np.uint16), 1.0, -float(_HU_OFFSET)
    if voxels.min() < 0:
        raise InputError(
            f"the MR image has values down to {voxels.min():g}; write the magnitude, numpy.abs(image)"
        )
    # The slope as the file spells it, so that reading multiplies by what writing divided by.
    slope = float(number(float(voxels.max()) / _TWELVE_BITS or 1.0))
    return np.minimum(np.rint(voxels / slope), _TWELVE_BITS).astype(np.uint16), slope, 0.0


def _window(voxels: np.ndarray, series: CTSeries | MRSeries) -> tuple[float, float]:
    if series.window is not None:
        return series.window
    bright = float(np.percentile(voxels[::2, ::2, ::2], 99.5)) or 1.0
    return bright / 2, bright
