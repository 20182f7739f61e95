"""`abdomen-ct-dual-energy`: patient, iodine, two scans, material maps and a monoenergetic image, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from physim.ct.readings import Readings
from physim.ct.reconstruction.reconstruct import reconstruct
from physim.ct.reconstruction.spectral import decompose_images, monoenergetic
from physim.ct.scan import scan
from physim.ct.source import Filter, Protocol
from physim.io import CTSeries, write_nifti
from physim_phantoms import TISSUES, Grid, Phantom

from .case_files import COLOURS, tissue_colours
from .contact_sheet import Column, contact_sheet
from .ct_case import SOFT_TISSUE, half_turn, person, record_of, stored, window_of, write_series, write_volumes
from .draws import drawn, drawn_sex, named_key
from .recipe_body_ct import AbdomenDualEnergyRecipe
from .trunk_patient import enhanced, make_trunk

_SOLUTION = 10.0  # mg of iodine in a ml of the second basis material
_BEHIND = 250.0  # mm of water that an abdomen's middle lies behind
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
    geometry = half_turn(patient.grid, recipe.protocol.views, recipe.protocol.pixel_size)
    raws = {
        name: scan(patient, geometry, protocol, named_key(key, f"noise.{name}"))
        for name, protocol in _protocols(numbers).items()
    }
    images = _images(raws, patient.grid, recipe.protocol.kernel, numbers["protocol.energy"])
    record = record_of(numbers, sex, source, plain, raws["low"])
    units = dict.fromkeys(images, "HU") | {"iodine": "mg/ml", "water": "ml/ml"}
    sinograms = {f"sinogram_{name}": raw for name, raw in raws.items()} if recipe.output.sinogram else {}
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


def _images(raws: Mapping[str, Readings], grid: Grid, kernel: str, energy: float) -> dict[str, np.ndarray]:
    """Both images and the monoenergetic one in HU, water in ml/ml, iodine in mg/ml."""
    materials = (TISSUES["water"], TISSUES["water"].with_iodine(_SOLUTION))
    both = jnp.stack([reconstruct(raw, grid, window=window_of(kernel)) for raw in raws.values()])
    volumes = decompose_images(both, tuple(raws.values()), materials, behind=_BEHIND)
    return {
        "ct_low": stored(both[0]),
        "ct_high": stored(both[1]),
        "monoenergetic": stored(monoenergetic(volumes, materials, energy)),
        "water": np.asarray(volumes[0] + volumes[1], np.float32),
        "iodine": np.asarray(_SOLUTION * volumes[1], np.float32),
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
            kernel=recipe.protocol.kernel.upper(),
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
    note = "level 40 HU  width 400 HU"
    tin = f" + {numbers['protocol.tin']:g} mm Sn" if numbers["protocol.tin"] else ""
    top = 1.25 * max(float(iodine.max()), 1.0)
    legend = {word: COLOURS[name] for word, name in _SHOWN.items() if name in patient.names}
    columns = [
        Column(f"{numbers['protocol.kvp_low']:.0f} kV", images["ct_low"], note, SOFT_TISSUE),
        Column(f"{numbers['protocol.kvp_high']:.0f} kV{tin}", images["ct_high"], note, SOFT_TISSUE),
        Column(f"{numbers['protocol.energy']:.0f} keV", images["monoenergetic"], note, SOFT_TISSUE),
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
