"""What lies on disk is the state of a study: which cases are done, and whether more may be added."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from physim import io, provenance
from physim_phantoms import InputError


def case_folder(out: Path, index: int) -> Path:
    """Where case `index` (0, 1, ...) of a dataset lies: case_0001, case_0002, ..."""
    return out / f"case_{index + 1:04d}"


def open_dataset(
    out: Path, recipe: Mapping[str, Any], asked: int, *, resume: bool, overwrite: bool
) -> dict[int, str]:
    """Makes `out` ready and returns the finished cases: number and hash of the record.

    Refuses, before anything is written, a folder with cases of another recipe, and one with cases of this recipe
    unless `resume` or `overwrite` is asked for. `overwrite` removes the old cases and nothing else.
    """
    if resume and overwrite:
        raise InputError("resume and overwrite exclude one another; give one of them")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder for the dataset")
    old = case_folders(out)
    if old and not overwrite:
        _require_ours(out, recipe, len(old), resume)
    if overwrite:
        _require_removable(old.values())
    with io.file_errors(out / provenance.DATASET):
        out.mkdir(parents=True, exist_ok=True)
        io.remove_stale(out)
    done = {} if overwrite else finished(out, recipe)
    write_dataset(out, recipe, asked, done)
    if overwrite:
        for folder in old.values():
            shutil.rmtree(folder)
    return done


def case_folders(out: Path) -> dict[int, Path]:
    """The folders in `out` that are named as cases are, by index."""
    if not out.is_dir():
        return {}
    named = {path: re.fullmatch(r"case_(\d{4,})", path.name) for path in sorted(out.iterdir())}
    return {
        int(match[1]) - 1: path for path, match in named.items() if match and int(match[1]) and path.is_dir()
    }


def finished(out: Path, recipe: Mapping[str, Any]) -> dict[int, str]:
    """The cases of this recipe that are whole: the record is there, and every hash fits."""
    done = {}
    for index, folder in case_folders(out).items():
        try:
            record = provenance.read_record(folder)
        except InputError:
            continue  # unfinished or damaged: it will be made again
        same = record["recipe"] == recipe and record["case"] == index
        if same and record["files"] == provenance.hash_files(folder):
            done[index] = record["sha256"]
    return done


def write_dataset(out: Path, recipe: Mapping[str, Any], asked: int, done: Mapping[int, str]) -> None:
    """Brings the dataset's page of contents up to date, in one step."""
    cases = {case_folder(out, index).name: done[index] for index in sorted(done)}
    page = provenance.make_dataset(recipe, max(asked, len(cases)), cases)
    with io.atomic_file(out / provenance.DATASET) as file:
        file.write_text(provenance.text(page), encoding="utf-8")


def _require_ours(out: Path, recipe: Mapping[str, Any], cases: int, resume: bool) -> None:
    if not (out / provenance.DATASET).is_file():
        raise InputError(
            f"{out} holds case folders but no {provenance.DATASET}; give another folder with --out"
        )
    found = provenance.read_dataset(out)["recipe"]
    if found != recipe:
        raise InputError(
            f"{out} holds another dataset ({_difference(found, recipe)}); give another --out, or --overwrite it"
        )
    if not resume:
        raise InputError(
            f"{out} holds {cases} case(s) of this recipe; add --resume to go on, or --overwrite to start again"
        )


def _require_removable(folders: Any) -> None:
    """Only what physim wrote is ever removed."""
    for folder in folders:
        if not (folder / provenance.RECORD).is_file():
            raise InputError(
                f"{folder} has no {provenance.RECORD}, so physim did not write it; move it away first"
            )


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first parameter in which two recipes differ, in words."""
    left, right = provenance.flatten(found), provenance.flatten(wanted)
    for name in ("kind", "name", "seed", *sorted(left.keys() | right.keys())):
        if left.get(name) != right.get(name):
            return f"{name} is {left.get(name)!r} there and {right.get(name)!r} here"
    return "it is sorted in another way"
