"""What the acceptance tests of all scanners share: objects, verdicts, lines of the table, files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from physim.io import atomic_file, write_nifti
from physim_phantoms import Grid


@dataclass(frozen=True)
class Measured:
    """One test object: its image "x y z" where there is one worth keeping, and what was measured on it."""

    name: str
    image: np.ndarray
    grid: Grid | None
    values: dict[str, Any]


def test_of(name: str, measured: str, limit: str, passed: bool | None) -> dict[str, Any]:
    """One row: what was measured, what is allowed, and whether it passed; None where nothing is asked."""
    return {
        "test": name,
        "measured": measured,
        "allowed": limit,
        "passed": None if passed is None else bool(passed),
    }


def verdict(test: Mapping[str, Any]) -> str:
    """pass, FAIL, or nothing where nothing is asked."""
    return {True: "pass", False: "FAIL", None: ""}[test["passed"]]


def lines_of(tests: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tests as lines of text, below their head."""
    rows = [("test", "measured", "allowed", "verdict")]
    rows += [(t["test"], t["measured"], t["allowed"], verdict(t)) for t in tests]
    return [f"{name:<28}{measured:>18}   {limit:<22}{word}" for name, measured, limit, word in rows]


def write_files(folder: Path, qa: Mapping[str, Any], lines: Sequence[str], found: Sequence[Measured]) -> None:
    """The numbers, the table, and an image of every object that has one."""
    with atomic_file(folder / "qa.json") as temporary:
        temporary.write_text(json.dumps(qa, indent=1) + "\n", encoding="utf-8")
    with atomic_file(folder / "qa.txt") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part in found:
        if part.grid is not None:
            write_nifti(folder / f"{part.name}.nii.gz", part.image, part.grid)
