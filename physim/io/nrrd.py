"""A small NRRD reader: three axes, raw or gzip, attached data; what radiology tools write."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np

from physim_phantoms import Grid, InputError

from .images import require_file
from .orientation import closest_canonical, ras_from_lps, require_finite_voxels

_TYPES = {
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i1": ("signed char", "int8", "int8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_CODES = {name: code for code, names in _TYPES.items() for name in names}
_SPACES = {
    "left-posterior-superior": ras_from_lps,
    "lps": ras_from_lps,
    "right-anterior-superior": np.asarray,
    "ras": np.asarray,
}


def read_nrrd(path: str | Path) -> tuple[np.ndarray, Grid]:
    """The voxels `[x, y, z]` (RAS+) and the `Grid` of a three-dimensional NRRD file, raw or gzip.

    Raises `InputError` for a missing, truncated or foreign file, another encoding or space, NaN, or shear.
    """
    path = Path(path)
    require_file(path)
    head, _, body = path.read_bytes().partition(b"\n\n")
    if not head.startswith(b"NRRD"):
        raise InputError(f"{path} is no NRRD file")
    fields = _fields(head.decode("latin-1"))
    try:
        shape = tuple(int(n) for n in fields["sizes"].split())
        dtype = np.dtype(_CODES[fields["type"]]).newbyteorder(">" if fields.get("endian") == "big" else "<")
        to_ras = _SPACES[fields["space"].lower()]
        columns, origin = _vectors(fields["space directions"]), _vectors(fields["space origin"])
        encoding = fields["encoding"]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: header field missing or not understood: {error}") from error
    if len(shape) != 3 or columns.shape != (3, 3) or origin.shape != (1, 3):
        raise InputError(f"{path} has sizes {shape}; a volume of three spatial axes is needed")
    voxels = _unpack(path, body, encoding, dtype, shape)
    require_finite_voxels(str(path), voxels, "clean the file first")
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = to_ras(columns).T, to_ras(origin[0])
    try:
        grid = Grid.from_affine(shape, affine)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    voxels, grid = closest_canonical(voxels, grid)
    return np.ascontiguousarray(voxels), grid


def _fields(text: str) -> dict[str, str]:
    lines = (line.strip("\r") for line in text.split("\n")[1:])
    pairs = (line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    return {key.strip(): value.strip().lstrip("=") for key, value in pairs}


def _vectors(text: str) -> np.ndarray:
    return np.array([[float(n) for n in group.split(",")] for group in re.findall(r"\(([^)]*)\)", text)])


def _unpack(path: Path, body: bytes, encoding: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    if encoding in ("gzip", "gz"):
        try:
            body = zlib.decompress(body, wbits=31)
        except zlib.error as error:
            raise InputError(f"{path} is truncated or damaged ({error}); fetch or write it again") from error
    elif encoding != "raw":
        raise InputError(f"{path} has encoding {encoding!r}; only raw and gzip are read")
    wanted = int(np.prod(shape)) * dtype.itemsize
    if len(body) != wanted:
        raise InputError(
            f"{path} is truncated: {len(body)} bytes of voxels, {wanted} expected; fetch or write it again"
        )
    voxels = np.frombuffer(body, dtype).reshape(shape, order="F")
    return voxels.astype(np.float32 if dtype.kind == "f" else dtype.newbyteorder("="), copy=False)
