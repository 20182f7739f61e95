"""Text files as tables."""

from __future__ import annotations

import itertools

import numpy as np

from physim_phantoms._checks import InputError

from . import columns
from .definitions import rasters_of, read_definitions
from .extensions import read_specifications
from .numerals import rows, whole
from .tables import AdcRow, BlockRow, Link, RfRow, ShapedRow, StoredShape, Tables, TrapezoidRow
from .text import Contents, Line, Section, take_apart
from .versions import EXPLICIT_TIMES, Version, require_known


def read_text(text: str) -> Tables:
    """What a text file says; raises `ValueError` where it is not of a known revision or not well formed."""
    contents = take_apart(text)
    version = _version(contents.sections.get("VERSION"))
    require_known(version)
    if version >= EXPLICIT_TIMES and "DELAYS" in contents.sections:
        raise InputError(
            f"line {contents.sections['DELAYS'].number} opens [DELAYS] in a file of Pulseq {version}; delays are block "
            "durations since 1.4: correct the [VERSION], or export the file again"
        )
    definitions = read_definitions(contents.sections.get("DEFINITIONS"))
    rasters = rasters_of(definitions, version)
    kinds, extensions = read_specifications(contents.extensions)
    return Tables(
        version,
        rasters,
        definitions,
        _blocks(contents.sections.get("BLOCKS"), version, rasters.block),
        kinds=kinds,
        extensions=extensions,
        shapes=_shapes(contents.sections.get("SHAPES")),
        **_events(contents, version),
    )


def _events(contents: Contents, version: Version) -> dict:
    """The libraries of events, as fields of `Tables`."""
    section = contents.sections.get
    rf = rows(section("RF"), "RF event", columns.rf_columns(version))
    shaped = rows(section("GRADIENTS"), "gradient", columns.shaped_columns(version))
    traps = rows(section("TRAP"), "trapezoid", columns.TRAPEZOID)
    both = sorted(shaped.keys() & traps.keys())
    if both:
        raise InputError(
            f"{traps[both[0]]['where']} has the id of {shaped[both[0]]['where']}; ids must differ across [GRADIENTS] and [TRAP]"
        )
    adc = rows(section("ADC"), "ADC event", columns.adc_columns(version))
    delays = rows(section("DELAYS"), "delay", columns.DELAY)
    links = rows(section("EXTENSIONS"), "extension entry", columns.LINK)
    return {
        "rf": {number: RfRow(**row) for number, row in rf.items()},
        "gradients": {number: ShapedRow(**row) for number, row in shaped.items()}
        | {number: TrapezoidRow(**row) for number, row in traps.items()},
        "adc": {number: AdcRow(**row) for number, row in adc.items()},
        "delays": {number: row["delay"] for number, row in delays.items()},
        "links": {number: Link(**row) for number, row in links.items()},
    }


def _version(section: Section | None) -> Version:
    if section is None:
        raise InputError(
            "the file has no section [VERSION], so nobody can tell what its numbers mean; give the path of a Pulseq "
            "file (.seq), or export it with a current Pulseq toolbox"
        )
    found: dict[str, int] = {}
    for line in section.lines:
        where = f"[VERSION] (line {line.number})"
        if len(line.words) != 2 or line.words[0] not in Version._fields:
            raise InputError(
                f"{where} is {' '.join(line.words)!r}; it must be like 'major 1', 'minor 5', 'revision 0'"
            )
        # Some writers add letters, as in 0post1.
        digits = line.words[1].split("post")[0]
        found[line.words[0]] = whole(digits, line.words[0], where)
    missing = [name for name in Version._fields if name not in found]
    if missing:
        raise InputError(
            f"[VERSION] (line {section.number}) lacks {' and '.join(missing)}; it must have major, minor and revision"
        )
    return Version(**found)


def _blocks(section: Section | None, version: Version, raster: int) -> list[BlockRow]:
    if section is None or not section.lines:
        raise InputError(
            "the file has no blocks; a sequence needs at least one line in section [BLOCKS]: the file may be cut off"
        )
    read = rows(section, "block", columns.block_columns(version)).values()
    if version < EXPLICIT_TIMES:
        return [BlockRow(**row) for row in read]
    return [BlockRow(**{**row, "duration": row["duration"] * raster}) for row in read]


def _shapes(section: Section | None) -> dict[int, StoredShape]:
    """Each shape: a line with its id, one with its number of samples, then one number a line."""
    lines = section.lines if section is not None else []
    starts = [place for place, line in enumerate(lines) if line.words[0].lower() == "shape_id"]
    if lines and (not starts or starts[0] != 0):
        raise InputError(
            f"line {lines[0].number} is {' '.join(lines[0].words)!r}; [SHAPES] must begin with 'shape_id 1'"
        )
    made: dict[int, StoredShape] = {}
    for start, end in itertools.pairwise([*starts, len(lines)]):
        number, shape = _shape(lines[start:end])
        if number < 1 or number in made:
            raise InputError(f"{shape.where}: its id must be positive and the only {number} of its section")
        made[number] = shape
    return made


def _shape(lines: list[Line]) -> tuple[int, StoredShape]:
    where = f"shape {' '.join(lines[0].words[1:])} (line {lines[0].number})"
    header = [line.words for line in lines[:2]]
    if [len(words) for words in header] != [2, 2] or header[1][0].lower() not in (
        "num_samples",
        "num_uncompressed",
    ):
        raise InputError(
            f"{where} does not begin with the lines 'shape_id 1' and 'num_samples 100'; the file may be cut off"
        )
    number, samples = (whole(words[1], words[0], where) for words in header)
    try:
        stored = np.array([float(word) for line in lines[2:] for word in line.words])
    except ValueError as error:
        raise InputError(f"{where} holds something else than numbers: {error}") from error
    if not np.all(np.isfinite(stored)) or samples < 1:
        raise InputError(
            f"{where} must have at least one sample and finite numbers only; it announces {samples}"
        )
    return number, StoredShape(where, samples, stored)
