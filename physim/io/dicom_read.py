"""DICOM in: one series of a folder, sorted by where its slices lie, checked before it becomes a volume."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from physim_phantoms import Grid, InputError

from .images import require_file, require_folder
from .orientation import closest_canonical, ras_from_lps

_TAGS = [
    "SOPClassUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "Modality",
    "InstanceNumber",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SamplesPerPixel",
]


def read_dicom_folder(path: str | Path, *, series: str | int | None = None) -> tuple[np.ndarray, Grid]:
    """The voxels `[x, y, z]` (RAS+, float32, rescaled: HU for CT) and the `Grid` of one series in a folder.

    Slices are sorted by their position along the slice normal, never by file name; every file applies its own
    slope and intercept. Files that are not DICOM are passed over, folders below are searched.

    - `series`: series number or series instance UID, if the folder holds several.

    Raises `InputError` for a missing folder, no or several series, uneven gaps, a tilted gantry, slices that
    differ in size or orientation, truncated files, and compression that no installed decoder reads.
    """
    path = Path(path)
    found = _series_of(path)
    headers = _chosen(path, found, series)
    _require_uniform(path, headers)
    order, depths, normal = _sorted_along_normal(headers)
    headers = [headers[i] for i in order]
    step = _slice_step(path, headers, depths[order])
    rows, columns = _orientation(headers[0])
    between_rows, between_columns = (float(s) for s in headers[0].PixelSpacing)
    planes = [_pixels(header) for header in headers]
    volume = np.stack([plane.T for plane in planes], axis=2)
    direction = ras_from_lps(np.stack([rows, columns, normal])).T
    origin = ras_from_lps(_position(headers[0]))
    grid = Grid(volume.shape, (between_columns, between_rows, step), origin, direction)
    volume, grid = closest_canonical(volume, grid)
    return np.ascontiguousarray(volume), grid


def list_series(path: str | Path) -> dict[str, str]:
    """What a folder holds: series instance UID to a line with number, modality, description, slices."""
    return {uid: _describe(headers) for uid, headers in _series_of(Path(path)).items()}


def read_dicom_file(path: str | Path) -> tuple[np.ndarray, Grid]:
    """Refuses a single slice, and says which folder to give: one slice is no volume."""
    path = Path(path)
    _header(path)
    raise InputError(f"{path} is one DICOM file; give its folder, {path.parent}, to read the series")


def _series_of(path: Path) -> dict[str, list[Any]]:
    require_folder(path)
    found: dict[str, list[Any]] = {}
    for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")):
        if file.name == "DICOMDIR" or not _looks_like_dicom(file):
            continue
        header = _header(file)
        if _is_image(file, header):
            found.setdefault(str(header.SeriesInstanceUID), []).append(header)
    if not found:
        raise InputError(f"{path} holds no DICOM images; give the folder with the slices")
    return found


def _is_image(file: Path, header) -> bool:
    """Images count; reports, plans and presentation states do not. An image without its head is damaged."""
    from pydicom.uid import UID

    kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    if kind is not None and not UID(kind).name.endswith("Image Storage"):
        return False
    if kind is None or "SeriesInstanceUID" not in header or "Rows" not in header:
        raise _damaged(file, EOFError("it ends before its image"))
    return True


def _looks_like_dicom(file: Path) -> bool:
    if file.suffix.lower() in (".dcm", ".ima"):
        return True
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _header(file: Path):
    import pydicom

    require_file(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # values that stray from the standard are common and are checked below
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
            header.walk(
                lambda data, element: element.value
            )  # decodes everything now, so that damage shows here
    except Exception as error:  # the parser raises many kinds on damaged files, from EOFError to struct.error
        raise _damaged(file, error) from error
    return header


def _damaged(file: Path, error: Exception) -> InputError:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InputError(f"{file} is no readable DICOM file, or truncated ({line}); export or fetch it again")


def _chosen(path: Path, found: dict[str, list[Any]], series: str | int | None) -> list[Any]:
    if series is None and len(found) == 1:
        return next(iter(found.values()))
    listing = "; ".join(sorted(_describe(headers) for headers in found.values()))
    if series is None:
        raise InputError(
            f"{path} holds {len(found)} series: {listing}; choose one with series=<number or UID>"
        )
    matches = [h for uid, h in found.items() if str(series) in (uid, str(h[0].get("SeriesNumber", "")))]
    if len(matches) != 1:
        many = "no" if not matches else f"{len(matches)} series with"
        raise InputError(f"{path} holds {many} series {series!r}: {listing}; give the series instance UID")
    return matches[0]


def _describe(headers: list[Any]) -> str:
    first = headers[0]
    name = f"{first.get('Modality', '?')} {first.get('SeriesDescription', '')!s}".strip()
    return f"{first.get('SeriesNumber', '?')} ({name}, {len(headers)} slices)"


def _require_uniform(path: Path, headers: list[Any]) -> None:
    for header in headers:
        name = Path(header.filename).name
        if int(header.get("NumberOfFrames") or 1) > 1:
            raise InputError(f"{path}/{name} is multi-frame; export the series as one file per slice")
        if int(header.get("SamplesPerPixel") or 1) != 1:
            raise InputError(f"{path}/{name} is a colour image; only grey values can be read")
        for keyword, length in (
            ("ImagePositionPatient", 3),
            ("ImageOrientationPatient", 6),
            ("PixelSpacing", 2),
        ):
            if len(header.get(keyword) or ()) != length:
                raise InputError(f"{path}/{name} has no {keyword}; slices without a place make no volume")
        first = headers[0]
        if (header.Rows, header.Columns) != (first.Rows, first.Columns):
            raise InputError(
                f"{path}/{name} has {header.Rows} x {header.Columns} pixels, "
                f"{Path(first.filename).name} {first.Rows} x {first.Columns}; all slices need the same size"
            )
        for keyword, tolerance in (("ImageOrientationPatient", 1e-3), ("PixelSpacing", 1e-4)):
            if not np.allclose(_numbers(header, keyword), _numbers(first, keyword), atol=tolerance):
                raise InputError(
                    f"{path}/{name} differs from the other slices in {keyword}; choose one orientation"
                )


def _numbers(header, keyword: str) -> np.ndarray:
    return np.array([float(v) for v in header.get(keyword)])


def _position(header) -> np.ndarray:
    return _numbers(header, "ImagePositionPatient")


def _orientation(header) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (LPS) of growing column index and growing row index; rounding in the file is taken out."""
    rows, columns = _numbers(header, "ImageOrientationPatient").reshape(2, 3)
    rows = rows / np.linalg.norm(rows)
    columns = columns - rows * (rows @ columns)
    return rows, columns / np.linalg.norm(columns)


def _sorted_along_normal(headers: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    normal = np.cross(*_orientation(headers[0]))
    depths = np.array([_position(header) @ normal for header in headers])
    return np.argsort(depths, kind="stable"), depths, normal


def _slice_step(path: Path, headers: list[Any], depths: np.ndarray) -> float:
    if len(headers) == 1:
        step = headers[0].get("SpacingBetweenSlices") or headers[0].get("SliceThickness")
        if not step:
            raise InputError(f"{path} holds one slice without a thickness; it has no extent along its normal")
        return float(step)
    gaps = np.diff(depths)
    usual = float(np.median(gaps))
    # Positions are often rounded to 0.01 mm; a missing slice makes a gap of twice the usual.
    worst = int(np.argmax(np.abs(gaps - usual)))
    between = f"between {Path(headers[worst].filename).name} and {Path(headers[worst + 1].filename).name}"
    if gaps.min() < 1e-3:
        twin = int(np.argmin(gaps))
        names = " and ".join(Path(headers[i].filename).name for i in (twin, twin + 1))
        raise InputError(
            f"{path}: {names} lie at the same place; the series holds several volumes, split it first"
        )
    if abs(gaps[worst] - usual) > max(0.02 * usual, 0.01):
        raise InputError(
            f"{path}: the gap {between} is {gaps[worst]:.3f} mm, the usual one {usual:.3f} mm; "
            "slices are missing or uneven: complete the series, or resample it first"
        )
    drift = _position(headers[-1]) - _position(headers[0])
    depth = float(depths[-1] - depths[0])
    sideways = float(np.sqrt(max(0.0, drift @ drift - depth**2)))
    if sideways > 1e-3 * depth + 0.1 * min(float(s) for s in headers[0].PixelSpacing):
        angle = float(np.degrees(np.arctan2(sideways, depth)))
        raise InputError(
            f"{path}: slices are sheared by {angle:.1f} degrees (tilted gantry); resample the series first"
        )
    return depth / (len(headers) - 1)


def _pixels(header) -> np.ndarray:
    """One slice `[row, column]`, rescaled, float32."""
    import pydicom

    file, syntax = Path(header.filename), "unknown"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(file)
            syntax = data.file_meta.TransferSyntaxUID.name
            slope, intercept = float(data.get("RescaleSlope", 1.0)), float(data.get("RescaleIntercept", 0.0))
            stored = data.pixel_array
    except RuntimeError as error:
        raise InputError(
            f"{file} is compressed ({syntax}) and no installed decoder reads it; "
            "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg, or decompress it with gdcmconv --raw"
        ) from error
    except Exception as error:  # the parser raises many kinds on damaged files
        raise _damaged(file, error) from error
    if "ModalityLUTSequence" in data:
        raise InputError(
            f"{file} maps its values by a table (Modality LUT); only slope and intercept are read"
        )
    return (stored * slope + intercept).astype(np.float32)
