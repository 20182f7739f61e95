"""What the CT studies share: the scanner, its kernels, and the files of a case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim.ct.geometry import ParallelBeam, parallel_beam
from physim.ct.readings import Readings
from physim.ct.reconstruction.reconstruct import reconstruct
from physim.ct.reconstruction.windows import Hann, RamLak, Sharp, SheppLogan, Soft, Window
from physim.ct.scan import scan
from physim.ct.source import Protocol
from physim.io import CTSeries, write_dicom_series, write_hdf5, write_nifti
from physim_phantoms import Grid, Phantom

from .case_files import case_of, digitised, labelled, write_labels
from .contact_sheet import Column, contact_sheet
from .draws import named_key
from .recipe import ChestCtRecipe, HeadCtRecipe, Recipe

SingleScan = HeadCtRecipe | ChestCtRecipe

BRAIN, BONE = (0.0, 80.0), (-500.0, 1300.0)  # HU
SOFT_TISSUE, LUNG = (-160.0, 240.0), (-1350.0, 150.0)
_HU_RANGE = (-1024, 3071)


def window_of(kernel: str) -> Window:
    """The window on the ramp filter that a kernel's name stands for."""
    kernels = {
        "smooth": Hann(0.6),
        "soft": Soft(),
        "standard": Hann(),
        "shepp-logan": SheppLogan(),
        "sharp": Sharp(),
        "ramp": RamLak(),
    }
    return kernels[kernel]


def half_turn(grid: Grid, views: int, pixel_size: float) -> ParallelBeam:
    """Views over half a turn round the middle of the grid; rows at its planes, columns that see all of it."""
    columns = math.ceil(math.hypot(*grid.extent[:2]) / pixel_size) + 2
    spacing = float(np.asarray(grid.spacing)[2])
    centre = (float(grid.centre[0]), float(grid.centre[1]), float(grid.centre[2]))
    return parallel_beam(views, (grid.shape[2], columns), (spacing, pixel_size), centre=centre)


def image_of(raw: Readings, grid: Grid, kernel: str) -> np.ndarray:
    """The CT image as a scanner stores it: whole HU from -1024 to 3071."""
    return stored(reconstruct(raw, grid, window=window_of(kernel)))


def stored(hu: Any) -> np.ndarray:
    """HU rounded and cut to twelve bits."""
    return np.clip(np.rint(np.asarray(hu)), *_HU_RANGE).astype(np.int16)


def record_of(
    numbers: Mapping[str, float], sex: str, source: Mapping[str, Any], patient: Phantom, raw: Readings
) -> dict[str, Any]:
    """What every CT case records: who, from where, scanned how, on which voxels."""
    geometry = raw.geometry
    return {
        "quantities": dict(numbers),
        "sex": sex,
        "anatomy": dict(source),
        "geometry": {
            "views": geometry.sinogram_shape[0],
            "detector_shape": list(geometry.detector_shape),
            "arc_rad": math.pi,
        },
        "label_names": labelled(patient)[1],
        "grid": {"shape": list(patient.grid.shape), "affine": patient.grid.affine.tolist()},
    }


def write_volumes(
    folder: Path,
    patient: Phantom,
    images: Mapping[str, np.ndarray],
    units: Mapping[str, str],
    sinograms: Mapping[str, Readings],
    record: Mapping[str, Any],
) -> None:
    """NIfTI for every image, the labels, and all of them in case.h5, with the sinograms that are given."""
    labels, names = labelled(patient)
    write_labels(folder, labels, names, patient)
    for name, image in images.items():
        write_nifti(folder / f"{name}.nii.gz", image, patient.grid)
    arrays: dict[str, Any] = {"images": dict(images), "labels": labels}
    described: dict[str, dict[str, Any]] = {f"images/{name}": {"units": units[name]} for name in images}
    for name, raw in sinograms.items():
        geometry = raw.geometry
        assert isinstance(geometry, ParallelBeam)
        arrays[name] = digitised(np.asarray(raw.log()))
        arrays["angles"] = np.asarray(geometry.angles)
        described[name] = {
            "units": "1",
            "axes": "view, row, column",
            "pixel_size_mm": np.asarray(geometry.pixel_size).tolist(),
        }
        described["angles"] = {"units": "rad"}
    write_hdf5(
        folder / "case.h5",
        arrays,
        patient.grid,
        attributes={"parameters": record},
        array_attributes=described,
    )


def scanned(
    recipe: SingleScan, key: PRNGKeyArray, numbers: Mapping[str, float], patient: Phantom
) -> tuple[Readings, np.ndarray]:
    """The raw data and the image of a recipe's one scan."""
    geometry = half_turn(patient.grid, recipe.protocol.views, recipe.protocol.pixel_size)
    protocol = Protocol(kvp=numbers["protocol.kvp"], mas=numbers["protocol.mas"])
    raw = scan(patient, geometry, protocol, named_key(key, "noise"))
    return raw, image_of(raw, patient.grid, recipe.protocol.kernel)


def write_scan(
    recipe: SingleScan,
    index: int,
    folder: Path,
    patient: Phantom,
    raw: Readings,
    hu: np.ndarray,
    record: Mapping[str, Any],
    series: CTSeries,
    body_part: str,
    source: str = "",
) -> None:
    """All files of a case with one scan but its contact sheet; `series` gets voltage, charge and kernel from the case."""
    sinograms = {"sinogram": raw} if recipe.output.sinogram else {}
    write_volumes(folder, patient, {"ct": hu}, {"ct": "HU"}, sinograms, record)
    if not recipe.output.dicom:
        return
    numbers = record["quantities"]
    series = replace(
        series,
        kvp=numbers["protocol.kvp"],
        mas=numbers["protocol.mas"],
        kernel=recipe.protocol.kernel.upper(),
    )
    place = folder / "dicom" / "ct"
    write_series(recipe, index, place, hu, patient.grid, series, record, body_part, source)


def write_series(
    recipe: Recipe,
    index: int,
    folder: Path,
    hu: np.ndarray,
    grid: Grid,
    series: CTSeries,
    record: Mapping[str, Any],
    body_part: str,
    source: str = "",
) -> None:
    """One DICOM series in `folder`."""
    case = case_of(recipe, index, record["sex"], record["quantities"]["patient.age"], source, body_part)
    write_dicom_series(folder, hu, grid, series, case)


def write_sheet(
    recipe: SingleScan,
    index: int,
    folder: Path,
    columns: Sequence[Column],
    grid: Grid,
    lesion: Mapping[str, Any],
    found: str,
    record: Mapping[str, Any],
) -> None:
    """The contact sheet of one scan, with planes through the lesion; `found` says in words what it is."""
    numbers = record["quantities"]
    contact_sheet(
        folder / "contact_sheet.png",
        columns,
        grid,
        lesion["centre_mm"],
        heading=f"{recipe.name}   case {index + 1:04d}",
        details=(
            f"{person(record)}   ·   {found}   ·   {numbers['protocol.kvp']:.0f} kV, "
            f"{numbers['protocol.mas']:.0f} mAs, {recipe.protocol.kernel} kernel"
        ),
    )


def person(record: Mapping[str, Any]) -> str:
    """The patient in words, for a page."""
    return f"{'woman' if record['sex'] == 'F' else 'man'}, {int(record['quantities']['patient.age'])} years"
