"""The lines of a text file, by section."""

from __future__ import annotations

import re
from typing import NamedTuple

from physim_phantoms._checks import InputError, suggest

SECTIONS = (
    "VERSION",
    "DEFINITIONS",
    "BLOCKS",
    "RF",
    "GRADIENTS",
    "TRAP",
    "ADC",
    "DELAYS",
    "EXTENSIONS",
    "SHAPES",
    "SIGNATURE",
)


class Line(NamedTuple):
    """A line that says something: its number in the file, and its words."""

    number: int
    words: list[str]


class Section(NamedTuple):
    """A section: the number of the line that opens it, and the lines in it."""

    number: int
    lines: list[Line]


class ExtensionSection(NamedTuple):
    """The specification of one kind of extension: its name, its number in this file, and its lines."""

    name: str
    kind: int
    section: Section


class Contents(NamedTuple):
    """A text file taken apart."""

    sections: dict[str, Section]
    extensions: list[ExtensionSection]


def take_apart(text: str) -> Contents:
    """Sections and extension specifications; comments and empty lines are left out.

    Raises `ValueError` for a section that is unknown or there twice, and for words before the first section.
    """
    contents = Contents({}, [])
    current: Section | None = None
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("["):
            current = _open_section(contents, line.strip(), number)
        elif words[0] == "extension":
            current = _open_extension(contents, words, number)
        elif current is None:
            raise InputError(
                f"line {number} is {line.strip()[:40]!r}, before any section; a Pulseq file begins with [VERSION]: "
                "give the path of a .seq file"
            )
        else:
            current.lines.append(Line(number, words))
    return contents


def _open_section(contents: Contents, header: str, number: int) -> Section:
    found = re.fullmatch(r"\[(\w+)\]", header)
    if found is None or found[1] not in SECTIONS:
        raise suggest(f"section in line {number}", header, (f"[{name}]" for name in SECTIONS))
    if found[1] in contents.sections:
        raise InputError(
            f"line {number} opens section {header} again, which line {contents.sections[found[1]].number} opened before; "
            "a file has each section once"
        )
    section = Section(number, [])
    contents.sections[found[1]] = section
    return section


def _open_extension(contents: Contents, words: list[str], number: int) -> Section:
    if len(words) != 3 or not words[2].isdecimal():
        raise InputError(
            f"line {number} is {' '.join(words)!r}; an extension is specified by its name and number, like "
            "'extension LABELSET 1'"
        )
    section = Section(number, [])
    name, kind = words[1], int(words[2])
    if any(name == other.name or kind == other.kind for other in contents.extensions):
        raise InputError(
            f"line {number}: the extension {name} {kind} has the name or number of an earlier one"
        )
    contents.extensions.append(ExtensionSection(name, kind, section))
    return section
