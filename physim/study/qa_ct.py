"""`qa-ct`: test objects are scanned, measured and reported on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from physim.ct.source import Protocol

from .draws import drawn, named_key
from .qa_ct_measure import SLICE, measure_noise, measure_rods, measure_wire
from .qa_ct_page import write_page
from .qa_ct_table import judged, table
from .qa_report import write_files
from .recipe_qa_ct import QaCtRecipe


def make(recipe: QaCtRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any) -> dict[str, Any]:
    """Makes one report in `folder` and returns all its numbers, ready for JSON; tells the table to `announce`."""
    numbers = drawn(recipe, key)
    protocol = Protocol(kvp=numbers["protocol.kvp"], mas=numbers["protocol.mas"])
    found = [
        measure_noise(recipe, protocol, numbers["phantoms.diameter"], named_key(key, "water")),
        measure_rods(recipe, protocol, named_key(key, "rods")),
        measure_wire(recipe, protocol, numbers["phantoms.wire"]),
    ]
    values: dict[str, Any] = {}
    for part in found:
        values |= part.values
    tests = judged(values, numbers["protocol.kvp"])
    qa = {"tests": tests, **values}
    lines = table(tests, values)
    write_files(folder, qa, lines, found)
    write_page(
        folder / "qa.png", f"{recipe.name}   report {index + 1:04d}", _conditions(recipe, numbers), found, qa
    )
    if fetching.get("announce") is not None:
        for line in lines:
            fetching["announce"](line)
    return {"quantities": numbers, "kernel": recipe.protocol.kernel, "qa": qa}


def _conditions(recipe: QaCtRecipe, numbers: Mapping[str, float]) -> list[str]:
    """How it was scanned, for the head of the page."""
    scan, phantoms = recipe.protocol, recipe.phantoms
    return [
        f"{numbers['protocol.kvp']:.0f} kV     {numbers['protocol.mas']:.0f} mAs     {scan.kernel} kernel     "
        f"{scan.views} views over 180°, detector pitch {scan.pixel_size:g} mm at the axis, parallel beam",
        f"water {numbers['phantoms.diameter']:.0f} mm     rods: Catphan CTP404 in water 150 mm     "
        f"steel wire {numbers['phantoms.wire']:g} mm in air     voxels {phantoms.spacing:g} mm, planes {SLICE:g} mm",
    ]
