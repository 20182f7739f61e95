"""The record of one case: what was asked, what was drawn, with which software, and the hash of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from physim_phantoms import InputError

from .documents import read_document, seal
from .environment import describe_environment

RECORD = "record.json"
_FORMAT, _SCHEMA = "physim-record", 1
_FIELDS = {
    "recipe": dict,
    "case": int,
    "key": dict,
    "parameters": dict,
    "inputs": dict,
    "environment": dict,
    "files": dict,
    "synthetic": bool,
}


def make_record(
    folder: str | Path,
    *,
    recipe: Mapping[str, Any],
    case: int,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of a case whose files all lie in `folder`; nothing is written.

    - `recipe`: resolved, with every value; it holds the `seed`.
    - `case`: its index from 0, which the key is folded with.
    - `parameters`: what was drawn or measured for this case.
    - `inputs`: the data that it started from: names, and their hashes.

    Dates and timings are left out, so that the same case on the same machine has the same record, bit for bit.
    Raises `InputError` for values that JSON cannot hold, and for a recipe without a seed.
    """
    if "seed" not in recipe:
        raise InputError("the recipe has no 'seed'; a case without one cannot be made again")
    return seal(
        {
            "format": _FORMAT,
            "schema": _SCHEMA,
            "synthetic": True,
            "recipe": dict(recipe),
            "case": case,
            "key": {"seed": recipe["seed"], "fold_in": case},
            "parameters": dict(parameters),
            "inputs": dict(inputs or {}),
            "environment": describe_environment(),
            "files": hash_files(folder),
        }
    )


def read_record(path: str | Path) -> dict[str, Any]:
    """The record of a case, from its `record.json` or from the folder that holds it.

    Raises `InputError` of one line for a missing, truncated, foreign, newer or changed record.
    """
    path = Path(path)
    file = path / RECORD if path.is_dir() else path
    record = read_document(file, _FORMAT, _SCHEMA, _FIELDS)
    for name, entry in record["files"].items():
        _require_inside(file, name)
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("sha256"), str)
            or not isinstance(entry.get("bytes"), int)
        ):
            raise InputError(f"{file} has no hash and size of {name!r}; make the case again")
    return record


def hash_files(folder: str | Path) -> dict[str, dict[str, Any]]:
    """SHA-256 and size of every file in a case folder but its record; names relative, with forward slashes."""
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: _hashed(path) for name, path in names.items() if name != RECORD}


def _hashed(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _require_inside(record: Path, name: str) -> None:
    """A record from elsewhere must not make a reader look outside its own folder."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or not name:
        raise InputError(
            f"{record} names {name!r}, which is outside its folder; it is not a record that physim wrote"
        )
