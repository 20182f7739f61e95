"""Acquisitions as the rows of an MRD table: µs, ms, LPS+ and 16-bit counters there, s, RAS+ and arrays here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from physim_phantoms import InputError

from .mrd_acquisitions import Counters, RawAcquisitions
from .mrd_header import MRDHeader
from .orientation import ras_from_lps

VERSION = 1
COUNTERS = tuple(item.name for item in fields(Counters) if item.name != "user")
_COUNTERS_TYPE = np.dtype([*((name, "<u2") for name in COUNTERS), ("user", "<u2", (8,))])
# Packed in this order: the C structure of the format, byte for byte.
HEAD_TYPE = np.dtype(
    [
        ("version", "<u2"),
        ("flags", "<u8"),
        ("measurement_uid", "<u4"),
        ("scan_counter", "<u4"),
        ("acquisition_time_stamp", "<u4"),
        ("physiology_time_stamp", "<u4", (3,)),
        ("number_of_samples", "<u2"),
        ("available_channels", "<u2"),
        ("active_channels", "<u2"),
        ("channel_mask", "<u8", (16,)),
        ("discard_pre", "<u2"),
        ("discard_post", "<u2"),
        ("center_sample", "<u2"),
        ("encoding_space_ref", "<u2"),
        ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"),
        ("position", "<f4", (3,)),
        ("read_dir", "<f4", (3,)),
        ("phase_dir", "<f4", (3,)),
        ("slice_dir", "<f4", (3,)),
        ("patient_table_position", "<f4", (3,)),
        ("idx", _COUNTERS_TYPE),
        ("user_int", "<i4", (8,)),
        ("user_float", "<f4", (8,)),
    ]
)
_WHOLE = {
    "measurement": "measurement_uid",
    "scan_counter": "scan_counter",
    "physiology": "physiology_time_stamp",
    "available_channels": "available_channels",
    "centre_sample": "center_sample",
    "encoding": "encoding_space_ref",
    "user_int": "user_int",
}
_VECTORS = {
    "position": "position",
    "read": "read_dir",
    "phase": "phase_dir",
    "slice": "slice_dir",
    "table": "patient_table_position",
}


def row_type() -> np.dtype:
    """The HDF5 compound type of one acquisition."""
    import h5py

    numbers = h5py.vlen_dtype(np.dtype("<f4"))
    return np.dtype([("head", HEAD_TYPE), ("traj", numbers), ("data", numbers)])


def rows_of(acquisitions: RawAcquisitions, header: MRDHeader) -> np.ndarray:
    """One row per read-out; refuses read-outs that the header's encodings have no place for."""
    _require_places(acquisitions, header)
    count, coils, length = acquisitions.samples.shape
    rows = np.zeros(count, row_type())
    head = rows["head"]
    head["version"], head["flags"] = VERSION, acquisitions.flags
    head["number_of_samples"], head["active_channels"] = length, coils
    head["channel_mask"] = _mask(coils)
    head["acquisition_time_stamp"] = np.rint(np.asarray(acquisitions.time) * 1e3)
    head["sample_time_us"] = np.asarray(acquisitions.dwell) * 1e6
    head["discard_pre"], head["discard_post"] = np.asarray(acquisitions.discard).T
    for name, column in _WHOLE.items():
        head[column] = getattr(acquisitions, name)
    for name, column in _VECTORS.items():
        # Adding zero turns -0.0 into 0.0.
        head[column] = ras_from_lps(getattr(acquisitions, name)) + 0.0
    for name in (*COUNTERS, "user"):
        head["idx"][name] = getattr(acquisitions.counters, name)
    head["user_float"] = acquisitions.user_float
    steps = _steps(acquisitions, header)
    head["trajectory_dimensions"] = steps.shape[2]
    rows["traj"][:] = _cells(steps)
    rows["data"][:] = _cells(np.asarray(acquisitions.samples))
    return rows


def acquisitions_of(rows: np.ndarray, header: MRDHeader) -> tuple[RawAcquisitions, ...]:
    """The rows in their order, runs of equal length and coils together.

    Raises `InputError` for columns or numbers that do not belong together.
    """
    head = rows["head"]
    kinds = np.stack(
        [head[name] for name in ("active_channels", "number_of_samples", "trajectory_dimensions")], axis=1
    )
    starts = np.flatnonzero(np.any(np.diff(kinds.astype(int), axis=0) != 0, axis=1)) + 1
    return tuple(_batch(run, header) for run in np.split(rows, starts))


def _batch(rows: np.ndarray, header: MRDHeader) -> RawAcquisitions:
    head = rows["head"]
    coils, length, dimensions = (
        int(head[0][name]) for name in ("active_channels", "number_of_samples", "trajectory_dimensions")
    )
    shape = (len(rows), coils, length)
    counters = {name: head["idx"][name] for name in (*COUNTERS, "user")}
    return RawAcquisitions(
        samples=_joined("data", rows["data"], (*shape, 2)).view(np.complex64).reshape(shape),
        counters=Counters(**counters),
        dwell=head["sample_time_us"].astype(float) / 1e6,
        time=head["acquisition_time_stamp"] / 1e3,
        trajectory=_trajectory(rows, header, length, dimensions) if dimensions else None,
        flags=head["flags"],
        discard=np.stack([head["discard_pre"], head["discard_post"]], axis=1),
        user_float=head["user_float"],
        **{name: head[column] for name, column in _WHOLE.items()},
        **{name: ras_from_lps(head[column]) + 0.0 for name, column in _VECTORS.items()},
    )


def _require_places(acquisitions: RawAcquisitions, header: MRDHeader) -> None:
    coils = acquisitions.samples.shape[1]
    if header.receiver_channels and coils > header.receiver_channels:
        raise InputError(
            f"samples has {coils} coils but the header says receiver_channels={header.receiver_channels}; correct one"
        )
    encoding = np.asarray(acquisitions.encoding)
    if encoding.max() >= len(header.encodings):
        raise InputError(
            f"encoding runs to {encoding.max()}; the header has {len(header.encodings)} encodings, counted from 0"
        )
    for number, stated in enumerate(header.encodings):
        here = encoding == number
        for axis, name in ((1, "kspace_encode_step_1"), (2, "kspace_encode_step_2")):
            limit = getattr(stated.limits, f"kspace_encoding_step_{axis}")
            _require_below(name, acquisitions, here, min(limit.maximum, stated.encoded.matrix[axis] - 1))
        for name in COUNTERS[2:]:
            limit = getattr(stated.limits, name)
            if limit is not None:
                _require_below(name, acquisitions, here, limit.maximum)


def _require_below(name: str, acquisitions: RawAcquisitions, here: np.ndarray, most: int) -> None:
    outside = np.flatnonzero(here & (np.asarray(getattr(acquisitions.counters, name)) > most))
    if outside.size:
        value = np.asarray(getattr(acquisitions.counters, name))[outside[0]]
        raise InputError(
            f"{name} is {value} in acquisition {outside[0]}; the header's matrix and limits end at {most}: correct the "
            "counter or the encoding"
        )


def _mask(coils: int) -> np.ndarray:
    bits = (1 << coils) - 1
    return np.array([bits >> (64 * word) & (2**64 - 1) for word in range(16)], np.uint64)


def _steps(acquisitions: RawAcquisitions, header: MRDHeader) -> np.ndarray:
    """The trajectory in cycles per voxel of the encoded matrix, −0.5 to 0.5."""
    count, _, length = acquisitions.samples.shape
    if acquisitions.trajectory is None:
        return np.zeros((count, length, 0), np.float32)
    voxel = _voxels(np.asarray(acquisitions.encoding), header)[:, None, : acquisitions.trajectory.shape[2]]
    return (np.asarray(acquisitions.trajectory) * voxel).astype(np.float32)


def _trajectory(rows: np.ndarray, header: MRDHeader, length: int, dimensions: int) -> np.ndarray:
    steps = _joined("traj", rows["traj"], (len(rows), length, dimensions)).astype(float)
    if dimensions > 3:  # the fourth is a density weight in the files of some converters
        raise InputError(f"the trajectory has {dimensions} dimensions; it must have 1 to 3")
    return steps / _voxels(rows["head"]["encoding_space_ref"], header)[:, None, :dimensions]


def _voxels(encoding: np.ndarray, header: MRDHeader) -> np.ndarray:
    if encoding.max() >= len(header.encodings):
        raise InputError(
            f"an acquisition refers to encoding {encoding.max()}; the header has {len(header.encodings)}, counted from 0"
        )
    return np.array([stated.encoded.voxel for stated in header.encodings])[encoding]


def _cells(array: np.ndarray) -> np.ndarray:
    """One object per read-out, which holds its numbers as a flat float32 array."""
    flat = np.ascontiguousarray(array).reshape(len(array), -1).view(np.float32)
    cells = np.empty(len(flat), object)
    cells[:] = list(flat) if flat.shape[1] else [np.zeros(0, np.float32)] * len(flat)
    return cells


def _joined(name: str, cells: Sequence[np.ndarray] | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    expected = int(np.prod(shape[1:]))
    wrong = next((i for i, cell in enumerate(cells) if len(cell) != expected), None)
    if wrong is not None:
        raise InputError(
            f"{name!r} of an acquisition holds {len(cells[wrong])} numbers where its header says {expected}; "
            "the file is damaged: write or fetch it again"
        )
    return np.concatenate([np.asarray(cell, np.float32) for cell in cells]).reshape(shape)
