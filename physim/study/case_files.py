"""What the folders of all cases have in common: label maps, whose images they are, and the look of tissues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from physim import __version__
from physim.io import Case, atomic_file, write_nifti
from physim_phantoms import Grid, Phantom

from .recipe import Recipe

COLOURS: Mapping[str, str] = {
    "air": "#000000",
    "grey_matter": "#8f8478",
    "deep_grey_matter": "#7b7064",
    "cerebellum": "#9a8c7a",
    "brainstem": "#b9ab97",
    "white_matter": "#d8cfc0",
    "csf": "#1f4e79",
    "dura": "#4f5d75",
    "oedema": "#4fb3bf",
    "enhancing_tumour": "#f2b544",
    "necrotic_core": "#b23a48",
    "blood": "#c0392b",
    "lung": "#27425a",
    "myocardium": "#8c3b46",
    "liver": "#8a5a3c",
    "spleen": "#7a4a6d",
    "kidney": "#b07a3f",
    "kidney_medulla": "#94632f",
    "pancreas": "#b99a5b",
    "bowel_wall": "#8f7466",
    "bowel_content": "#6b6a4a",
    "stomach_wall": "#9c8070",
    "urine": "#c9b458",
    "bile": "#6f8f3f",
    "cartilage": "#7f8c99",
    "intervertebral_disc": "#6f7f8f",
    "breast_glandular": "#9a7a86",
    "cortical_bone": "#5d6670",
    "trabecular_bone": "#454d57",
    "cranium": "#5d6670",
    "muscle": "#5b3b3b",
    "soft_tissue": "#6e5750",
    "adipose": "#4a4434",
    "skin": "#564a44",
}
_OTHER = "#40454d"


def labelled(patient: Phantom) -> tuple[np.ndarray, dict[str, str]]:
    """The number of the dominant tissue of every voxel, uint8, and what the numbers mean (JSON keys are text)."""
    return np.asarray(patient.labels), {str(number): name for number, name in patient.label_names.items()}


def write_labels(folder: Path, labels: np.ndarray, names: Mapping[str, str], patient: Phantom) -> None:
    """Writes labels.nii.gz, and labels.json with the names."""
    write_nifti(
        folder / "labels.nii.gz", labels, patient.grid, description="tissue labels of a synthetic patient"
    )
    with atomic_file(folder / "labels.json") as temporary:
        temporary.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def write_share(folder: Path, lesion: str, share: np.ndarray, grid: Grid) -> None:
    """Writes what the lesion fills of every voxel, from 0 to 1, under its name: labels only tell its tissue."""
    write_nifti(
        folder / f"{lesion}.nii.gz",
        np.asarray(share, np.float32),
        grid,
        description=f"{lesion}, share of every voxel, synthetic",
    )


def case_of(recipe: Recipe, index: int, sex: str, age: float, source: str, body_part: str) -> Case:
    """Whose images these are, for DICOM."""
    study = f"{recipe.name} seed {recipe.seed}"
    name = f"{recipe.name}-{recipe.seed}-{index + 1:04d}"[-60:]
    return Case(
        case_id=name, study=study, sex=sex, age=age, body_part=body_part, version=__version__, source=source
    )


def digitised(values: np.ndarray, levels: int = 4096) -> np.ndarray:
    """The values rounded to at least half of `levels` steps up to the largest, as a scanner's converter does.

    The step is a power of two, so that the numbers are short and files half as large; the rounding error is far below
    the noise of any image worth having.
    """
    peak = float(np.abs(values).max())
    if peak == 0:
        return values
    step = np.float32(2.0 ** np.ceil(np.log2(peak / (levels - 1))))
    return np.rint(values / step) * step


def tissue_colours(patient: Phantom) -> np.ndarray:
    """Every voxel's mixture of tissues as a mixture of their colours, "x y z 3" from 0 to 1."""
    table = np.array([_rgb(COLOURS.get(name, _OTHER)) for name in patient.names], np.float32)
    return np.stack([np.asarray(patient.mix(jnp.asarray(channel))) for channel in table.T], axis=-1)


def plain(value: Any) -> Any:
    """A number, array or text as JSON takes it."""
    return value if isinstance(value, str) else np.asarray(value).tolist()


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
