"""Numbers in the words of a text file, with errors that say where they stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from physim_phantoms._checks import InputError

from .text import Line, Section

MICROSECOND, NANOSECOND = 10**6, 10**3  # ps


class Column(NamedTuple):
    """A column of a table: the name of its field, and what makes a value of a word."""

    name: str
    read: Callable[[str, str, str], Any]


def whole(word: str, name: str, where: str) -> int:
    """A whole number, also where it is written as 3.0 or 3e0."""
    try:
        return int(word)
    except ValueError:
        value = real(word, name, where)
    if value != int(value):
        raise InputError(f"{where}: {name} is {word}; it must be a whole number")
    return int(value)


def real(word: str, name: str, where: str) -> float:
    """A finite number."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name} is {word!r}; it must be a finite number")
    return value


def microseconds(word: str, name: str, where: str) -> int:
    """A time in µs, as ps."""
    return round(real(word, name, where) * MICROSECOND)


def nanoseconds(word: str, name: str, where: str) -> int:
    """A time in ns, as ps."""
    return round(real(word, name, where) * NANOSECOND)


def text(word: str, name: str, where: str) -> str:
    """The word itself."""
    return word


def values(line: Line, where: str, columns: Sequence[Column]) -> dict[str, Any]:
    """The fields of a row; raises `ValueError` where it has more or fewer words than columns."""
    if len(line.words) != len(columns):
        names = " ".join(column.name for column in columns)
        raise InputError(
            f"{where} has {len(line.words)} columns; it must have {len(columns)} ({names}): "
            "the file may be cut off, or of another revision than its [VERSION] says"
        )
    return {
        column.name: column.read(word, column.name, where)
        for column, word in zip(columns, line.words, strict=True)
    }


def rows(section: Section | None, what: str, columns: Sequence[Column]) -> dict[int, dict[str, Any]]:
    """The rows of a section by their ids, which must be positive and differ; each has its place as `where`."""
    made: dict[int, dict[str, Any]] = {}
    for line in section.lines if section is not None else ():
        where = f"{what} {line.words[0]} (line {line.number})"
        row = values(line, where, (Column("id", whole), *columns))
        number = row.pop("id")
        if number < 1 or number in made:
            raise InputError(f"{where}: its id must be positive and the only {number} of its section")
        made[number] = {"where": where, **row}
    return made
