"""What the CT studies share: the scanner, its kernels, and the files of a case."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from physim.ct.geometry import ConeBeam, ParallelBeam, parallel_beam
from physim.ct.reconstruction.windows import Hann, RamLak, Sharp, SheppLogan, Soft
from physim.ct.reconstruction.windows import Window as Apodisation
from physim.io import CTSeries, write_dicom_series, write_hdf5, write_nifti
from physim_phantoms import Grid, Phantom

from .axial_scan import SOURCE_TO_AXIS, SOURCE_TO_DETECTOR, Turns
from .case_files import COLOURS, case_of, digitised, labelled, write_labels, write_share
from .contact_sheet import Column
from .recipe import AbdomenDualEnergyRecipe, ChestCtRecipe, HeadCtRecipe

CtRecipe = HeadCtRecipe | ChestCtRecipe | AbdomenDualEnergyRecipe


@dataclass(frozen=True)
class Window:
    """How grey an image in HU is shown: black and white lie half the width below and above the level."""

    title: str
    level: float
    width: float


BRAIN, BONE = Window("BRAIN WINDOW", 40.0, 80.0), Window("BONE WINDOW", 400.0, 1800.0)
SOFT_TISSUE, LUNG = Window("SOFT TISSUE WINDOW", 40.0, 400.0), Window("LUNG WINDOW", -600.0, 1500.0)
_HU_RANGE = (-1024, 3071)


def window_of(kernel: str) -> Apodisation:
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


def stored(hu: Any) -> np.ndarray:
    """HU rounded and cut to twelve bits."""
    return np.clip(np.rint(np.asarray(hu)), *_HU_RANGE).astype(np.int16)


def grey_column(window: Window, hu: np.ndarray, title: str = "") -> Column:
    """One column of a contact sheet: an image in a window, under the window's title unless there is another."""
    shown = (window.level - window.width / 2, window.level + window.width / 2)
    return Column(
        title or window.title, hu, f"level {window.level:.0f} HU  width {window.width:.0f} HU", shown
    )


def legend_of(shown: Mapping[str, str], patient: Phantom) -> dict[str, str]:
    """The colours of those of the tissues `shown`, by their words, that the patient has."""
    return {word: COLOURS[name] for word, name in shown.items() if name in patient.names}


def record_of(
    numbers: Mapping[str, float], sex: str, source: Mapping[str, Any], patient: Phantom, geometry: ConeBeam
) -> dict[str, Any]:
    """What every CT case records: who, from where, scanned how, on which voxels."""
    return {
        "quantities": dict(numbers),
        "sex": sex,
        "anatomy": dict(source),
        "geometry": {
            "views": geometry.sinogram_shape[0],
            "detector_shape": list(geometry.detector_shape),
            "arc_rad": 2 * math.pi,
            "source_to_axis_mm": SOURCE_TO_AXIS,
            "source_to_detector_mm": SOURCE_TO_DETECTOR,
            "pixel_size_mm": [float(size[0]) for size in geometry.pixel_size],
            "turns": patient.grid.shape[2],
        },
        "label_names": labelled(patient)[1],
        "grid": {"shape": list(patient.grid.shape), "affine": patient.grid.affine.tolist()},
    }


def write_volumes(
    folder: Path,
    patient: Phantom,
    images: Mapping[str, np.ndarray],
    units: Mapping[str, str],
    sinograms: Mapping[str, Turns],
    record: Mapping[str, Any],
    shares: Mapping[str, np.ndarray] | None = None,
) -> None:
    """NIfTI for every image, the labels, and all of them in case.h5, with the sinograms that are given.

    - `shares`: what a lesion fills of every voxel, by its name.
    """
    labels, names = labelled(patient)
    write_labels(folder, labels, names, patient)
    for name, image in images.items():
        write_nifti(folder / f"{name}.nii.gz", image, patient.grid)
    arrays: dict[str, Any] = {"images": dict(images), "labels": labels}
    described: dict[str, dict[str, Any]] = {f"images/{name}": {"units": units[name]} for name in images}
    for name, share in (shares or {}).items():
        write_share(folder, name, share, patient.grid)
        arrays[name], described[name] = share, {"units": "1"}
    for name, turns in sinograms.items():
        geometry = turns.geometry
        views = geometry.sinogram_shape[0]
        arrays[name] = digitised(turns.log())
        arrays["angles"] = 2 * np.pi * np.arange(views) / views
        described[name] = {
            "units": "1",
            "axes": "plane, view, column",
            "pixel_size_mm": [float(size[0]) for size in geometry.pixel_size],
        }
        described["angles"] = {"units": "rad"}
    write_hdf5(
        folder / "case.h5",
        arrays,
        patient.grid,
        attributes={"parameters": record},
        array_attributes=described,
    )


def write_series(
    recipe: CtRecipe,
    index: int,
    folder: Path,
    hu: np.ndarray,
    grid: Grid,
    series: CTSeries,
    record: Mapping[str, Any],
    body_part: str,
    source: str = "",
) -> None:
    """One DICOM series in `folder`; it gets the kernel of the recipe."""
    series = replace(series, kernel=recipe.protocol.kernel.upper())
    case = case_of(recipe, index, record["sex"], record["quantities"]["patient.age"], source, body_part)
    write_dicom_series(folder, hu, grid, series, case)


def person(record: Mapping[str, Any]) -> str:
    """The patient in words, for a page."""
    return f"{'woman' if record['sex'] == 'F' else 'man'}, {int(record['quantities']['patient.age'])} years"
