"""One door for images: looks at what lies at a path and picks the reader."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np

from physim_phantoms import Grid, InputError


def read_image(path: str | Path) -> tuple[np.ndarray, Grid]:
    """The voxels `[x, y, z]` (RAS+) and `Grid` of a NIfTI, NRRD or HDF5 file or a folder of DICOM slices.

    The content decides, not the name (but NIfTI files must keep their suffix).

    Raises `InputError` for a missing path (with the nearest names that do exist), a format that is not known,
    and everything the readers refuse.
    """
    path = Path(path)
    if path.is_dir():
        from .dicom_read import read_dicom_folder

        return read_dicom_folder(path)
    require_file(path)
    with path.open("rb") as file:
        head = file.read(352)
    return _reader(path, head)(path)


def require_file(path: Path) -> None:
    """Refuses a path at which no file lies, with the nearest names in its folder; also an empty file."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a file in it")
    if not path.exists():
        raise _missing(path)
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); fetch or write it again")


def require_folder(path: Path) -> None:
    """Refuses a path at which no folder lies, with the nearest names beside it."""
    if not path.exists():
        raise _missing(path)
    if not path.is_dir():
        raise InputError(f"{path} is a file; give the folder that holds it")


def _missing(path: Path) -> InputError:
    folder = next(p for p in path.absolute().parents if p.is_dir())
    if folder != path.absolute().parent:
        return InputError(f"{path} does not exist: {folder} is the last folder on the way that does")
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"{folder} holds {', '.join(names[:8]) or 'nothing'}"
    )
    return InputError(f"{path} does not exist; {hint}")


def _reader(path: Path, head: bytes):
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        from .hdf5 import read_hdf5_volume

        return read_hdf5_volume
    if head[:4] == b"NRRD":
        from .nrrd import read_nrrd

        return read_nrrd
    if head[128:132] == b"DICM" or path.suffix.lower() in (".dcm", ".ima"):
        from .dicom_read import read_dicom_file

        return read_dicom_file
    if path.name.endswith((".nii", ".nii.gz", ".hdr", ".img")) or head[344:347] in (b"n+1", b"ni1"):
        from .nifti import read_nifti

        return read_nifti
    raise InputError(
        f"{path} is in no format that physim reads; give .nii, .nii.gz, .nrrd, .h5 or a DICOM folder"
    )
