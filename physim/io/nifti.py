"""NIfTI-1 in and out: world positions kept to the micrometre, bytes that depend on nothing but the image."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from physim_phantoms import Grid, InputError

from .atomic import atomic_file
from .orientation import closest_canonical, require_finite_voxels, require_volume

_TYPES = (np.dtype(np.uint8), np.dtype(np.int16), np.dtype(np.float32))
_MILLIMETRES = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 1e-3}
_SUFFIXES = (".nii", ".nii.gz")


def read_nifti(
    path: str | Path, *, volume: int | None = None, affine: np.ndarray | None = None, allow_nan: bool = False
) -> tuple[np.ndarray, Grid]:
    """The voxels `[x, y, z]` and the `Grid` of a NIfTI file.

    Axes are turned to the nearest of right, anterior, superior; a rotation that is left stays in
    `grid.direction`. sform is taken before qform.

    Integers stored without a slope stay integers (label maps); everything else becomes float32 with slope and
    intercept applied.

    - `volume`: which one of a 4-D file; refused unless given.
    - `affine`: 4x4 voxel index to RAS+ mm, for files that carry no orientation.
    - `allow_nan`: accept NaN and infinite voxels as they are.

    Raises `InputError` for a missing, truncated or foreign file, shear, missing orientation, or NaN.
    """
    path = Path(path)
    image = _open(path)
    voxels = _voxels(path, image, volume)
    matrix = _affine(path, image.header) if affine is None else np.asarray(affine, dtype=np.float64)
    try:
        grid = Grid.from_affine(voxels.shape, matrix)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if not allow_nan:
        require_finite_voxels(str(path), voxels, "clean the file, or read it with allow_nan=True")
    voxels, grid = closest_canonical(voxels, grid)
    return np.ascontiguousarray(voxels), grid


def write_nifti(
    path: str | Path,
    array: object,
    grid: Grid,
    *,
    dtype: type | np.dtype | None = None,
    description: str = "synthetic image made by physim",
) -> Path:
    """Writes `[x, y, z]` voxels as NIfTI-1, `.nii` or `.nii.gz` (fastest level); returns the path.

    uint8, int16 or float32; without `dtype` what the array itself asks for. The file appears whole or not at
    all, and the same array on the same grid gives the same bytes. sform and qform carry the grid, in mm.
    `description` (at most 79 characters) should keep saying that the image is synthetic.

    Raises `InputError` for a wrong shape, NaN, values outside `dtype`, or a name that ends in neither
    suffix; `OSError` for a full disk or a folder that cannot be written.
    """
    path = Path(path)
    if not path.name.endswith(_SUFFIXES):
        raise InputError(f"{path} ends in neither .nii nor .nii.gz; write {path.name.split('.')[0]}.nii.gz")
    voxels = require_volume("the image", array, grid)
    require_finite_voxels(
        "the image", voxels, "replace them before writing, for example with numpy.nan_to_num"
    )
    voxels = _stored(voxels, dtype)
    parts = (_header(voxels, grid, description), voxels.tobytes(order="F"))
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        if path.name.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                packed.writelines(parts)
        else:
            file.writelines(parts)
    return path


def _open(path: Path):
    import nibabel

    from .images import require_file

    require_file(path)
    try:
        image = nibabel.load(path)
    except Exception as error:  # nibabel's own error classes and whatever a broken gzip stream raises
        raise InputError(
            f"{path} is no readable NIfTI file ({_line(error)}); fetch or write it again"
        ) from error
    if not hasattr(image.header, "get_sform"):  # NIfTI-1, NIfTI-2, single files and pairs all have it
        raise InputError(f"{path} is {type(image).__name__}, not NIfTI; convert it to .nii.gz first")
    return image


def _voxels(path: Path, image, volume: int | None) -> np.ndarray:
    shape = [int(n) for n in image.shape]
    trailing = int(np.prod(shape[3:])) if len(shape) > 3 else 1
    if len(shape) < 3 or any(n < 1 for n in shape):
        raise InputError(f"{path} has shape {tuple(shape)}; a volume of three axes is needed")
    if trailing > 1 and (volume is None or len(shape) > 4 or not 0 <= volume < shape[3]):
        raise InputError(
            f"{path} has shape {tuple(shape)}; choose one volume of it with volume=0 to {trailing - 1}"
        )
    if "RGB" in str(image.get_data_dtype().names) or image.get_data_dtype().kind not in "uif":
        raise InputError(f"{path} holds {image.get_data_dtype()} voxels; only real numbers can be read")
    try:
        chosen = image.dataobj[..., volume or 0] if len(shape) == 4 else image.dataobj
        voxels = np.asanyarray(chosen)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(
            f"{path} is truncated or damaged ({_line(error)}); fetch or write it again"
        ) from error
    voxels = voxels.reshape(tuple(shape[:3]))
    return voxels.astype(
        np.float32 if voxels.dtype.kind == "f" else voxels.dtype.newbyteorder("="), copy=False
    )


def _affine(path: Path, header) -> np.ndarray:
    sform, code = header.get_sform(coded=True)
    if not code:
        sform, code = header.get_qform(coded=True)
    if not code:
        raise InputError(
            f"{path} has no orientation (sform and qform codes are 0); give affine=, a 4x4 matrix to RAS+ mm"
        )
    affine = np.array(sform, dtype=np.float64)
    affine[:3] *= _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    return affine


def _stored(voxels: np.ndarray, dtype: type | np.dtype | None) -> np.ndarray:
    wanted = _own_type(voxels) if dtype is None else np.dtype(dtype)
    if wanted not in _TYPES:
        raise InputError(f"dtype is {wanted}; it must be one of {', '.join(t.name for t in _TYPES)}")
    low, high = float(voxels.min()), float(voxels.max())
    if wanted.kind == "f":
        fits = (
            voxels.dtype.kind == "f" or max(-low, high) <= 2**24
        )  # larger whole numbers lose their last digit
    else:
        fits = np.iinfo(wanted).min <= round(low) and round(high) <= np.iinfo(wanted).max
    if not fits:
        raise InputError(
            f"values from {low:g} to {high:g} do not fit {wanted}; convert or rescale the array first"
        )
    if wanted.kind != "f" and voxels.dtype.kind == "f":
        voxels = np.rint(voxels)
    return voxels.astype(wanted.newbyteorder("<"))


def _own_type(voxels: np.ndarray) -> np.dtype:
    if voxels.dtype.kind == "f":
        return np.dtype(np.float32)
    if voxels.dtype in (np.bool_, np.uint8):
        return np.dtype(np.uint8)
    limits = np.iinfo(np.int16)
    fits = limits.min <= int(voxels.min()) and int(voxels.max()) <= limits.max
    return np.dtype(np.int16 if fits else np.float32)


def _header(voxels: np.ndarray, grid: Grid, description: str) -> bytes:
    import nibabel

    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_shape(voxels.shape)
    header.set_data_dtype(voxels.dtype)
    header.set_xyzt_units("mm")
    # Code 1, scanner: the position is that of a simulated scanner, not of a template.
    header.set_qform(grid.affine, code=1)
    header.set_sform(grid.affine, code=1)
    header["descrip"] = description.encode("ascii", "replace")[:79]
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    return header.binaryblock + bytes(4)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
