"""The verdicts of the acceptance test of an MRI scanner, and the table that is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .qa_report import lines_of, test_of

RELAXATION = 1.0  # %
_IDEAL = 0.1  # voxels
_CORRECTED = 0.5  # mm; the American College of Radiology allows 2 mm over 190 mm
_UNIFORM, _UNIFORM_AT_3T = 87.5, 82.0  # %, American College of Radiology
_GHOSTS = 2.5  # %, the same


def judged(values: Mapping[str, Any], field: float) -> list[dict[str, Any]]:
    """Every test: name, what was measured, what is allowed, and whether it passed; None where nothing is asked."""
    return [*_relaxation(values), *_geometry(values["distortion"]), *_signal(values["noise"], field)]


def _relaxation(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = []
    for array in ("t1", "t2"):
        worst = values[array]["largest_error_percent"]
        count = len(values[array]["spheres"])
        name = f"{array.upper()} of {count} spheres"
        made.append(test_of(name, f"within {worst:.2f} %", f"≤ {RELAXATION:g} %", worst <= RELAXATION))
    return made


def _geometry(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    voxel, over = found["voxel_mm"], f"⌀ {found['diameter_mm']:.0f} mm"
    ideal, bent, corrected = (found[name] for name in ("ideal", "uncorrected", "corrected"))
    off = found["from_expected"]["max_mm"]
    return [
        test_of(
            "Distortion, ideal gradients",
            f"{ideal['max_mm']:.2f} mm",
            f"≤ {_IDEAL:g} voxels",
            ideal["max_mm"] <= _IDEAL * voxel,
        ),
        test_of(f"Distortion in {over}", f"{bent['mean_mm']:.2f}, max {bent['max_mm']:.2f} mm", "", None),
        test_of("  from its model", f"{off:.2f} mm", f"≤ {_CORRECTED:g} mm", off <= _CORRECTED),
        test_of(
            "  once corrected",
            f"{corrected['mean_mm']:.2f}, max {corrected['max_mm']:.2f} mm",
            f"≤ {_CORRECTED:g} mm",
            corrected["max_mm"] <= _CORRECTED,
        ),
    ]


def _signal(found: Mapping[str, Any], field: float) -> list[dict[str, Any]]:
    even = _UNIFORM_AT_3T if field >= 3.0 else _UNIFORM
    made = [test_of("SNR that was asked for", f"{found['expected_snr']:.0f}", "", None)]
    for name, key in (("SNR, two images", "two_images"), ("SNR, image and air", "background")):
        one = found[key]
        off, room = one["error_percent"], one["allowed_percent"]
        measured = f"{one['snr']:.0f}, noise {off:+.1f} %"
        made.append(test_of(name, measured, f"± {room:.1f} %", abs(off) <= room))
    return [
        *made,
        test_of(
            "Uniformity",
            f"{found['uniformity_percent']:.1f} %",
            f"≥ {even:g} %",
            found["uniformity_percent"] >= even,
        ),
        test_of(
            "Ghosting",
            f"{found['ghosting_percent']:.2f} %",
            f"≤ {_GHOSTS:g} %",
            found["ghosting_percent"] <= _GHOSTS,
        ),
    ]


def table(tests: list[dict[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """The tests and the times of all spheres as lines of text."""
    lines = [
        *lines_of(tests),
        "",
        sphere_line(("", "T1 true", "found", "error", "T2 true", "found", "error")),
    ]
    return [*lines, *(sphere_line(row) for row in sphere_rows(values)), "", "times in ms; errors in %"]


def sphere_rows(values: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The n-th sphere of both arrays side by side, in ms and %."""
    pairs = zip(values["t1"]["spheres"].values(), values["t2"]["spheres"].values(), strict=True)
    return [
        (f"{number}", *(cell for one in pair for cell in _cells(one)))
        for number, pair in enumerate(pairs, start=1)
    ]


def sphere_line(row: tuple[str, ...]) -> str:
    """One row of times as text."""
    return f"{row[0]:<4}" + "".join(f"{cell:>10}" for cell in row[1:])


def _cells(row: Mapping[str, float]) -> tuple[str, str, str]:
    return f"{row['true_ms']:.4g}", f"{row['measured_ms']:.4g}", f"{row['error_percent']:+.2f}"
