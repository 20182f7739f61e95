"""One case of a dataset: everything in its folder but the record."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from physim_phantoms import InputError

from .recipe import (
    AbdomenDualEnergyRecipe,
    AcceleratedMriRecipe,
    BrainProtocolRecipe,
    ChestCtRecipe,
    ChestRadiographRecipe,
    GliomaRecipe,
    HeadCtRecipe,
    QaCtRecipe,
    QaMriRecipe,
    Recipe,
)


def make_case(
    recipe: Recipe,
    index: int,
    folder: str | Path,
    *,
    offline: bool = False,
    announce: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Writes all files of case `index` (from 0) into the existing `folder`; returns every number behind them.

    The case depends on nothing but the recipe and the index: its key is the recipe's seed folded with the index, so the
    same recipe gives the same bytes on one machine, whatever else ran before or beside it.

    - `offline`, `announce`, `progress`: as for `physim.io.fetch`, for recipes that need fetched data.

    Raises `InputError` for a negative index or a folder that does not exist; what the fetcher and the writers raise.
    """
    if index < 0:
        raise InputError(f"index is {index}; cases are counted from 0")
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; make it before the case is written into it")
    key = jax.random.fold_in(jax.random.key(recipe.seed), index)
    made = _maker(recipe)(recipe, key, index, folder, offline=offline, announce=announce, progress=progress)
    return {
        "recipe": recipe.name,
        "kind": recipe.kind,
        "index": index,
        "seed": recipe.seed,
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        **made,
    }


# Where each kind is made; imported when it is asked for.
_MAKERS: Mapping[type[Recipe], str] = {
    AcceleratedMriRecipe: "accelerated_mri",
    GliomaRecipe: "glioma",
    BrainProtocolRecipe: "brain_protocol",
    HeadCtRecipe: "head_ct",
    ChestCtRecipe: "chest_ct",
    AbdomenDualEnergyRecipe: "abdomen_ct",
    ChestRadiographRecipe: "chest_radiograph",
    QaCtRecipe: "qa_ct",
    QaMriRecipe: "qa_mri",
}


def _maker(recipe: Recipe) -> Callable[..., dict[str, Any]]:
    if type(recipe) not in _MAKERS:
        raise InputError(
            f"no maker for recipes of kind {recipe.kind!r}; load one with physim.study.recipe.load"
        )
    return importlib.import_module(f"{__package__}.{_MAKERS[type(recipe)]}").make
