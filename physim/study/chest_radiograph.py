"""`chest-radiograph`: patient, nodule, one exposure on a flat panel, files."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from physim.ct.coverage import TruncationWarning
from physim.ct.geometry import ConeBeam, radiograph
from physim.ct.projector import project
from physim.ct.radiography import (
    Detail,
    Display,
    HistogramWindow,
    expose,
    flat_panel,
    presentation,
    primary_transmission,
    upright,
)
from physim.ct.readings import Readings
from physim.ct.scatter.antiscatter import AntiscatterGrid, bucky
from physim.ct.source import Protocol
from physim.io import DXSeries, write_dicom_radiograph, write_hdf5, write_nifti
from physim_phantoms import Grid, Phantom

from .case_files import case_of, labelled, write_labels, write_share
from .draws import drawn, drawn_sex, named_key
from .radiograph_page import write_page, write_picture
from .recipe_body_ct import ChestRadiographRecipe
from .trunk_patient import add_nodule, make_trunk

_TO_AXIS, _TO_DETECTOR = 1600.0, 1850.0  # mm
_PANEL = 430.0  # mm, edge of the panel
_LINES = 40.0  # strips of the antiscatter grid per cm
_ENERGY = 60.0  # keV, of the line integrals that are kept as the truth


def make(
    recipe: ChestRadiographRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    healthy, source = make_trunk(recipe, key, numbers, sex)
    patient, nodule, lesion = add_nodule(healthy, key, numbers)
    geometry = _geometry(recipe, patient.grid)
    antiscatter = bucky(numbers["protocol.grid_ratio"], _LINES)
    protocol = Protocol(
        kvp=numbers["protocol.kvp"],
        mas=numbers["protocol.mas"],
        filtration=3.0,
        detector=flat_panel(geometry),
    )
    with warnings.catch_warnings():
        # A panel shows a part of the patient: that the arms leave it is no fault.
        warnings.simplefilter("ignore", TruncationWarning)
        raw = expose(patient, geometry, protocol, named_key(key, "noise"), grid=antiscatter)
    images = _images(recipe, raw, patient, nodule, geometry)
    record = {
        "quantities": numbers,
        "sex": sex,
        "anatomy": source,
        "nodule": lesion,
        "geometry": {"view": recipe.protocol.view, **_described(geometry, protocol, antiscatter)},
        "label_names": labelled(patient)[1],
        "grid": {"shape": list(patient.grid.shape), "affine": patient.grid.affine.tolist()},
    }
    _write(recipe, folder, patient, nodule, images, record)
    if recipe.output.dicom:
        _write_dicom(recipe, index, folder, images["presentation"], record)
    write_picture(folder / "radiograph.png", images["presentation"])
    write_page(folder / "contact_sheet.png", f"{recipe.name}   case {index + 1:04d}", images, record)
    return record


def _geometry(recipe: ChestRadiographRecipe, grid: Grid) -> ConeBeam:
    pixel = recipe.protocol.pixel_size
    edge = max(8, 2 * round(_PANEL / pixel / 2))
    angle = math.pi / 2 if recipe.protocol.view == "lateral" else 0.0
    x, y, z = (float(c) for c in grid.centre)
    return radiograph(_TO_AXIS, _TO_DETECTOR, (edge, edge), (pixel, pixel), angle=angle, centre=(x, y, z))


def _display(processing: str) -> Display:
    """How strongly detail is raised, as the kernel does in CT."""
    kinds = {
        "standard": Display(),
        "soft": Display(Detail((1.0, 1.1, 1.2, 1.2, 1.1, 1.0), base=0.9)),
        "bone": Display(Detail(base=0.5), HistogramWindow(0.2, 0.999)),
    }
    return kinds[processing]


def _images(
    recipe: ChestRadiographRecipe, raw: Readings, patient: Phantom, nodule: np.ndarray, geometry: ConeBeam
) -> dict[str, np.ndarray]:
    """The radiograph as measured and as shown, and the truth: line integrals of all and paths of bone and nodule."""
    log = raw.log()
    attenuation = jnp.asarray(patient.attenuation(jnp.asarray([_ENERGY])))[0]
    bone = sum(patient.fraction(n) for n in ("cortical_bone", "trabecular_bone") if n in patient.names)
    paths = {
        "line_integral": attenuation,
        "bone_path": jnp.asarray(bone, attenuation.dtype) + jnp.zeros_like(attenuation),
        "nodule_path": jnp.asarray(nodule, attenuation.dtype),
    }
    made = {
        "presentation": presentation(log, _display(recipe.protocol.processing)),
        "log": log,
        **{name: project(volume, patient.grid, geometry) for name, volume in paths.items()},
    }
    return {name: np.asarray(upright(v, geometry), np.float32)[0] for name, v in made.items()}


def _described(geometry: ConeBeam, protocol: Protocol, antiscatter: AntiscatterGrid) -> dict[str, Any]:
    return {
        "source_to_axis_mm": _TO_AXIS,
        "source_to_detector_mm": _TO_DETECTOR,
        "detector_shape": list(geometry.detector_shape),
        "pixel_size_mm": [float(size[0]) for size in geometry.pixel_size],
        "source_mm": np.asarray(geometry.source)[0].tolist(),
        "detector_centre_mm": np.asarray(geometry.detector_centre)[0].tolist(),
        "grid_primary_transmission": round(float(primary_transmission(antiscatter, protocol)), 4),
        "line_integral_keV": _ENERGY,
    }


def _write(
    recipe: ChestRadiographRecipe,
    folder: Path,
    patient: Phantom,
    nodule: np.ndarray,
    images: Mapping[str, np.ndarray],
    record: Mapping[str, Any],
) -> None:
    """The patient's labels and nodule, and the radiographs on a grid of their own: x across, y up, one plane."""
    labels, names = labelled(patient)
    write_labels(folder, labels, names, patient)
    write_share(folder, "nodule", nodule, patient.grid)
    flat = {name: np.ascontiguousarray(image[::-1, ::-1].T)[..., None] for name, image in images.items()}
    pixel = recipe.protocol.pixel_size
    panel = Grid(flat["log"].shape, (pixel, pixel, 1.0))
    if recipe.output.nifti:
        write_nifti(folder / "radiograph.nii.gz", flat["log"], panel)
    units = {"presentation": "1, black to white", "log": "1", "line_integral": "1"}
    units |= {"bone_path": "mm", "nodule_path": "mm"}
    write_hdf5(
        folder / "case.h5",
        {"images": flat},
        panel,
        attributes={"parameters": record},
        array_attributes={f"images/{name}": {"units": units[name]} for name in flat},
    )


def _write_dicom(
    recipe: ChestRadiographRecipe,
    index: int,
    folder: Path,
    shown: np.ndarray,
    record: Mapping[str, Any],
) -> None:
    """The picture as a digital X-ray image; in the lateral view the beam leaves the patient at the left side."""
    numbers, pixel = record["quantities"], recipe.protocol.pixel_size
    lateral = recipe.protocol.view == "lateral"
    series = DXSeries(
        view="LL" if lateral else "PA",
        pixel_size=(pixel, pixel),
        kvp=numbers["protocol.kvp"],
        mas=numbers["protocol.mas"],
        source_to_detector=_TO_DETECTOR,
        source_to_patient=_TO_AXIS,
        grid_ratio=numbers["protocol.grid_ratio"],
        description="Chest lateral" if lateral else "Chest PA",
    )
    case = case_of(recipe, index, record["sex"], numbers["patient.age"], "", "CHEST")
    write_dicom_radiograph(folder / "dicom" / "dx", shown, series, case)
