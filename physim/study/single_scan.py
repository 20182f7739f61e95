"""CT studies of one scan: patient with a lesion, scan, files. Each study says what it differs in by a `Look`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim.ct.source import Protocol
from physim.io import CTSeries
from physim_phantoms import Phantom

from .axial_scan import reconstruct_planes, scan_planes
from .case_files import COLOURS, tissue_colours
from .contact_sheet import Column, Contour, contact_sheet
from .ct_case import (
    Window,
    grey_column,
    legend_of,
    person,
    record_of,
    stored,
    window_of,
    write_series,
    write_volumes,
)
from .draws import drawn, drawn_sex, named_key
from .recipe import ChestCtRecipe, HeadCtRecipe

SingleScan = HeadCtRecipe | ChestCtRecipe
# From the numbers of a case and its sex: the patient, the lesion's share of every voxel, the lesion's record, the source's.
MakePatient = Callable[
    [Mapping[str, float], str], tuple[Phantom, np.ndarray, Mapping[str, Any], Mapping[str, Any]]
]


@dataclass(frozen=True)
class Look:
    """What a study of one scan shows.

    - `lesion`: name of the recipe's section; `digits`: of its volume in ml. - `outline`: tissue whose colour it is drawn in.
    - `series`: description and window of the DICOM series; `body_part` as DICOM has it; `source`: real data that entered.
    - `windows`: in which the image is shown. - `shown`: words of the legend and the tissues they stand for.
    """

    lesion: str
    digits: int
    outline: str
    series: CTSeries
    body_part: str
    windows: tuple[Window, ...]
    shown: Mapping[str, str]
    source: str = ""


def make_single_scan(
    recipe: SingleScan, key: PRNGKeyArray, index: int, folder: Path, look: Look, make_patient: MakePatient
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    patient, share, lesion, source = make_patient(numbers, sex)
    settings = recipe.protocol
    protocol = Protocol(kvp=numbers["protocol.kvp"], mas=numbers["protocol.mas"])
    turns = scan_planes(patient, settings.views, settings.pixel_size, protocol, named_key(key, "noise"))
    window, bones = window_of(settings.kernel), settings.bone_correction
    hu = stored(reconstruct_planes(turns, patient.grid, window, bone_correction=bones))
    record = record_of(numbers, sex, source, patient, turns.geometry) | {look.lesion: dict(lesion)}
    sinograms = {"sinogram": turns} if recipe.output.sinogram else {}
    write_volumes(folder, patient, {"ct": hu}, {"ct": "HU"}, sinograms, record, {look.lesion: share})
    if recipe.output.dicom:
        series = replace(look.series, kvp=numbers["protocol.kvp"], mas=numbers["protocol.mas"])
        place = folder / "dicom" / "ct"
        write_series(recipe, index, place, hu, patient.grid, series, record, look.body_part, look.source)
    _write_sheet(recipe, index, folder, patient, hu, share, record, look)
    return record


def _write_sheet(
    recipe: SingleScan,
    index: int,
    folder: Path,
    patient: Phantom,
    hu: np.ndarray,
    share: np.ndarray,
    record: Mapping[str, Any],
    look: Look,
) -> None:
    """The contact sheet, with planes through the lesion."""
    numbers, lesion = record["quantities"], record[look.lesion]
    outline = (Contour(share, 0.5, COLOURS[look.outline]),)
    tissues = Column(
        "TISSUES",
        tissue_colours(patient),
        "mixture of every voxel",
        contours=outline,
        legend=legend_of(look.shown, patient),
    )
    volume = lesion["volume_ml"]
    found = f"{look.lesion} {volume:.{look.digits}f} ml" if volume else f"no {look.lesion}"
    contact_sheet(
        folder / "contact_sheet.png",
        [*(grey_column(window, hu) for window in look.windows), tissues],
        patient.grid,
        lesion["centre_mm"],
        heading=f"{recipe.name}   case {index + 1:04d}",
        details=(
            f"{person(record)}   ·   {found}   ·   {numbers['protocol.kvp']:.0f} kV, "
            f"{numbers['protocol.mas']:.0f} mAs, {recipe.protocol.kernel} kernel"
        ),
    )
