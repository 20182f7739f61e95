"""Extensions: chains of labels, triggers, rotations, adjustable pauses and shims that belong to a block."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

from ..sequence.extensions import RfShim, SoftDelay, Trigger, TriggerKind
from . import columns
from .numerals import real, rows, whole
from .rotations import rotation_matrix
from .tables import KNOWN_EXTENSIONS, BlockRow, Tables, located, look_up
from .text import ExtensionSection, Section

OPERATIONS = {"LABELSET": "SET", "LABELINC": "INC"}


class PulseqWarning(UserWarning):
    """Something in a Pulseq file is left out, and the sequence is played without it."""


def read_specifications(
    sections: list[ExtensionSection],
) -> tuple[dict[int, str], dict[str, dict[int, Any]]]:
    """Names by number, and the objects of each known extension by id."""
    kinds = {one.kind: one.name for one in sections}
    readers = {
        "LABELSET": _labels("SET"),
        "LABELINC": _labels("INC"),
        "TRIGGERS": _triggers,
        "DELAYS": _soft_delays,
        "ROTATIONS": _rotations,
        "RF_SHIMS": _shims,
    }
    made = {one.name: readers[one.name](one.section) for one in sections if one.name in readers}
    return kinds, made


def warn_of_unknown(tables: Tables) -> None:
    """Warns of extensions that blocks use and that are unknown here."""
    unknown = sorted(set(tables.kinds.values()) - set(KNOWN_EXTENSIONS))
    if unknown:
        warnings.warn(
            f"the extension {' and '.join(unknown)} is unknown here and is left out; known: {', '.join(KNOWN_EXTENSIONS)}",
            PulseqWarning,
            stacklevel=4,
        )


def extensions_of(row: BlockRow, tables: Tables) -> dict[str, Any]:
    """The chain of a block, as fields of `Block`; labels are set before they are incremented."""
    labels, triggers, made = [], [], {}
    for name, found in _chain(row, tables):
        if name in OPERATIONS:
            labels.append(found)
        elif name == "TRIGGERS":
            triggers.append(found)
        elif name in made:
            raise InputError(f"{row.where} has two of the extension {name}; a block can have one")
        else:
            made[name] = found
    labels.sort(key=lambda label: label[0] != "SET")
    return {
        "labels": tuple(labels),
        "triggers": tuple(triggers),
        "rotation": made.get("ROTATIONS"),
        "soft_delay": made.get("DELAYS"),
        "rf_shim": made.get("RF_SHIMS"),
    }


def _chain(row: BlockRow, tables: Tables) -> list[tuple[str, Any]]:
    """Names and objects of the known extensions of a block."""
    made, place, seen = [], row.extension, set()
    while place:
        if place in seen:
            raise InputError(
                f"{row.where} has extension entries that lead in a circle, over {place}; one must end with 0"
            )
        seen.add(place)
        link = look_up(tables.links, place, "extension entry", row.where)
        name = look_up(tables.kinds, link.kind, "the extension of number", link.where)
        if name in KNOWN_EXTENSIONS:
            found = look_up(tables.extensions.get(name, {}), link.reference, f"{name} object", link.where)
            made.append((name, found))
        place = link.next
    return made


def label(operation: str, name: str, value: int, where: str) -> tuple[str, str, int]:
    """A label as a block has it."""
    if not name.isidentifier():
        raise InputError(f"{where}: label is {name!r}; it must be a name like LIN or SLC")
    return operation, name, value


def trigger(kind: int, channel: int, delay: int, duration: int, where: str) -> Trigger:
    """A trigger of a file."""
    if kind not in [known.value for known in TriggerKind]:
        raise InputError(f"{where}: type is {kind}; it must be 1 for an output or 2 for an input")
    with located(where):
        return Trigger(TriggerKind(kind), channel, delay, duration)


def soft_delay(number: int, offset: int, factor: float, hint: str, where: str) -> SoftDelay:
    """A soft delay of a file."""
    with located(where):
        return SoftDelay(number, hint, offset, factor)


def shim(pairs: Float[np.ndarray, " number"], where: str) -> RfShim:
    """An RF shim of a file: magnitude and phase of each channel by turns."""
    with located(where):
        return RfShim(pairs[0::2], pairs[1::2])


def _labels(operation: str):
    def read(section: Section) -> dict[int, Any]:
        found = rows(section, f"label {operation}", columns.LABEL)
        return {
            number: label(operation, row["name"], row["value"], row["where"]) for number, row in found.items()
        }

    return read


def _triggers(section: Section) -> dict[int, Any]:
    return {number: trigger(**row) for number, row in rows(section, "trigger", columns.TRIGGER).items()}


def _soft_delays(section: Section) -> dict[int, Any]:
    return {
        number: soft_delay(**row) for number, row in rows(section, "soft delay", columns.SOFT_DELAY).items()
    }


def _rotations(section: Section) -> dict[int, Any]:
    found = rows(section, "rotation", columns.ROTATION)
    return {
        number: rotation_matrix(np.array([row[name] for name in ("q0", "qx", "qy", "qz")]), row["where"])
        for number, row in found.items()
    }


def _shims(section: Section) -> dict[int, Any]:
    """Rows of any length: id, number of channels, then a magnitude and a phase for each."""
    made = {}
    for line in section.lines:
        where = f"RF shim {line.words[0]} (line {line.number})"
        head = [whole(word, "id or number of channels", where) for word in line.words[:2]]
        pairs = np.array([real(word, "magnitude or phase", where) for word in line.words[2:]])
        if len(head) < 2 or head[1] < 1 or len(pairs) != 2 * head[1]:
            raise InputError(
                f"{where} has {len(pairs)} numbers after the number of channels; it must have a magnitude and a phase for "
                "each channel"
            )
        made[head[0]] = shim(pairs, where)
    return made
