"""JSON documents that prove themselves: a format, a schema, and a hash over everything else they say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from physim_phantoms import InputError


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, finite numbers only; what hashes are taken of.

    Raises `InputError` for NaN, infinity and whatever JSON does not know, such as arrays.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"cannot be written as JSON: {error}; give finite numbers, texts, lists and dictionaries"
        ) from error


def text(document: Mapping[str, Any]) -> str:
    """A document as it is written: sorted keys and line breaks, for people and for version control."""
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, by dotted name."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= (
            flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
        )
    return flat


def seal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with `sha256`, the hash of the canonical text of all the rest."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    return json.loads(canonical(rest)) | {"sha256": hashlib.sha256(canonical(rest).encode()).hexdigest()}


def read_document(path: Path, form: str, schema: int, fields: Mapping[str, type]) -> dict[str, Any]:
    """A sealed document of one format; `schema` is the newest that is understood.

    Raises `InputError` of one line for a missing, truncated, foreign, newer or changed document.
    """
    document = _parsed(path)
    if not isinstance(document, dict) or document.get("format") != form:
        raise InputError(f"{path} is not a {form} document; give one that physim wrote")
    found = document.get("schema")
    if not isinstance(found, int) or found < 1:
        raise InputError(f"{path} does not say which schema it has; restore it, or make the case again")
    if found > schema:
        raise InputError(
            f"{path} has schema {found} and this physim reads up to {schema}; pip install --upgrade physim-imaging"
        )
    for name, kind in fields.items():
        if not isinstance(document.get(name), kind):
            raise InputError(f"{path} lacks a valid {name!r}; restore it, or make the case again")
    if seal(document)["sha256"] != document.get("sha256"):
        raise InputError(
            f"{path} was changed after it was written: its hash does not fit; restore it, or make the case again"
        )
    return document


def _parsed(path: Path) -> object:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} is not there; give the path of a file that physim wrote") from None
    try:
        return json.loads(content, parse_constant=_refuse)
    except ValueError as error:  # also what JSON and UTF-8 decoding raise
        raise InputError(
            f"{path} is truncated or no JSON ({error}); restore it, or make the case again"
        ) from None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")
