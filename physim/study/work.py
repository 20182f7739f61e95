"""One case, whole or not at all: what a worker does, in this process or in another."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from physim import io, provenance

from . import recipe as recipes

MakeCase = Callable[..., Mapping[str, Any]]
Announce = Callable[[str], None]


class CaseError(RuntimeError):
    """A case that could not be made, for another reason than its input or the disk."""


@dataclass(frozen=True)
class Task:
    """What another process needs to make one case: small, and nothing but plain values and one function by name.

    `recipe` as `model_dump(mode="json")` gives it; `x64` because precision changes the bits; `make_case` None for the real one.
    """

    recipe: Mapping[str, Any]
    index: int
    folder: Path
    offline: bool
    x64: bool = False
    make_case: MakeCase | None = None


@dataclass(frozen=True)
class Case:
    """One finished case: its index from 0, its folder, the hash of its record, its size in bytes, how long it took in s."""

    index: int
    folder: Path
    sha256: str
    bytes: int
    seconds: float


def write_case(task: Task, announce: Announce | None = None) -> Case:
    """Makes one case in a temporary folder, hashes it, writes its record, and moves the whole into place.

    Raises what the recipe's pipeline raises; then nothing is left, and an older case in that place is untouched.
    """
    start = time.perf_counter()
    make_case = task.make_case or _pipeline()
    with io.atomic_folder(task.folder, replace=True) as folder, _precision(task.x64):
        asked = recipes.from_dict(task.recipe)
        parameters = make_case(
            asked, task.index, folder, offline=task.offline, announce=announce, progress=None
        )
        record = provenance.make_record(
            folder, recipe=task.recipe, case=task.index, parameters=parameters, inputs=_inputs(asked.anatomy)
        )
        if not record["files"]:
            raise CaseError(f"{task.folder.name} of {asked.name}: the pipeline wrote no file")
        (folder / provenance.RECORD).write_text(provenance.text(record), encoding="utf-8")
    size = sum(entry["bytes"] for entry in record["files"].values())
    return Case(task.index, task.folder, record["sha256"], size, time.perf_counter() - start)


def wants_x64() -> bool:
    """Whether this process computes in double precision; it need not load JAX to say no."""
    jax = sys.modules.get("jax")
    return jax is not None and bool(jax.config.jax_enable_x64)


def _inputs(anatomy: str) -> dict[str, dict[str, str]]:
    """The fetched files that an anatomy starts from; the fetcher has proven that they have these hashes."""
    if anatomy not in io.SOURCES:
        return {}
    source = io.SOURCES[anatomy]
    return {source.folder: {piece.name: piece.sha256 for piece in source.pieces}}


def _pipeline() -> MakeCase:
    from .cases import make_case

    return make_case


@contextlib.contextmanager
def _precision(x64: bool) -> Iterator[None]:
    if x64 == wants_x64():
        yield
        return
    import jax

    with jax.enable_x64(x64):
        yield
