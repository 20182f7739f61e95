"""Read-outs of an MR scan with everything that says where in k-space, space and time they were taken."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Array, Complex, Float, Integer

from physim_phantoms import InputError
from physim_phantoms._checks import require_finite

Counts = Integer[np.ndarray, " acquisition"] | int
Numbers = Float[np.ndarray, " acquisition"] | float | int
Vectors = Float[np.ndarray, "acquisition 3"] | Float[np.ndarray, "3"] | tuple[float, float, float]
MOST_CHANNELS = 1024  # bits in the format's channel mask


class AcquisitionFlag(enum.IntFlag):
    """Bits of `RawAcquisitions.flags`, by the names of the format."""

    FIRST_IN_ENCODE_STEP1 = 1 << 0
    LAST_IN_ENCODE_STEP1 = 1 << 1
    FIRST_IN_ENCODE_STEP2 = 1 << 2
    LAST_IN_ENCODE_STEP2 = 1 << 3
    FIRST_IN_AVERAGE = 1 << 4
    LAST_IN_AVERAGE = 1 << 5
    FIRST_IN_SLICE = 1 << 6
    LAST_IN_SLICE = 1 << 7
    FIRST_IN_CONTRAST = 1 << 8
    LAST_IN_CONTRAST = 1 << 9
    FIRST_IN_PHASE = 1 << 10
    LAST_IN_PHASE = 1 << 11
    FIRST_IN_REPETITION = 1 << 12
    LAST_IN_REPETITION = 1 << 13
    FIRST_IN_SET = 1 << 14
    LAST_IN_SET = 1 << 15
    FIRST_IN_SEGMENT = 1 << 16
    LAST_IN_SEGMENT = 1 << 17
    IS_NOISE_MEASUREMENT = 1 << 18
    IS_PARALLEL_CALIBRATION = 1 << 19
    IS_PARALLEL_CALIBRATION_AND_IMAGING = 1 << 20
    IS_REVERSE = 1 << 21
    IS_NAVIGATION_DATA = 1 << 22
    IS_PHASECORR_DATA = 1 << 23
    LAST_IN_MEASUREMENT = 1 << 24
    IS_DUMMYSCAN_DATA = 1 << 26


@dataclass(frozen=True, kw_only=True, eq=False)
class Counters:
    """Which of its kind each read-out is: a number for all of them, or one per read-out.

    `kspace_encode_step_1` counts the phase-encoding lines of the matrix, `kspace_encode_step_2` the partitions of a 3-D scan.
    """

    kspace_encode_step_1: Counts = 0
    kspace_encode_step_2: Counts = 0
    average: Counts = 0
    slice: Counts = 0
    contrast: Counts = 0
    phase: Counts = 0
    repetition: Counts = 0
    set: Counts = 0
    segment: Counts = 0
    user: Integer[np.ndarray, "acquisition 8"] | int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class RawAcquisitions:
    """Read-outs of one length and number of coils, in the order of their acquisition.

    Everything but `samples` may be one value for all of them; it is spread over the read-outs.

    - `samples`: receiver signal, kept in single precision as the format does.
    - `counters`: see `Counters`; `encoding`: index of the header's encoding; `flags`: sum of `AcquisitionFlag`s.
    - `centre_sample`: the sample at k = 0; None is floor(samples/2).
    - `dwell`: s between samples, 0 if not known; `time`: s since the clock's zero, kept to 1 ms.
    - `trajectory`: k, cycles/mm along read, phase and slice (2 or 3 of them); None where the counters say it all.
    - `position`: of the slice's or slab's middle, mm RAS+, `table`: of the patient table; `read`, `phase`, `slice`: unit
      vectors of the axes in RAS+.
    - `scan_counter`: None counts from 0; `measurement`: number of the measurement; `physiology`: time stamps of the
      three physiological clocks in their own unit; `discard`: samples to leave out at the start and at the end.
    - `available_channels`: coils of the scanner, None: those that are here; `user_int`, `user_float`: free.

    Good values: `RawAcquisitions(samples=lines, counters=Counters(kspace_encode_step_1=np.arange(len(lines))), dwell=5e-6)`.
    Raises `InputError` for NaN, empty or mismatched arrays, and numbers that the format cannot hold.
    """

    samples: Complex[np.ndarray, "acquisition coil sample"] | Complex[Array, "acquisition coil sample"]
    counters: Counters = field(default_factory=Counters)
    dwell: Numbers = 1e-5
    time: Numbers = 0.0
    trajectory: (
        Float[np.ndarray, "acquisition sample dimension"]
        | Float[Array, "acquisition sample dimension"]
        | None
    ) = None
    encoding: Counts = 0
    flags: Counts = 0
    centre_sample: Counts | None = None
    position: Vectors = (0.0, 0.0, 0.0)
    read: Vectors = (1.0, 0.0, 0.0)
    phase: Vectors = (0.0, 1.0, 0.0)
    slice: Vectors = (0.0, 0.0, 1.0)
    table: Vectors = (0.0, 0.0, 0.0)
    scan_counter: Counts | None = None
    measurement: Counts = 0
    physiology: Integer[np.ndarray, "acquisition 3"] | int = 0
    discard: Integer[np.ndarray, "acquisition 2"] | int = 0
    available_channels: Counts | None = None
    user_int: Integer[np.ndarray, "acquisition 8"] | int = 0
    user_float: Float[np.ndarray, "acquisition 8"] | float = 0.0

    def __post_init__(self) -> None:
        samples = _samples(self.samples)
        count, coils, length = samples.shape
        whole = {
            "encoding": (self.encoding, (), 0, 65535),
            "centre_sample": (
                length // 2 if self.centre_sample is None else self.centre_sample,
                (),
                0,
                length - 1,
            ),
            "scan_counter": (
                np.arange(count) if self.scan_counter is None else self.scan_counter,
                (),
                0,
                2**32 - 1,
            ),
            "measurement": (self.measurement, (), 0, 2**32 - 1),
            "physiology": (self.physiology, (3,), 0, 2**32 - 1),
            "discard": (self.discard, (2,), 0, length),
            "available_channels": (
                coils if self.available_channels is None else self.available_channels,
                (),
                coils,
                65535,
            ),
            "user_int": (self.user_int, (8,), -(2**31), 2**31 - 1),
        }
        for name, (value, shape, low, high) in whole.items():
            self._set(name, whole_numbers(name, value, (count, *shape), low, high))
        for name in ("position", "read", "phase", "slice", "table"):
            self._set(name, real_numbers(name, getattr(self, name), (count, 3)))
        self._set("samples", samples)
        self._set("dwell", _times("dwell", self.dwell, count, 0.0, 1.0))
        self._set("time", _times("time", self.time, count, 0.0, (2**32 - 1) / 1000))
        self._set("flags", _flags(self.flags, count))
        self._set("user_float", real_numbers("user_float", self.user_float, (count, 8)))
        self._set("counters", _spread_counters(self.counters, count))
        self._set("trajectory", _trajectory(self.trajectory, count, length))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def whole_numbers(name: str, value: object, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """`value` spread to `shape` as int64, or an `InputError` that says what is wrong."""
    array = np.asarray(value)
    if array.dtype.kind not in "ui":
        raise InputError(f"{name} holds {array.dtype}; it must hold whole numbers")
    array = _spread(name, array, shape).astype(np.int64)
    if array.min() < low or array.max() > high:
        raise InputError(
            f"{name} runs from {array.min()} to {array.max()}; it must lie between {low} and {high}"
        )
    return array


def real_numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """`value` spread to `shape` as float64, or an `InputError` that says what is wrong."""
    array = np.asarray(value)
    if array.dtype.kind not in "uif":
        raise InputError(f"{name} holds {array.dtype}; it must hold real numbers")
    require_finite(name, array)
    return _spread(name, array, shape).astype(np.float64)


def _spread(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    # A single triple stands for every read-out; n numbers are never mistaken for the columns of n rows.
    if array.shape not in ((), shape, shape[1:]):
        raise InputError(
            f"{name} has shape {array.shape}; it must be one value for all read-outs, or have shape {shape}"
        )
    return np.broadcast_to(array, shape).copy()


def _samples(value: object) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"samples has shape {array.shape}; it must be [acquisition, coil, sample], none of them empty"
        )
    if array.dtype.kind != "c":
        raise InputError(f"samples holds {array.dtype}; it must be complex")
    require_finite("samples", array)
    if array.shape[1] > MOST_CHANNELS or array.shape[2] > 65535:
        raise InputError(
            f"samples has {array.shape[1]} coils of {array.shape[2]} samples; MRD holds up to {MOST_CHANNELS} of 65535"
        )
    return np.ascontiguousarray(array, dtype=np.complex64)


def _times(name: str, value: object, count: int, low: float, high: float) -> np.ndarray:
    array = real_numbers(name, value, (count,))
    if array.min() < low or array.max() > high:
        raise InputError(
            f"{name} runs from {array.min():g} to {array.max():g} s; it must lie between {low:g} and {high:g} s"
        )
    return array


def _flags(value: object, count: int) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "ui" or (array.dtype.kind == "i" and array.min() < 0):
        raise InputError("flags must be sums of AcquisitionFlag, whole numbers of 0 and more")
    return _spread("flags", array, (count,)).astype(np.uint64)


def _spread_counters(counters: Counters, count: int) -> Counters:
    shapes = {item.name: (count, 8) if item.name == "user" else (count,) for item in fields(counters)}
    return Counters(
        **{
            name: whole_numbers(name, getattr(counters, name), shape, 0, 65535)
            for name, shape in shapes.items()
        }
    )


def _trajectory(value: object, count: int, length: int) -> np.ndarray | None:
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim != 3 or array.shape[:2] != (count, length) or array.shape[2] not in (1, 2, 3):
        raise InputError(
            f"trajectory has shape {array.shape}; it must be [acquisition, sample, dimension] with {count} read-outs of "
            f"{length} samples in 1 to 3 dimensions"
        )
    require_finite("trajectory", array)
    return array.astype(np.float64)
