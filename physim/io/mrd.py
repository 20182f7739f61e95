"""ISMRMRD/MRD 1.x files: an XML header and a table of acquisitions in HDF5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from physim_phantoms import InputError

from .atomic import atomic_file
from .images import require_file
from .mrd_acquisitions import RawAcquisitions
from .mrd_header import MRDHeader
from .mrd_rows import HEAD_TYPE, acquisitions_of, row_type, rows_of
from .mrd_xml import header_from_xml, header_to_xml


@dataclass(frozen=True, eq=False)
class MRD:
    """What an MRD file holds: its header, its read-outs in their order, and the header's own text.

    `acquisitions` has one entry for every run of read-outs with equal numbers of coils and samples.
    """

    header: MRDHeader
    acquisitions: tuple[RawAcquisitions, ...]
    xml: str = ""


def write_mrd(
    path: str | Path,
    acquisitions: RawAcquisitions | Sequence[RawAcquisitions],
    header: MRDHeader,
    *,
    group: str = "dataset",
) -> Path:
    """Writes raw MR data as an ISMRMRD (MRD 1.x) HDF5 file; returns the path.

    The file appears whole or not at all; the same input gives the same bytes. Times become µs, ms and degrees, positions
    and directions LPS+, trajectories cycles per voxel of the encoded matrix (−0.5 to 0.5; the format leaves this open).
    Samples are written as they are, S(k) = ∫ m exp(−2πi k·r) dr, which readers invert by exp(+2πi k·r); see
    `cartesian_acquisitions` for the half voxel between our origin and that of an FFT. It is composed in memory.

    Raises `InputError` for read-outs outside the header's matrix, limits or encodings; `OSError` for a full disk or a
    folder that cannot be written. Source: Inati et al., Magn Reson Med 77:411 (2017).
    """
    batches = (acquisitions,) if isinstance(acquisitions, RawAcquisitions) else tuple(acquisitions)
    if not batches:
        raise InputError("acquisitions is empty; give at least one RawAcquisitions")
    rows = np.concatenate([rows_of(batch, header) for batch in batches])
    content = _composed(rows, header_to_xml(header), group)
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(content)
    return Path(path)


def read_mrd(path: str | Path, *, group: str = "dataset") -> MRD:
    """The header and acquisitions of an MRD 1.x file; images and waveforms in it are passed over.

    Time stamps are taken as ms and trajectories as cycles per voxel; files of other makers may count in other units.

    Raises `InputError` for a missing, truncated or foreign file, and for a header or rows that contradict themselves.
    """
    import h5py

    path = Path(path)
    require_file(path)
    try:
        with h5py.File(path, "r") as file:
            text, rows = _content(path, file, group)
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        line = (str(error).strip("'\"").splitlines() or ["no reason given"])[0]
        raise InputError(f"{path} is no readable MRD file ({line}); write or fetch it again") from error
    try:
        header = header_from_xml(text)
        return MRD(header, acquisitions_of(rows, header), text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _composed(rows: np.ndarray, xml: str, group: str) -> memoryview | bytes:
    """The bytes of the file. Composed in memory, for on a full disk HDF5 would fail where no error can be caught."""
    import h5py

    # Nothing is flushed to this name: the driver keeps the file in memory.
    with h5py.File("mrd", "w", driver="core", backing_store=False, libver="earliest") as file:
        file.attrs["synthetic"] = True
        dataset = file.create_group(group)
        text = np.array([xml.encode()], object)
        dataset.create_dataset("xml", data=text, dtype=h5py.string_dtype("ascii"), track_times=False)
        dataset.create_dataset(
            "data",
            data=rows,
            dtype=row_type(),
            maxshape=(None,),
            chunks=(min(len(rows), 256),),
            track_times=False,
        )
        file.flush()
        return file.id.get_file_image()


def _content(path: Path, file, group: str) -> tuple[str, np.ndarray]:
    if group not in file or "data" not in file[group] or "xml" not in file[group]:
        raise InputError(
            f"{path} has no {group}/xml and {group}/data; it holds {', '.join(sorted(file)) or 'nothing'}: it is no MRD "
            "file, or its group has another name: write read_mrd(path, group=...)"
        )
    table = file[group]["data"]
    _require_columns(path, table.dtype)
    if table.size == 0:
        raise InputError(f"{path} holds no acquisition; write or fetch it again")
    text = file[group]["xml"][0]
    return (text.decode("utf-8", errors="replace") if isinstance(text, bytes) else str(text)), table[()]


def _require_columns(path: Path, given: np.dtype) -> None:
    missing = {"head", "traj", "data"} - set(given.names or ())
    if not missing:
        missing = set(HEAD_TYPE.names or ()) - set(given["head"].names or ())
    if missing:
        raise InputError(
            f"{path} has acquisitions without {', '.join(sorted(missing))}; it is no MRD 1.x file"
        )
