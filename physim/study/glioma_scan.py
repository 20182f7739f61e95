"""The MR examination of one case: four contrasts, contrast agent before the last of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray

from physim import mri
from physim.io import MRSeries
from physim_phantoms import TISSUES, Phantom

from .case_files import digitised
from .draws import named_key
from .recipe_glioma import GliomaRecipe, Sequences

R1, R2 = (
    5.0,
    7.1,
)  # L/(mmol s): gadobutrol in plasma at 3 T, 37 °C (Rohrer et al., Invest. Radiol. 40 (2005) 715)
CONTRASTS = ("t1w", "t2w", "flair", "pd")


@dataclass(frozen=True)
class Contrast:
    """One image, its raw data and how it was made."""

    title: str
    image: np.ndarray
    raw: mri.KSpace
    series: MRSeries
    record: dict[str, Any]

    @property
    def note(self) -> str:
        """The timing in a radiologist's units."""
        times = {
            "TR": self.series.repetition_time,
            "TE": self.series.echo_time,
            "TI": self.series.inversion_time,
        }
        return "  ".join(
            f"{name} {1000 * float(value):.0f} ms" for name, value in times.items() if value is not None
        )


def examine(
    recipe: GliomaRecipe, patient: Phantom, key: PRNGKeyArray, numbers: Mapping[str, float]
) -> dict[str, Contrast]:
    """Scans and reconstructs every contrast; each has noise of its own."""
    scanner = mri.Scanner(field=numbers["scanner.field"], noise=numbers["scanner.noise"])
    agent = numbers["scanner.contrast_agent"]
    made = {}
    for number, name in enumerate(CONTRASTS, start=1):
        sequence = _sequence(name, recipe.sequences, scanner)
        who = enhanced(patient, agent) if name == "t1w" else patient
        raw = mri.scan(who, sequence, scanner, named_key(key, f"noise.{name}"))
        image = digitised(np.asarray(mri.reconstruct(raw)))
        title = "T1 + Gd" if name == "t1w" and agent > 0 else _TITLES[name]
        series = _series(name, title, number, sequence, numbers["scanner.field"])
        made[name] = Contrast(title, image, raw, series, sequence_record(sequence))
    return made


def enhanced(patient: Phantom, concentration: float) -> Phantom:
    """The patient after contrast agent, mmol/L in enhancing tumour: 1/T1 and 1/T2 rise by relaxivity times concentration."""
    if concentration == 0 or "enhancing_tumour" not in patient.names:
        return patient
    number = patient.index("enhancing_tumour")
    tissue = patient.tissues[number]
    shorter = tuple(
        1 / (1 / np.asarray(times) + relaxivity * concentration)
        for times, relaxivity in ((tissue.t1, R1), (tissue.t2, R2), (tissue.t2_star, R2))
    )
    tissue = eqx.tree_at(lambda t: (t.t1, t.t2, t.t2_star), tissue, shorter)
    tissues = (*patient.tissues[:number], tissue, *patient.tissues[number + 1 :])
    return Phantom(patient.grid, tissues, patient.ids, patient.fractions)


_TITLES = {"t1w": "T1", "t2w": "T2", "flair": "FLAIR", "pd": "PD"}


def _sequence(name: str, timing: Sequences, scanner: mri.Scanner) -> Any:
    if name == "t1w":
        return mri.SpoiledGradientEcho(timing.t1w.tr, timing.t1w.te, timing.t1w.flip_angle)
    if name == "flair":
        csf = TISSUES["csf"].value("t1", field=float(scanner.field))
        nulling = float(mri.null_time(timing.flair.tr, timing.flair.te, csf))
        return mri.InversionRecovery(timing.flair.tr, timing.flair.te, nulling)
    times = getattr(timing, name)
    return mri.SpinEcho(times.tr, times.te)


def _series(name: str, title: str, number: int, sequence: Any, field: float) -> MRSeries:
    kind, variant = {"t1w": ("GR", "SP"), "flair": ("IR", "NONE")}.get(name, ("SE", "NONE"))
    return MRSeries(
        description=title,
        number=number,
        scanning_sequence=("IR", "SE") if kind == "IR" else (kind,),
        sequence_variant=(variant,),
        repetition_time=sequence.tr,
        echo_time=sequence.te,
        inversion_time=getattr(sequence, "ti", None),
        flip_angle=getattr(sequence, "flip_angle", None),
        field_strength=field,
    )


def sequence_record(sequence: Any) -> dict[str, Any]:
    """Type and numbers of a sequence, s and rad."""
    names = ("tr", "te", "ti", "flip_angle")
    numbers = {name: float(getattr(sequence, name)) for name in names if hasattr(sequence, name)}
    return {"type": type(sequence).__name__, **numbers}
