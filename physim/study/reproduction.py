"""The same case again, from its record alone, and whether it has the same bits."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from physim import io, provenance
from physim_phantoms import InputError

from . import recipe as recipes
from .work import Announce, MakeCase, Task, write_case


@dataclass(frozen=True)
class Reproduction:
    """How a case that was made again compares with its record.

    - `identical`: every file has the same bits, and there is neither a file less nor one more.
    - `differing`: names of the files that differ, are missing or are new.
    - `warnings`: what is different here (versions, processor, device), one line each.
    - `folder`: where the new case lies; None if it was not kept.
    """

    identical: bool
    files: int
    differing: tuple[str, ...]
    warnings: tuple[str, ...]
    folder: Path | None


def reproduce(
    record: str | Path,
    out: str | Path | None = None,
    *,
    offline: bool = False,
    announce: Announce | None = None,
    make_case: MakeCase | None = None,
) -> Reproduction:
    """Makes the case of a `record.json` again and compares every file with the recorded hash, bit for bit.

    - `out`: the folder that the new case becomes; it must not exist. Without it the new case is removed after the comparison.

    Raises `InputError` for a record that is missing, damaged or foreign, and what `run` raises.
    Bits are the same on the same processor with the same versions; `warnings` names what is not the same.
    """
    content = provenance.read_record(record)
    recipes.from_dict(content["recipe"])  # an unknown recipe is refused before anything is written
    if out is not None:
        if Path(out).exists():
            raise InputError(f"{out} exists already; give the name of a new folder")
        return _again(content, Path(out), True, offline, announce, make_case)
    with tempfile.TemporaryDirectory(prefix="physim-reproduce-") as scratch:
        return _again(content, Path(scratch) / "case", False, offline, announce, make_case)


def _again(
    record: dict,
    folder: Path,
    keep: bool,
    offline: bool,
    announce: Announce | None,
    make_case: MakeCase | None,
) -> Reproduction:
    x64 = bool(record["environment"].get("jax", {}).get("x64", False))
    if make_case is None and record["recipe"].get("anatomy") in io.SOURCES:
        io.fetch(record["recipe"]["anatomy"], offline=offline, announce=announce)
    write_case(Task(record["recipe"], record["case"], folder, offline, x64, make_case), announce)
    again = provenance.read_record(folder)
    names = sorted(record["files"].keys() | again["files"].keys())
    differing = tuple(name for name in names if record["files"].get(name) != again["files"].get(name))
    warnings = tuple(provenance.differences(record["environment"], again["environment"]))
    return Reproduction(not differing, len(names), differing, warnings, folder if keep else None)
