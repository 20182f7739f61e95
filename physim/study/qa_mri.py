"""`qa-mri`: test objects are scanned, measured and reported on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from physim import mri

from .draws import drawn, named_key
from .qa_mri_distortion import measure_distortion
from .qa_mri_noise import measure_noise
from .qa_mri_page import write_page
from .qa_mri_plate import TE, THICK, TR
from .qa_mri_plate import VIEW as PLATE_VIEW
from .qa_mri_relaxation import VIEW, measure_t1, measure_t2, planned_hours
from .qa_mri_table import judged, table
from .qa_report import Measured, write_files
from .recipe_qa_mri import QaMriRecipe


def make(recipe: QaMriRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any) -> dict[str, Any]:
    """Makes one report in `folder` and returns all its numbers, ready for JSON; tells the table to `announce`."""
    numbers = drawn(recipe, key)
    found = examine(recipe, numbers, scanner_of(numbers), key)
    values: dict[str, Any] = {}
    for part in found:
        values |= part.values
    tests = judged(values, numbers["scanner.field"])
    qa = {"tests": tests, **values}
    lines = table(tests, values)
    write_files(folder, qa, lines, found)
    heading = f"{recipe.name}   report {index + 1:04d}"
    write_page(folder / "qa.png", heading, _conditions(recipe, numbers), found, qa)
    if fetching.get("announce") is not None:
        for line in lines:
            fetching["announce"](line)
    return {"quantities": numbers, "qa": qa}


def examine(
    recipe: QaMriRecipe, numbers: Mapping[str, float], scanner: mri.Scanner, key: PRNGKeyArray
) -> list[Measured]:
    """All measurements of a scanner, which need not be what `numbers` say it is."""
    asked = scanner_of(numbers)
    # Tissue by tissue there are no gradients but ideal ones; the middle of the magnet has no others.
    even = mri.Scanner(field=scanner.field, noise=scanner.noise)
    model = nonlinearity_of(numbers)
    return [
        measure_t1(recipe, even, named_key(key, "t1")),
        measure_t2(recipe, even, named_key(key, "t2")),
        *measure_distortion(recipe, scanner, model, named_key(key, "lattice")),
        measure_noise(recipe, scanner, asked, named_key(key, "water")),
    ]


def scanner_of(numbers: Mapping[str, float]) -> mri.Scanner:
    """The scanner that a report is about, in order."""
    return mri.Scanner(
        field=numbers["scanner.field"],
        noise=numbers["scanner.noise"],
        gradients=mri.GradientSystem(nonlinearity=nonlinearity_of(numbers)),
    )


def nonlinearity_of(numbers: Mapping[str, float]) -> mri.GradientNonlinearity:
    """Gradients across are alike, that along the magnet bends more."""
    bend = numbers["scanner.nonlinearity"]
    return mri.GradientNonlinearity(cubic=(bend, bend, 1.5 * bend))


def _conditions(recipe: QaMriRecipe, numbers: Mapping[str, float]) -> list[str]:
    """How it was scanned, for the head of the page."""
    asked, images = recipe.relaxometry, recipe.images
    times = lambda values: f"{1e3 * values[0]:.0f} to {1e3 * values[-1]:.0f} ms"
    return [
        f"{numbers['scanner.field']:g} T     spheres: T1 by inversion recovery, {len(asked.inversion_times)} TI "
        f"{times(asked.inversion_times)}, TR {asked.inversion_tr:g} s; T2 by single spin echoes, "
        f"{len(asked.echo_times)} TE {times(asked.echo_times)}, TR {asked.echo_tr:g} s; "
        f"{planned_hours(recipe):.1f} h of scanning",
        f"matrix {images.matrix}²     spheres {VIEW:.0f} mm, slices {images.thickness:g} mm, Hann window     "
        f"lattice and water {PLATE_VIEW:.0f} mm, {THICK:g} mm, spin echo TR {1e3 * TR:.0f} TE {1e3 * TE:.0f} ms",
    ]
