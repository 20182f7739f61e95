"""DICOM out: a digital X-ray image as it is looked at, one file, marked as synthetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physim_phantoms import InputError

from .atomic import atomic_folder
from .dicom_encode import Template
from .dicom_tags import (
    Case,
    Number,
    case_attributes,
    code,
    image_attributes,
    number,
    series_attributes,
    unique_id,
)
from .orientation import require_finite_voxels

if TYPE_CHECKING:
    from pydicom import Dataset

DIGITAL_X_RAY_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
_LARGEST = 4095

# The code of every view (CID 4010), and the directions in which rows and columns of the upright image run.
_VIEWS = {
    "AP": (("399348003", "SCT", "antero-posterior"), ["L", "F"]),
    "PA": (("272479007", "SCT", "postero-anterior"), ["L", "F"]),
    "LL": (("399173006", "SCT", "left lateral"), ["P", "F"]),
    "RL": (("399198007", "SCT", "right lateral"), ["P", "F"]),
}
_REGIONS = {"CHEST": ("816094009", "SCT", "Chest")}  # CID 4009


@dataclass(frozen=True, kw_only=True)
class DXSeries:
    """One digital radiograph, processed for display.

    - `view`: where the beam enters and leaves, `"PA"` or `"AP"`; `"LL"` or `"RL"`: the side at the detector.
    - `pixel_size`: between rows and between columns, at the detector, mm. - `kvp`: kV; `mas`: mAs.
    - `source_to_detector`, `source_to_patient`: mm. - `grid_ratio`: of the antiscatter grid, if there is one.

    Good values: `DXSeries(view="PA", pixel_size=(0.15, 0.15), kvp=120.0, mas=2.5, source_to_detector=1850.0)`.
    Raises `InputError` for an unknown view and sizes that are not positive.
    """

    view: str
    pixel_size: tuple[Number, Number]
    kvp: Number
    mas: Number
    source_to_detector: Number
    source_to_patient: Number | None = None
    grid_ratio: Number | None = None
    description: str = "Radiograph"
    number: int = 1

    def __post_init__(self) -> None:
        if self.view not in _VIEWS:
            raise InputError(f"view is {self.view!r}; it must be one of {', '.join(_VIEWS)}")
        sizes = {"pixel_size": min(self.pixel_size), "source_to_detector": self.source_to_detector}
        if self.source_to_patient is not None:
            sizes["source_to_patient"] = self.source_to_patient
        for name, size in sizes.items():
            if not size > 0:
                raise InputError(f"{name} is {size} mm; it must be positive")

    def attributes(self, data: Dataset) -> None:
        """Sets what the DX modules (PS3.3 C.8.11) and the X-ray acquisition modules (C.8.7.8) ask for."""
        data.SOPClassUID = DIGITAL_X_RAY_FOR_PRESENTATION
        data.PresentationIntentType = "FOR PRESENTATION"
        data.ImageType = ["DERIVED", "SECONDARY", ""]
        data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LOG", -1
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
        data.PresentationLUTShape = "IDENTITY"
        # The linear window of PS3.3 C.11.2.1.2 that leaves 0 to 4095 as they are.
        data.WindowCenter, data.WindowWidth = "2048", "4096"
        data.DetectorType = "SCINTILLATOR"
        data.ImagerPixelSpacing = [number(size) for size in self.pixel_size]
        data.AcquisitionContextSequence = []
        data.KVP = number(self.kvp)
        data.Exposure = max(0, round(self.mas))  # an integer string by the standard
        data.ExposureInuAs = max(0, round(1000 * self.mas))
        self._positioning(data)
        if self.grid_ratio is not None:
            data.Grid = ["RECIPROCATING", "FOCUSED"]
            data.GridAspectRatio = [round(100 * self.grid_ratio), 100]

    def _positioning(self, data: Dataset) -> None:
        view, data.PatientOrientation = _VIEWS[self.view]
        data.ViewPosition = self.view
        data.ViewCodeSequence = [code(*view)]
        data.PositionerType = "COLUMN"
        data.DistanceSourceToDetector = number(self.source_to_detector)
        if self.source_to_patient is not None:
            data.DistanceSourceToPatient = number(self.source_to_patient)
            data.EstimatedRadiographicMagnificationFactor = number(
                self.source_to_detector / self.source_to_patient
            )


def write_dicom_radiograph(
    folder: str | Path, image: object, series: DXSeries, case: Case, *, replace: bool = False
) -> Path:
    """Writes `[row, column]` display values, 0 black to 1 white, as one DICOM file into a new `folder`; returns the folder.

    The image is upright: the head at the top, and at the left the patient's right, or in lateral views the front. Values
    are stored in 12 bits, 4095 is white. The same input gives the same bytes; UIDs are made as for `write_dicom_series`.

    Raises `InputError` for what is not a plane of numbers from 0 to 1; `OSError` as `write_dicom_series`.
    """
    stored = _stored(image)
    data = _common(stored.shape, series, case)
    with atomic_folder(folder, replace=replace) as temporary:
        content = Template(data).file(_instance(data), stored.tobytes())
        (temporary / "image-0001.dcm").write_bytes(content)
    return Path(folder)


def _stored(image: object) -> np.ndarray:
    values = np.asarray(image)
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "buif":
        raise InputError(
            f"the radiograph has shape {values.shape} and type {values.dtype}; it must be real, [row, column]"
        )
    require_finite_voxels("the radiograph", values, "replace them before writing")
    if values.min() < 0 or values.max() > 1:
        raise InputError(
            f"the radiograph has values from {values.min():g} to {values.max():g}; it must be scaled to 0 (black) to 1 "
            "(white), as physim.ct.presentation does"
        )
    return np.rint(_LARGEST * values.astype(np.float64)).astype("<u2")


def _common(shape: tuple[int, ...], series: DXSeries, case: Case) -> Dataset:
    from pydicom import Dataset

    data = Dataset()
    case_attributes(data, case)
    series_attributes(data, case, "DX", series.number, series.description)
    image_attributes(data, *shape)
    data.ImageLaterality = "U"
    data.pop("Laterality", None)  # the image has one of its own
    region = _REGIONS.get(case.body_part)
    data.AnatomicRegionSequence = [code(*region)] if region else []
    series.attributes(data)
    return data


def _instance(data: Dataset) -> Dataset:
    from pydicom import Dataset

    own = Dataset()
    own.SOPInstanceUID = unique_id(data.SeriesInstanceUID, 0)
    own.InstanceNumber = 1
    return own
