"""Definitions: names and values that go with a sequence. Lengths are metres in files and mm everywhere else."""

from __future__ import annotations

import math
from typing import Any

from physim_phantoms._checks import InputError

from ..units import picoseconds
from .tables import KNOWN_EXTENSIONS, RASTER_NAMES, Rasters
from .text import Section
from .versions import EXPLICIT_TIMES, Version

REQUIRED = "RequiredExtensions"
FIELD_OF_VIEW, THICKNESS = "FOV", "Thickness"
AXES_OF_VIEW = "FOVAxes"  # how many numbers of a field of view are meant, where a file has more
NOMINAL = 1.0  # mm: how thick a plane is in a file that must say it
LONGEST = 10.0  # m that a field of view can be: files of toolboxes that give mm have larger numbers
DIGITS = 12  # that a file holds


def read_definitions(section: Section | None) -> dict[str, Any]:
    """Each name with a number, a tuple of numbers, or a text; the field of view in mm."""
    found = {line.words[0]: _value(line.words[1:]) for line in (section.lines if section is not None else ())}
    return in_millimetres(found)


def in_millimetres(definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions of a file with its field of view in mm, and of as many numbers as are meant."""
    made = {name: value for name, value in definitions.items() if name != AXES_OF_VIEW}
    view = _view(definitions)
    if view is None:
        return made
    factor = 1.0 if max(view) > LONGEST else 1e3
    axes = definitions.get(AXES_OF_VIEW, len(view))
    return {**made, FIELD_OF_VIEW: _rounded(view, factor)[:axes]}


def in_metres(definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions of a sequence with its field of view in m and in three numbers, which readers of files want.

    A view of two is as thick as `Thickness` says, or else nominally 1 mm, and FOVAxes tells that two are meant.
    """
    view = _view(definitions)
    if view is None:
        return dict(definitions)
    made = {**definitions, FIELD_OF_VIEW: _rounded(view, 1e-3)}
    if len(view) != 2:
        return made
    thickness = definitions.get(THICKNESS, NOMINAL)
    return {**made, FIELD_OF_VIEW: _rounded((*view, thickness), 1e-3), AXES_OF_VIEW: 2}


def rasters_of(definitions: dict[str, Any], version: Version) -> Rasters:
    """The raster times; files since 1.4 must define them, older ones have those of their toolbox."""
    made = []
    for name, default in zip(RASTER_NAMES, Rasters(), strict=True):
        given = definitions.get(name)
        if given is None and version >= EXPLICIT_TIMES:
            raise InputError(
                f"[DEFINITIONS] has no {name}, which files since Pulseq 1.4 must have; "
                f"write '{name} {default / 1e12:g}' there if the file was made for the usual raster"
            )
        if given is not None and not (isinstance(given, int | float) and 1e-12 <= given <= 1.0):
            raise InputError(
                f"[DEFINITIONS] has {name} {given}; it must be a time in s, like {default / 1e12:g}"
            )
        made.append(default if given is None else picoseconds(float(given)))
    return Rasters(*made)


def required_extensions(definitions: dict[str, Any]) -> list[str]:
    """The names of extensions without which the sequence must not be played."""
    given = definitions.get(REQUIRED, "")
    return str(given).split()


def require_extensions_known(definitions: dict[str, Any]) -> None:
    """Refuses a file that requires an extension which is unknown here."""
    unknown = [name for name in required_extensions(definitions) if name not in KNOWN_EXTENSIONS]
    if unknown:
        raise InputError(
            f"the file requires the extension {' and '.join(unknown)}, which is unknown here, and must not be played "
            f"without it; known: {', '.join(KNOWN_EXTENSIONS)}. Export the sequence without it"
        )


def _value(words: list[str]) -> Any:
    numbers = [_number(word) for word in words]
    if not words or None in numbers:
        return " ".join(words)
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _number(word: str) -> int | float | None:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _view(definitions: dict[str, Any]) -> tuple[float, ...] | None:
    """The numbers of the field of view; None where there are none."""
    given = definitions.get(FIELD_OF_VIEW)
    given = (given,) if isinstance(given, int | float) else given
    numbers = isinstance(given, tuple | list) and all(isinstance(one, int | float) for one in given)
    return tuple(map(float, given)) if given and numbers else None  # type: ignore[arg-type]


def _rounded(view: tuple[float, ...], factor: float) -> tuple[float, ...]:
    """Times a factor, in twelve digits: 0.22 m is 220 mm and not a bit beside it."""
    return tuple(float(f"{one * factor:.{DIGITS}g}") for one in view)
