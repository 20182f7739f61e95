"""The patients of the chest and abdomen studies, a nodule in a lung, and iodine in blood and organs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import ndimage

from physim_phantoms import Grid, Phantom, anatomy

from .case_files import plain
from .ct_lesion import add_ellipsoid
from .draws import named_key
from .recipe_body_ct import AbdomenDualEnergyRecipe, ChestCtRecipe, ChestRadiographRecipe

_CLOSED = 8.0  # mm: vessels and airways up to this radius belong to the lung
# Which quantity of the recipe a tissue's iodine follows, and what share of it the tissue has.
_UPTAKE: Mapping[str, tuple[str, float]] = {
    "blood": ("blood", 1.0),
    "myocardium": ("blood", 0.35),
    "kidney": ("kidney", 1.0),
    "kidney_medulla": ("kidney", 0.9),
    "adrenal": ("liver", 1.0),
    "liver": ("liver", 1.0),
    "pancreas": ("liver", 0.9),
    "spleen": ("spleen", 1.0),
    "bowel_wall": ("liver", 0.6),
    "stomach_wall": ("liver", 0.6),
}


def make_trunk(
    recipe: ChestCtRecipe | ChestRadiographRecipe | AbdomenDualEnergyRecipe,
    key: PRNGKeyArray,
    numbers: Mapping[str, float],
    sex: str,
) -> tuple[Phantom, dict[str, Any]]:
    """The healthy patient of one case, and what is to be recorded about where it comes from."""
    grid = Grid(recipe.grid.shape, recipe.grid.spacing)
    stream, age = named_key(key, "anatomy"), numbers["patient.age"]
    belly = isinstance(recipe, AbdomenDualEnergyRecipe)
    values = (anatomy.abdomen_parameters if belly else anatomy.chest_parameters)(stream, age=age, sex=sex)
    patient = (anatomy.abdomen if belly else anatomy.chest)(grid, stream, age=age, sex=sex)
    return patient, {"source": "procedural", "parameters": {n: plain(v) for n, v in values.items()}}


def add_nodule(
    patient: Phantom, key: PRNGKeyArray, numbers: Mapping[str, float]
) -> tuple[Phantom, np.ndarray, dict[str, Any]]:
    """The patient with an ellipsoid of soft tissue in a lung, its share of every voxel, and the record of it."""
    lung = np.asarray(patient.fraction("lung"))
    closed = lung_with_vessels(lung, patient.grid)
    deep = numbers["nodule.diameter"] / 2 * numbers["nodule.elongation"] ** (2 / 3) + 4.0
    return add_ellipsoid(
        patient, "soft_tissue", "nodule", lung, closed.astype(np.float32), key, numbers, depth=deep
    )


def lung_with_vessels(lung: np.ndarray, grid: Grid) -> np.ndarray:
    """The mask of the lungs with what runs through them."""
    steps = max(1, round(_CLOSED / float(np.asarray(grid.spacing)[0])))
    edge = np.pad(lung > 0.5, steps)  # closing must not be eaten away at the grid's border
    closed = ndimage.binary_closing(edge, iterations=steps)
    return closed[tuple(slice(steps, -steps) for _ in range(3))]


def enhanced(patient: Phantom, numbers: Mapping[str, float]) -> tuple[Phantom, Float[Array, "x y z"]]:
    """The patient with iodine in blood and organs, and the true map of iodine, mg/ml."""
    amounts = [_iodine(name, numbers) for name in patient.names]
    tissues = tuple(
        tissue.with_iodine(amount) if amount else tissue
        for tissue, amount in zip(patient.tissues, amounts, strict=True)
    )
    made = Phantom(patient.grid, tissues, patient.ids, patient.fractions)
    return made, patient.mix(jnp.asarray(amounts))


def _iodine(tissue: str, numbers: Mapping[str, float]) -> float:
    source, share = _UPTAKE.get(tissue, ("", 0.0))
    return numbers[f"contrast.{source}"] * share if source else 0.0
