"""Whether a case or a dataset is still what was written: every hash, every file, nothing more."""

from __future__ import annotations

from pathlib import Path

from physim_phantoms import InputError

from .dataset import DATASET, read_dataset
from .record import RECORD, hash_files, read_record


def verify(folder: str | Path) -> list[str]:
    """What is wrong with a case folder or a dataset folder, one line each; an empty list if nothing is.

    A case is checked against its `record.json`, a dataset against its `dataset.json` and then case by case.
    Raises `InputError` if `folder` is neither.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a dataset, or one case of it")
    if (folder / RECORD).is_file():
        return _case_problems(folder)
    if (folder / DATASET).is_file() or _case_folders(folder):
        return _dataset_problems(folder)
    raise InputError(f"{folder} holds neither {DATASET} nor {RECORD}; give a dataset, or one case of it")


def _case_problems(folder: Path) -> list[str]:
    try:
        record = read_record(folder)
    except InputError as error:
        return [str(error)]
    expected, found = record["files"], hash_files(folder)
    problems = [f"{folder / name} is missing" for name in sorted(expected.keys() - found.keys())]
    problems += [f"{folder / name} is not in the record" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        if found[name]["bytes"] != expected[name]["bytes"]:
            problems.append(
                f"{folder / name} has {found[name]['bytes']} bytes, not {expected[name]['bytes']}"
            )
        elif found[name]["sha256"] != expected[name]["sha256"]:
            problems.append(f"{folder / name} was changed: its SHA-256 is not the one in the record")
    return problems


def _dataset_problems(folder: Path) -> list[str]:
    cases = _case_folders(folder)
    found = [problem for case in cases.values() for problem in _case_problems(case)]
    try:
        dataset = read_dataset(folder)
    except InputError as error:
        return [str(error), *found]
    listed = dataset["cases"]
    problems = [f"{folder / name} is missing" for name in sorted(listed.keys() - cases.keys())]
    problems += [
        f"{folder / name} is not listed in {DATASET}" for name in sorted(cases.keys() - listed.keys())
    ]
    if len(listed) < dataset["asked"]:
        problems.append(
            f"{folder} has {len(listed)} of {dataset['asked']} cases; go on with the same command and --resume"
        )
    for name in sorted(listed.keys() & cases.keys()):
        problems += _membership_problems(cases[name], dataset, listed[name])
    return problems + found


def _membership_problems(case: Path, dataset: dict, sha256: str) -> list[str]:
    """Whether a sound record is the one that the dataset lists, made by the dataset's recipe."""
    try:
        record = read_record(case)
    except InputError:
        return []  # told already, as a problem of the case
    if record["sha256"] != sha256:
        return [f"{case / RECORD} is not the record that {DATASET} lists"]
    if record["recipe"] != dataset["recipe"]:
        return [f"{case / RECORD} was made by another recipe than the dataset's"]
    return []


def _case_folders(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("case_*")) if path.is_dir()}
