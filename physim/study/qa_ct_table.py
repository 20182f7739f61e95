"""The verdicts of an acceptance test, and the table that is printed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from .qa_report import lines_of, test_of

_WATER, _UNIFORM = (
    4.0,
    4.0,
)  # HU, IEC 61223-3-5 asks for these tolerances of the mean CT number and of uniformity
_LINEAR = 0.998  # r² of CT number against attenuation
_TRANSFER = 0.05  # of the modulation transfer from what the scanner's numbers lead to expect
_RANGES = (115.0, 125.0)  # kV: what the makers of the rods give their ranges for, 120, with some room
# Rods whose makers keep the composition to themselves: what is simulated is not quite what the range is for.
_UNKNOWN = ("delrin",)


def ranges_hold(kvp: float) -> bool:
    """Whether the rods' ranges of CT numbers are for this voltage: every other has other numbers."""
    return _RANGES[0] <= kvp <= _RANGES[1]


def judged(values: Mapping[str, Any], kvp: float) -> list[dict[str, Any]]:
    """Every test: name, what was measured, what is allowed, and whether it passed; None where nothing is asked."""
    even, mtf, nps, line = values["uniformity"], values["mtf"], values["nps"], values["linearity"]
    inside = [rod for name, rod in values["rods"].items() if rod["allowed_hu"] and name not in _UNKNOWN]
    good = [rod["allowed_hu"][0] <= rod["mean_hu"] <= rod["allowed_hu"][1] for rod in inside]
    return [
        test_of(
            "CT number of water",
            f"{values['water_hu']:+.1f} HU",
            f"0 ± {_WATER:g} HU",
            abs(values["water_hu"]) <= _WATER,
        ),
        test_of(
            "Uniformity, centre to edge",
            f"{even['largest_hu']:.1f} HU",
            f"≤ {_UNIFORM:g} HU",
            even["largest_hu"] <= _UNIFORM,
        ),
        test_of("Materials within range", f"{sum(good)} of {len(good)}", "all", all(good))
        if ranges_hold(kvp)
        else test_of("Materials within range", "not judged", f"no range at {kvp:.0f} kV", None),
        test_of("Linearity, r²", f"{line['r_squared']:.5f}", f"≥ {_LINEAR:g}", line["r_squared"] >= _LINEAR),
        test_of("Effective energy", f"{line['effective_energy_keV']:.0f} keV", "", None),
        test_of("Noise in the centre", f"{values['noise_hu']:.1f} HU", "", None),
        test_of(
            "Noise power, peak / mean",
            f"{10 * nps['peak_per_mm']:.1f} / {10 * nps['mean_per_mm']:.1f} lp/cm",
            "",
            None,
        ),
        *(test_of(f"CNR, {name}", f"{cnr:.1f}", "", None) for name, cnr in values["cnr"].items()),
        test_of(
            "MTF 50 % / 10 %",
            f"{_number(mtf['half_lp_per_cm'])} / {_number(mtf['tenth_lp_per_cm'])} lp/cm",
            "",
            None,
        ),
        test_of(
            "MTF, from analytic product",
            f"{mtf['largest_difference']:.3f}",
            f"≤ {_TRANSFER:g}",
            mtf["largest_difference"] <= _TRANSFER,
        ),
    ]


def table(tests: list[dict[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """The tests and the CT numbers of all materials as lines of text."""
    lines = lines_of(tests)
    lines += ["", f"{'material':<16}{'HU':>9}{'± sd':>8}   {'allowed':<18}{'CNR':>7}"]
    for name, rod in values["rods"].items():
        lines.append(
            f"{name:<16}{rod['mean_hu']:>9.1f}{rod['deviation_hu']:>8.1f}   {allowed(name, rod):<18}{rod['cnr']:>7.1f}"
        )
    return [*lines, "", *textwrap.wrap(note(values), 84)]


def note(values: Mapping[str, Any]) -> str:
    """What the column of allowed CT numbers holds."""
    if any(rod["allowed_hu"] for rod in values["rods"].values()):
        return "ranges of the maker, for 120 kV; in brackets: not judged, the composition is not published"
    return "the maker's ranges are for 120 kV; expected: from the spectrum of this scan, not judged"


def allowed(name: str, rod: Mapping[str, Any]) -> str:
    """The range of a rod in words, in brackets where it is not judged; without one what the spectrum leads to expect."""
    if not rod["allowed_hu"]:
        return f"expected {rod['expected_hu']:.0f}"
    span = "{:.0f} to {:.0f}".format(*rod["allowed_hu"])
    return f"({span})" if name in _UNKNOWN else span


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
