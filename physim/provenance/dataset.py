"""The page of contents of a dataset: its recipe, its cases, and the hash of each case's record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .documents import read_document, seal

DATASET = "dataset.json"
_FORMAT, _SCHEMA = "physim-dataset", 1
_FIELDS = {"recipe": dict, "asked": int, "cases": dict, "synthetic": bool}


def make_dataset(recipe: Mapping[str, Any], asked: int, cases: Mapping[str, str]) -> dict[str, Any]:
    """The contents of a dataset; `cases` maps folder names to the `sha256` of their records. Nothing is written."""
    return seal(
        {
            "format": _FORMAT,
            "schema": _SCHEMA,
            "synthetic": True,
            "recipe": dict(recipe),
            "asked": asked,
            "cases": dict(cases),
        }
    )


def read_dataset(folder: str | Path) -> dict[str, Any]:
    """The contents of the dataset in `folder`; refuses a missing, truncated, foreign, newer or changed page."""
    return read_document(Path(folder) / DATASET, _FORMAT, _SCHEMA, _FIELDS)
