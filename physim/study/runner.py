"""A recipe becomes a dataset: case after case, or several at a time, and never a half one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from physim import io, provenance
from physim_phantoms import InputError

from .recipe import Recipe
from .state import case_folder, open_dataset, write_dataset
from .work import Announce, Case, MakeCase, Task, wants_x64, write_case

OnProgress = Callable[[Case, int, int], None]


@dataclass(frozen=True)
class Report:
    """What a run did: the cases it made, the indices of those that were there already, and its time in s."""

    recipe: str
    out: Path
    made: tuple[Case, ...]
    kept: tuple[int, ...]
    seconds: float


def run(
    recipe: Recipe,
    cases: int = 4,
    out: str | Path = "out",
    *,
    workers: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    offline: bool = False,
    announce: Announce | None = None,
    on_progress: OnProgress | None = None,
    on_download: Callable[[int, int], None] | None = None,
    make_case: MakeCase | None = None,
) -> Report:
    """Makes case_0001, case_0002, ... of a recipe in `out`, with the record of each and `dataset.json`.

    - `workers`: processes that work side by side (extra `cluster`); 0 works in this one. The bits are the same.
      A script that asks for workers keeps its own code below `if __name__ == "__main__":`.
    - `resume`: keep the cases that are whole, make the rest. A killed run loses the case in flight and no other.
    - `overwrite`: remove the cases that are there first.
    - `offline`: never download.
    - `announce`: called with one line before a download, and when kept cases come from another version.
    - `on_progress`: called with each finished case, how many are done, and how many there will be.
    - `on_download`: called with bytes done and bytes in all.
    - `make_case`: another pipeline than the recipe's own, `make_case(recipe, index, folder, *, offline, announce,
      progress) -> dict`; with workers it must be importable by name.

    Raises `InputError` for what cannot be asked for, `OSError` if the disk is full or may not be written, and `CaseError`
    if a worker is lost again and again. Finished cases stay.

    Good values: as many workers as the machine has cores divided by two, and 1 GB of memory for each at 1.5 mm.
    """
    start = time.perf_counter()
    _require_counts(cases, workers)
    out, content = Path(out), recipe.model_dump(mode="json")
    done = open_dataset(out, content, cases, resume=resume, overwrite=overwrite)
    kept = tuple(sorted(done))
    _tell_of_other_versions(out, kept, announce)
    todo = [index for index in range(cases) if index not in done]
    if todo and make_case is None:
        _get_data(recipe, offline, announce, on_download)
    tasks = [Task(content, i, case_folder(out, i), offline, wants_x64(), make_case) for i in todo]
    made = []
    try:
        for case in _work(tasks, workers, announce):
            made.append(case)
            done[case.index] = case.sha256
            write_dataset(out, content, cases, done)
            if on_progress is not None:
                on_progress(case, len(made), len(todo))
    finally:
        io.remove_stale(out)  # what killed workers left
    return Report(recipe.name, out, tuple(made), kept, time.perf_counter() - start)


def _work(tasks: Sequence[Task], workers: int, announce: Announce | None) -> Iterator[Case]:
    if workers == 0 or not tasks:
        yield from (write_case(task, announce) for task in tasks)
        return
    from .cluster import run_tasks

    yield from run_tasks(tasks, min(workers, len(tasks)))


def _require_counts(cases: int, workers: int) -> None:
    if not 1 <= cases <= 1_000_000:
        raise InputError(f"cases is {cases}; it must lie between 1 and 1000000")
    if not 0 <= workers <= 1024:
        raise InputError(f"workers is {workers}; it must lie between 0 (this process) and 1024")


def _get_data(
    recipe: Recipe, offline: bool, announce: Announce | None, progress: Callable[[int, int], None] | None
) -> None:
    """Downloads once, here, what every case will read."""
    if recipe.anatomy in io.SOURCES:
        io.fetch(recipe.anatomy, offline=offline, announce=announce, progress=progress)


def _tell_of_other_versions(out: Path, kept: Sequence[int], announce: Announce | None) -> None:
    if announce is None:
        return
    here = provenance.describe_environment()
    records = {index: provenance.read_record(case_folder(out, index)) for index in kept}
    other = [i for i, r in records.items() if provenance.differences(r["environment"], here)]
    if other:
        first = case_folder(out, other[0]).name
        announce(
            f"{len(other)} kept case(s), the first of them {first}, were made by other versions than today's"
        )
