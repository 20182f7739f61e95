"""What a DICOM series says about itself: the case, the acquisition, and the attributes they become."""

from __future__ import annotations

import hashlib
import math
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physim_phantoms import InputError

if TYPE_CHECKING:
    from pydicom import Dataset

Number = float | int
MANUFACTURER = "physim"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
_EMPTY = (  # type 2 attributes whose value is unknown or, for dates, must not depend on the clock
    "AccessionNumber",
    "ContentDate",
    "ContentTime",
    "PatientBirthDate",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyTime",
)
PROTON_MHZ_PER_TESLA = 42.577478  # CODATA 2018, proton in vacuum


@dataclass(frozen=True, kw_only=True)
class Case:
    """Whose images these are: one synthetic patient and one study of it.

    Equal cases get equal study and frame-of-reference UIDs, so that all series of a case lie in one space.

    - `case_id`: becomes the patient ID, with the prefix `SYN-`.
    - `study`: what tells this run from others, for example the recipe's name and its key; enters every UID.
    - `record_hash`: SHA-256 of the case's record; enters the derivation description.
    - `sex`: `"F"`, `"M"`, `"O"` or nothing; `age`: years; `height`: cm; `weight`: kg.
    - `body_part`: a DICOM body part such as `"BRAIN"`, `"HEAD"`, `"CHEST"`.
    - `version`: of physim; `source`: the real data that entered, in plain words.

    Good values: `Case(case_id="case-0001", study="brain-glioma-mri seed 7", sex="F", age=61.0)`.
    Raises `InputError` for an empty id, an unknown sex, or numbers that no person has.
    """

    case_id: str
    study: str = ""
    record_hash: str = ""
    sex: str = ""
    age: Number | None = None
    height: Number | None = None
    weight: Number | None = None
    body_part: str = ""
    version: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.case_id.strip() or "\\" in self.case_id or len(self.case_id) > 60:
            raise InputError(
                f"case_id is {self.case_id!r}; it must be 1 to 60 characters without a backslash"
            )
        if not re.fullmatch(r"[A-Z0-9 _]{0,16}", self.body_part):
            raise InputError(f"body_part is {self.body_part!r}; it must be at most 16 capitals, like 'BRAIN'")
        if self.sex not in ("", "F", "M", "O"):
            raise InputError(f"sex is {self.sex!r}; it must be 'F', 'M', 'O' or ''")
        for name, value, high, unit in (
            ("age", self.age, 130.0, "years"),
            ("height", self.height, 260.0, "cm"),
            ("weight", self.weight, 500.0, "kg"),
        ):
            if value is not None and not 0 <= value <= high:
                raise InputError(f"{name} is {value}; it must lie between 0 and {high:g} {unit}")


@dataclass(frozen=True, kw_only=True)
class CTSeries:
    """One CT series in Hounsfield units.

    - `kvp`: tube voltage, kV; `mas`: tube current-time product per rotation, mAs.
    - `kernel`: name of the reconstruction kernel; `window`: centre and width in HU that a viewer starts with.
    - `slice_thickness`: mm, if it differs from the slice spacing.

    Good values: window (40, 80) brain, (40, 400) soft tissue, (-600, 1500) lung, (400, 1800) bone.
    """

    description: str = "CT"
    number: int = 1
    kvp: Number = 120.0
    mas: Number | None = None
    kernel: str = ""
    window: tuple[Number, Number] = (40.0, 400.0)
    slice_thickness: Number | None = None

    @property
    def modality(self) -> str:
        """DICOM's name of the modality."""
        return "CT"

    def attributes(self, data: Dataset) -> None:
        """Sets what the CT Image module (PS3.3 C.8.2.1) asks for."""
        data.SOPClassUID = CT_IMAGE_STORAGE
        data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        data.KVP = number(self.kvp)
        if self.mas is not None:
            data.Exposure = max(0, round(self.mas))  # an integer string by the standard
            data.ExposureInuAs = max(0, round(1000 * self.mas))
        if self.kernel:
            data.ConvolutionKernel = text(self.kernel, 16)
        data.RescaleType = "HU"


@dataclass(frozen=True, kw_only=True)
class MRSeries:
    """One MR series of magnitude images.

    - `scanning_sequence`: one or more of `"SE"`, `"IR"`, `"GR"`, `"EP"`, `"RM"`.
    - `sequence_variant`: of `"SK"`, `"MTC"`, `"SS"`, `"TRSS"`, `"SP"`, `"MP"`, `"OSP"`, `"NONE"`.
    - `repetition_time`, `echo_time`, `inversion_time`: s; `flip_angle`: rad; `field_strength`: T.
    - `dimensions`: 2 or 3, the acquisition; `echo_train_length`: echoes per excitation.
    - `window`: centre and width in the array's own unit; taken from the image unless given.

    Good values: `MRSeries(description="T1", scanning_sequence=("GR",), sequence_variant=("SP",),
    repetition_time=0.02, echo_time=0.004, flip_angle=0.35)`.
    """

    description: str = "MR"
    number: int = 1
    scanning_sequence: tuple[str, ...] = ("SE",)
    sequence_variant: tuple[str, ...] = ("NONE",)
    repetition_time: Number = 0.5
    echo_time: Number = 0.01
    inversion_time: Number | None = None
    flip_angle: Number | None = None
    field_strength: Number = 3.0
    dimensions: int = 3
    echo_train_length: int = 1
    window: tuple[Number, Number] | None = None
    slice_thickness: Number | None = None

    def __post_init__(self) -> None:
        _require_terms("scanning_sequence", self.scanning_sequence, ("SE", "IR", "GR", "EP", "RM"))
        variants = ("SK", "MTC", "SS", "TRSS", "SP", "MP", "OSP", "NONE")
        _require_terms("sequence_variant", self.sequence_variant, variants)
        if self.dimensions not in (2, 3):
            raise InputError(f"dimensions is {self.dimensions}; it must be 2 or 3")
        if "IR" in self.scanning_sequence and self.inversion_time is None:
            raise InputError(
                "scanning_sequence has 'IR' but inversion_time is missing; give it in s, like 2.2"
            )

    @property
    def modality(self) -> str:
        """DICOM's name of the modality."""
        return "MR"

    def attributes(self, data: Dataset) -> None:
        """Sets what the MR Image module (PS3.3 C.8.3.1) asks for; times become ms, angles degrees."""
        data.SOPClassUID = MR_IMAGE_STORAGE
        data.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
        data.ScanningSequence = list(self.scanning_sequence)
        data.SequenceVariant = list(self.sequence_variant)
        data.ScanOptions = ""
        data.MRAcquisitionType = f"{self.dimensions}D"
        data.RepetitionTime = number(1000 * self.repetition_time)
        data.EchoTime = number(1000 * self.echo_time)
        data.EchoTrainLength = self.echo_train_length
        if self.inversion_time is not None:
            data.InversionTime = number(1000 * self.inversion_time)
        if self.flip_angle is not None:
            data.FlipAngle = number(math.degrees(self.flip_angle))
        data.MagneticFieldStrength = number(self.field_strength)
        data.ImagingFrequency = number(self.field_strength * PROTON_MHZ_PER_TESLA)
        data.ImagedNucleus = "1H"
        data.RescaleType = "US"


def number(value: Number) -> str:
    """A decimal string (VR DS) of at most 16 characters, as many digits as fit."""
    for digits in range(12, 0, -1):
        text = f"{float(value):.{digits}g}"
        if len(text) <= 16:
            return "0" if float(text) == 0 else text
    raise InputError(f"{value!r} does not fit a DICOM decimal string")


def text(value: str, limit: int) -> str:
    """A DICOM string: no backslash (it separates values), no control characters, cut at `limit`."""
    return re.sub(r"[\\\x00-\x1f]", " ", value)[:limit]


def unique_id(*parts: object) -> str:
    """A UID under the arc of UUIDs (2.25, PS3.5 B.2) that depends on nothing but `parts`."""
    digest = hashlib.sha256("\x1f".join(["physim", *map(str, parts)]).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"


def case_attributes(data: Dataset, case: Case) -> None:
    """Patient, study and equipment modules, and the marks that say that all is synthetic.

    Dates and times are left empty, as their types allow: nothing here depends on when it ran.
    """
    data.SpecificCharacterSet = "ISO_IR 192"
    data.PatientID = f"SYN-{case.case_id}"
    data.PatientName = f"SYNTHETIC^{case.case_id}"
    data.PatientSex = case.sex
    if case.age is not None:
        data.PatientAge = f"{int(case.age):03d}Y"
    if case.height is not None:
        data.PatientSize = number(case.height / 100)
    if case.weight is not None:
        data.PatientWeight = number(case.weight)
    data.StudyInstanceUID = unique_id(case.study, case.case_id, "study")
    data.StudyDescription = text(case.study or "synthetic", 64)
    data.StudyID = "1"
    for keyword in _EMPTY:
        setattr(data, keyword, "")
    if case.body_part:
        data.BodyPartExamined = case.body_part
    else:
        data.Laterality = ""  # type 2C: unknown only as long as the body part is
    _equipment(data, case)


def space_attributes(data: Dataset, case: Case) -> None:
    """Frame of reference: all volumes of a case lie in one space, the patient on the back with the head first."""
    data.FrameOfReferenceUID = unique_id(case.study, case.case_id, "frame of reference")
    data.PositionReferenceIndicator = ""
    data.PatientPosition = "HFS"


def image_attributes(data: Dataset, rows: int, columns: int) -> None:
    """Image pixel module of one grey plane of 12 bits without loss, bright where its numbers are large."""
    data.AcquisitionNumber = 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = rows, columns
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"


def series_attributes(data: Dataset, case: Case, modality: str, number: int, description: str) -> None:
    """General series module; its UID depends on the case and on what is given here."""
    data.Modality = modality
    data.SeriesInstanceUID = unique_id(case.study, case.case_id, modality, number, description)
    data.SeriesNumber, data.SeriesDescription = number, text(description, 64)
    data.ProtocolName = text(description, 64)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence (PS3.3 8.8)."""
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _equipment(data: Dataset, case: Case) -> None:
    from pydicom import Dataset

    data.SyntheticData = "YES"
    data.Manufacturer = MANUFACTURER
    data.ManufacturerModelName = "physim virtual scanner"
    data.SoftwareVersions = case.version or "unknown"
    equipment = Dataset()
    equipment.Manufacturer = MANUFACTURER
    equipment.ManufacturerModelName = "physim"
    equipment.SoftwareVersions = case.version or "unknown"
    equipment.ContributionDescription = (
        "Simulated from a digital phantom; no patient was scanned for this image"
    )
    equipment.PurposeOfReferenceCodeSequence = [code("109100", "DCM", "Synthesizing Equipment")]
    data.ContributingEquipmentSequence = [equipment]
    derivation = "Synthetic image simulated by physim"
    derivation += f" from {case.source}" if case.source else ""
    derivation += f"; record SHA-256 {case.record_hash}" if case.record_hash else ""
    data.DerivationDescription = text(derivation, 1024)


def _require_terms(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not given or any(term not in known for term in given):
        raise InputError(f"{name} is {given!r}; it must be one or more of {', '.join(known)}")
