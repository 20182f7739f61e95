"""`abdomen-ct-dual-energy`: patient, iodine, two scans, material maps and a monoenergetic image, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from physim.ct.reconstruction.spectral import monoenergetic
from physim.ct.source import Filter, Protocol
from physim.io import CTSeries, write_nifti
from physim_phantoms import Grid, Phantom

from .axial_scan import Turns, reconstruct_planes, scan_planes
from .case_files import tissue_colours
from .contact_sheet import Column, contact_sheet
from .ct_case import (
    SOFT_TISSUE,
    grey_column,
    legend_of,
    person,
    record_of,
    stored,
    window_of,
    write_series,
    write_volumes,
)
from .draws import drawn, drawn_sex, named_key
from .dual_energy import MATERIALS, decomposition_of, material_maps
from .recipe_body_ct import AbdomenDualEnergyRecipe
from .trunk_patient import enhanced, make_trunk

_SHOWN = {
    "blood": "blood",
    "liver": "liver",
    "kidney": "kidney",
    "spleen": "spleen",
    "muscle": "muscle",
    "bone": "cortical_bone",
}


def make(
    recipe: AbdomenDualEnergyRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    plain, source = make_trunk(recipe, key, numbers, sex)
    patient, iodine = enhanced(plain, numbers)
    settings = recipe.protocol
    scans = {
        name: scan_planes(
            patient, settings.views, settings.pixel_size, protocol, named_key(key, f"noise.{name}")
        )
        for name, protocol in _protocols(numbers).items()
    }
    images = _images(recipe, scans, patient.grid, numbers["protocol.energy"])
    record = record_of(numbers, sex, source, plain, scans["low"].geometry)
    units = dict.fromkeys(images, "HU") | {"iodine": "mg/ml", "water": "ml/ml", "bone": "1"}
    sinograms = {f"sinogram_{name}": turns for name, turns in scans.items()} if recipe.output.sinogram else {}
    write_volumes(folder, plain, images, units, sinograms, record)
    write_nifti(
        folder / "iodine_truth.nii.gz",
        np.asarray(iodine, np.float32),
        plain.grid,
        description="true iodine, mg/ml, synthetic",
    )
    if recipe.output.dicom:
        _write_dicom(recipe, index, folder, images, plain.grid, record)
    _write_sheet(recipe, index, folder, plain, images, np.asarray(iodine), record)
    return record


def _protocols(numbers: Mapping[str, float]) -> dict[str, Protocol]:
    tin = numbers["protocol.tin"]
    sheet = (Filter("tin", tin),) if tin > 0 else ()
    return {
        "low": Protocol(kvp=numbers["protocol.kvp_low"], mas=numbers["protocol.mas_low"]),
        "high": Protocol(kvp=numbers["protocol.kvp_high"], mas=numbers["protocol.mas_high"], filters=sheet),
    }


def _images(
    recipe: AbdomenDualEnergyRecipe, scans: Mapping[str, Turns], grid: Grid, energy: float
) -> dict[str, np.ndarray]:
    """Both images and the monoenergetic one in HU, and the maps of materials."""
    window = window_of(recipe.protocol.kernel)
    low, high = (reconstruct_planes(turns, grid, window) for turns in scans.values())
    decomposition = decomposition_of(recipe.protocol.decomposition)
    volumes = decomposition.volumes((scans["low"], scans["high"]), np.stack([low, high]), grid, window)
    return {
        "ct_low": stored(low),
        "ct_high": stored(high),
        "monoenergetic": stored(monoenergetic(jnp.asarray(volumes), MATERIALS, energy)),
        **material_maps(volumes, recipe.grid.spacing),
    }


def _write_dicom(
    recipe: AbdomenDualEnergyRecipe,
    index: int,
    folder: Path,
    images: Mapping[str, np.ndarray],
    grid: Grid,
    record: Mapping[str, Any],
) -> None:
    numbers = record["quantities"]
    described = {
        "ct_low": ("Abdomen CT low energy", "low"),
        "ct_high": ("Abdomen CT high energy", "high"),
        "monoenergetic": (f"Abdomen CT virtual {numbers['protocol.energy']:.0f} keV", "low"),
    }
    for number, (name, (words, which)) in enumerate(described.items(), 1):
        series = CTSeries(
            description=words,
            number=number,
            kvp=numbers[f"protocol.kvp_{which}"],
            mas=numbers[f"protocol.mas_{which}"],
            window=(40.0, 400.0),
        )
        write_series(recipe, index, folder / "dicom" / name, images[name], grid, series, record, "ABDOMEN")


def _write_sheet(
    recipe: AbdomenDualEnergyRecipe,
    index: int,
    folder: Path,
    patient: Phantom,
    images: Mapping[str, np.ndarray],
    iodine: np.ndarray,
    record: Mapping[str, Any],
) -> None:
    numbers = record["quantities"]
    tin = f" + {numbers['protocol.tin']:g} mm Sn" if numbers["protocol.tin"] else ""
    top = 1.25 * max(float(iodine.max()), 1.0)
    legend = legend_of(_SHOWN, patient)
    columns = [
        grey_column(SOFT_TISSUE, images["ct_low"], f"{numbers['protocol.kvp_low']:.0f} kV"),
        grey_column(SOFT_TISSUE, images["ct_high"], f"{numbers['protocol.kvp_high']:.0f} kV{tin}"),
        grey_column(SOFT_TISSUE, images["monoenergetic"], f"{numbers['protocol.energy']:.0f} keV"),
        Column("IODINE", images["iodine"], f"0 to {top:.1f} mg/ml", (0.0, top)),
        Column("TRUE IODINE", iodine, f"0 to {top:.1f} mg/ml", (0.0, top)),
        Column("TISSUES", tissue_colours(patient), "mixture of every voxel", legend=legend),
    ]
    contact_sheet(
        folder / "contact_sheet.png",
        columns,
        patient.grid,
        _middle_of_the_kidneys(patient),
        heading=f"{recipe.name}   case {index + 1:04d}",
        details=(
            f"{person(record)}   ·   iodine in blood {numbers['contrast.blood']:.1f} mg/ml   ·   "
            f"{numbers['protocol.mas_low']:.0f} and {numbers['protocol.mas_high']:.0f} mAs, "
            f"{recipe.protocol.kernel} kernel"
        ),
    )


def _middle_of_the_kidneys(patient: Phantom) -> np.ndarray:
    """A point of a kidney, so that all planes show one; the middle of the grid where there is none."""
    grid = patient.grid
    if "kidney" not in patient.names:
        return np.asarray(grid.centre)
    kidney = np.asarray(patient.fraction("kidney"))
    kidney = kidney * (np.arange(kidney.shape[0]) < kidney.shape[0] / 2)[:, None, None]
    if kidney.sum() == 0:
        return np.asarray(grid.centre)
    index = [
        float((kidney.sum(axis=tuple(a for a in range(3) if a != axis)) * np.arange(n)).sum() / kidney.sum())
        for axis, n in enumerate(kidney.shape)
    ]
    return np.asarray(grid.index_to_world(np.array(index)))
