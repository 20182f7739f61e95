"""What raw MR data say about themselves: encoding, sequence, scanner and subject, in s, rad, mm and T."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from physim_phantoms import InputError

Number = float | int
TRAJECTORIES = ("cartesian", "epi", "radial", "goldenangle", "spiral", "other")
PATIENT_POSITIONS = ("HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL")
LARGEST = 65535  # the format counts in 16 bits


@dataclass(frozen=True)
class EncodingSpace:
    """A matrix over a field of view: `matrix` along read, phase and slice, `field_of_view` in mm.

    Good values: `EncodingSpace((256, 256, 1), (240.0, 240.0, 5.0))`; a 2-D slice has its thickness in third place.
    Raises `InputError` for anything but three whole numbers from 1 to 65535 and three lengths above 0.
    """

    matrix: tuple[int, int, int]
    field_of_view: tuple[Number, Number, Number]

    def __post_init__(self) -> None:
        for size in _three("matrix", self.matrix):
            _require_count("matrix", size, 1)
        lengths = tuple(float(length) for length in _three("field_of_view", self.field_of_view))
        for length in lengths:
            _require_number("field_of_view", length, 1e-6, 1e5, "mm")
        object.__setattr__(self, "matrix", tuple(int(size) for size in self.matrix))
        object.__setattr__(self, "field_of_view", lengths)

    @property
    def voxel(self) -> tuple[float, float, float]:
        """Edges of one voxel, mm."""
        return tuple(length / n for length, n in zip(self.field_of_view, self.matrix, strict=True))  # type: ignore[return-value]


@dataclass(frozen=True)
class Limit:
    """The range of a counter, `minimum` to `maximum`, and the value `centre` at which k = 0."""

    minimum: int = 0
    maximum: int = 0
    centre: int = 0

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum", "centre"):
            _require_count(name, getattr(self, name), 0)
        if not self.minimum <= self.centre <= self.maximum:
            raise InputError(
                f"limit has minimum {self.minimum}, centre {self.centre}, maximum {self.maximum}; "
                "they must rise in this order"
            )


@dataclass(frozen=True, kw_only=True)
class EncodingLimits:
    """Ranges of the counters; what is None is not said."""

    kspace_encoding_step_0: Limit | None = None
    kspace_encoding_step_1: Limit | None = None
    kspace_encoding_step_2: Limit | None = None
    average: Limit | None = None
    slice: Limit | None = None
    contrast: Limit | None = None
    phase: Limit | None = None
    repetition: Limit | None = None
    set: Limit | None = None
    segment: Limit | None = None


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How k-space was covered.

    - `encoded`: the sampled matrix and its field of view, read-out oversampling included; `recon`: what images shall
      have (None: the same).
    - `limits`: of the counters; the three k-space steps default to the whole matrix with k = 0 at floor(M/2).
    - `trajectory`: one of `"cartesian"`, `"epi"`, `"radial"`, `"goldenangle"`, `"spiral"`, `"other"`.
    - `acceleration`: of parallel imaging along phase and slice; `calibration`: `""`, or `"embedded"`, `"interleaved"`,
      `"separate"`, `"external"`, `"other"`.
    - `echo_train_length`: echoes per excitation, if said.
    """

    encoded: EncodingSpace
    recon: EncodingSpace | None = None
    limits: EncodingLimits = field(default_factory=EncodingLimits)
    trajectory: str = "cartesian"
    acceleration: tuple[int, int] = (1, 1)
    calibration: str = ""
    echo_train_length: int | None = None

    def __post_init__(self) -> None:
        _require_choice("trajectory", self.trajectory, TRAJECTORIES)
        _require_choice(
            "calibration", self.calibration, ("", "embedded", "interleaved", "separate", "external", "other")
        )
        for factor in self.acceleration:
            _require_count("acceleration", factor, 1)
        if self.recon is None:
            object.__setattr__(self, "recon", self.encoded)
        stated = {name: value for name, value in vars(self.limits).items() if value is not None}
        whole = {
            f"kspace_encoding_step_{axis}": Limit(0, size - 1, size // 2)
            for axis, size in enumerate(self.encoded.matrix)
        }
        object.__setattr__(self, "limits", EncodingLimits(**(whole | stated)))

    @property
    def image(self) -> EncodingSpace:
        """The space of the images, `recon` or else `encoded`."""
        return self.recon or self.encoded


@dataclass(frozen=True, kw_only=True)
class MRDHeader:
    """The header of raw MR data.

    - `field`: T; `receiver_channels`: coils of the scanner, 0 if not said.
    - `tr`, `te`, `ti`: s; `flip_angle`: rad; each a number or several.
    - `sex`: `"F"`, `"M"`, `"O"` or nothing; `weight`: kg; `patient_position`: a DICOM code.

    Good values: `MRDHeader(encodings=(Encoding(encoded=space),), field=3.0, receiver_channels=8, tr=0.5, te=0.01)`.
    Raises `InputError` for no encoding, numbers no scanner has, and unknown codes.
    """

    encodings: tuple[Encoding, ...]
    field: Number
    receiver_channels: int = 0
    tr: Number | Sequence[Number] = ()
    te: Number | Sequence[Number] = ()
    ti: Number | Sequence[Number] = ()
    flip_angle: Number | Sequence[Number] = ()
    sequence_type: str = ""
    protocol: str = ""
    vendor: str = "physim"
    model: str = ""
    patient_id: str = ""
    patient_name: str = ""
    sex: str = ""
    weight: Number | None = None
    patient_position: str = "HFS"

    def __post_init__(self) -> None:
        if not self.encodings:
            raise InputError("encodings is empty; a header needs at least one Encoding")
        _require_number("field", self.field, 1e-6, 100.0, "T")
        _require_count("receiver_channels", self.receiver_channels, 0)
        for name, high, unit in (
            ("tr", 1e4, "s"),
            ("te", 1e4, "s"),
            ("ti", 1e4, "s"),
            ("flip_angle", 20.0, "rad"),
        ):
            object.__setattr__(self, name, _several(name, getattr(self, name), high, unit))
        object.__setattr__(self, "encodings", tuple(self.encodings))
        _require_choice("sex", self.sex, ("", "F", "M", "O"))
        _require_choice("patient_position", self.patient_position, PATIENT_POSITIONS)
        if self.weight is not None:
            _require_number("weight", self.weight, 0.0, 1000.0, "kg")


def _three(name: str, values: Sequence) -> Sequence:
    if len(values) != 3:
        raise InputError(f"{name} has {len(values)} values; it must have three, along read, phase and slice")
    return values


def _several(name: str, values: Number | Sequence[Number], high: float, unit: str) -> tuple[float, ...]:
    numbers = tuple(float(v) for v in (values if isinstance(values, Sequence) else (values,)))
    for value in numbers:
        _require_number(name, value, 0.0, high, unit)
    return numbers


def _require_number(name: str, value: Number, low: float, high: float, unit: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{name} is {value}; it must lie between {low:g} and {high:g} {unit}")


def _require_count(name: str, value: Number, low: int) -> None:
    if value != int(value) or not low <= value <= LARGEST:
        raise InputError(f"{name} is {value}; it must be a whole number from {low} to {LARGEST}")


def _require_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; it must be one of {', '.join(repr(c) for c in choices)}")
