"""The examination of `brain-mri-protocol`: each sequence is built, played to every tissue, and reconstructed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim import mri
from physim.io import MRSeries
from physim_phantoms import TISSUES, Grid, Phantom

from .case_files import digitised
from .draws import named_key
from .recipe_brain_protocol import BrainProtocolRecipe, TurboSpinEcho

RASTER = 1e-5  # s, of the builders
_SINGLE_SHOT = 30.0  # s, told to DICOM for shots that begin at equilibrium
_ADC_FROM = 0.1  # of the largest signal without weighting: below it an apparent diffusivity means nothing


@dataclass(frozen=True)
class Plan:
    """One sequence: how it is told to people and to DICOM."""

    title: str
    sequence: mri.Sequence
    series: MRSeries

    @property
    def note(self) -> str:
        """The timing in a radiologist's units."""
        shown = self.series
        repeated = None if "EP" in shown.scanning_sequence else shown.repetition_time
        times = {"TR": repeated, "TE": shown.echo_time, "TI": shown.inversion_time}
        return "  ".join(f"{name} {1000 * float(t):.0f} ms" for name, t in times.items() if t is not None)


@dataclass(frozen=True)
class Acquired:
    """One image on its own voxels, its raw data and its plan."""

    plan: Plan
    image: np.ndarray
    grid: Grid
    raw: mri.KSpace


def examine(
    recipe: BrainProtocolRecipe, patient: Phantom, key: PRNGKeyArray, numbers: Mapping[str, float]
) -> dict[str, Acquired]:
    """Plays, scans and reconstructs every sequence; each has noise of its own."""
    scanner = mri.Scanner(field=numbers["scanner.field"], noise=numbers["scanner.noise"])
    made = {}
    plans = {
        name: plan for name, plan in _PLANS.items() if name.removesuffix("_b0") in recipe.sequences.played
    }
    for number, (name, plan_of) in enumerate(plans.items(), start=1):
        plan = plan_of(recipe, patient.grid, numbers["scanner.field"], number)
        raw = mri.scan_tissues(
            patient, plan.sequence, scanner, named_key(key, f"noise.{name}"), recipe.scanner.spins
        )
        made[name] = Acquired(plan, *_image(raw, patient.grid, recipe.sequences.thickness), raw)
    return made


def apparent_diffusivity(acquired: Mapping[str, Acquired], b_value: float) -> np.ndarray:
    """ln(S₀ / S_b) / b in mm²/s where there is signal, else zero. Source: Le Bihan et al., Radiology 161 (1986) 401."""
    plain, weighted = acquired["dwi_b0"].image, acquired["dwi"].image
    seen = (plain > _ADC_FROM * plain.max()) & (weighted > 0)
    ratio = np.divide(plain, weighted, out=np.ones_like(plain), where=seen)
    return np.maximum(np.log(ratio) / b_value, 0).astype(np.float32)


def _image(raw: mri.KSpace, patient: Grid, thickness: float) -> tuple[np.ndarray, Grid]:
    """The magnitude, slices stacked, interpolated in the plane to the patient's voxels by zero filling."""
    if raw.grid.shape[2] > 1:
        return digitised(np.asarray(mri.reconstruct(raw, patient))), patient
    one = Grid(
        (*patient.shape[:2], 1), (*np.asarray(patient.spacing)[:2].tolist(), thickness), raw.grid.origin
    )
    slices = np.asarray(mri.reconstruct(raw, mri.same_box(raw.grid, one.shape)))[..., 0]
    grid = mri.same_box(patient, (*patient.shape[:2], len(slices)))
    return digitised(np.moveaxis(slices, 0, -1)), grid


def _matrix(grid: Grid, resolution: float, lines_in: int = 2) -> tuple[tuple[int, int], tuple[float, float]]:
    """Columns and lines of about this resolution, lines in whole trains, and the field of view in mm."""
    width, height = (float(edge) for edge in grid.extent[:2])
    columns = min(grid.shape[0], 2 * max(4, round(width / resolution / 2)))
    most = grid.shape[1] // lines_in * lines_in
    lines = min(most, lines_in * max(1, round(height / resolution / lines_in)))
    return (columns, max(lines, lines_in)), (width, height)


def _t1(recipe: BrainProtocolRecipe, grid: Grid, field: float, number: int) -> Plan:
    asked = recipe.sequences.t1
    view = tuple(float(edge) for edge in grid.extent)
    sequence = mri.sequences.magnetisation_prepared_gradient_echo(
        grid.shape, view, asked.flip_angle, asked.tr, asked.ti, asked.te, echo_spacing=asked.echo_spacing
    )
    series = MRSeries(
        description="T1 MPRAGE",
        number=number,
        scanning_sequence=("GR", "IR"),
        sequence_variant=("SP", "MP"),
        repetition_time=asked.tr,
        echo_time=asked.te,
        inversion_time=asked.ti,
        flip_angle=asked.flip_angle,
        field_strength=field,
    )
    return Plan("T1 MPRAGE", sequence, series)


def _turbo(
    asked: TurboSpinEcho, recipe: BrainProtocolRecipe, grid: Grid, ti: float | None = None
) -> mri.Sequence:
    matrix, view = _matrix(grid, asked.resolution, asked.echo_train)
    return mri.sequences.turbo_spin_echo(
        matrix,
        view,
        asked.te,
        asked.tr,
        echo_train=asked.echo_train,
        echo_spacing=asked.echo_spacing,
        region=mri.sequences.Slice(recipe.sequences.thickness),
        preparation=None if ti is None else mri.sequences.Inversion(ti),
    )


def _turbo_series(
    title: str, asked: TurboSpinEcho, number: int, field: float, ti: float | None = None
) -> MRSeries:
    return MRSeries(
        description=title,
        number=number,
        scanning_sequence=("SE",) if ti is None else ("SE", "IR"),
        sequence_variant=("SK",),
        repetition_time=asked.tr,
        echo_time=asked.te,
        inversion_time=ti,
        field_strength=field,
        dimensions=2,
        echo_train_length=asked.echo_train,
    )


def _t2(recipe: BrainProtocolRecipe, grid: Grid, field: float, number: int) -> Plan:
    asked = recipe.sequences.t2
    return Plan("T2 TSE", _turbo(asked, recipe, grid), _turbo_series("T2 TSE", asked, number, field))


def _flair(recipe: BrainProtocolRecipe, grid: Grid, field: float, number: int) -> Plan:
    asked = recipe.sequences.flair
    ti = null_time(asked, float(TISSUES["csf"].value("t1", field=field)))
    return Plan("FLAIR", _turbo(asked, recipe, grid, ti), _turbo_series("FLAIR", asked, number, field, ti))


def null_time(asked: TurboSpinEcho, t1: float) -> float:
    """TI = T1 ln(2 / (1 + exp(−(TR − train) / T1))): a train of echoes leaves no longitudinal magnetisation. In s."""
    rest = asked.tr - asked.echo_train * asked.echo_spacing
    ti = t1 * math.log(2 / (1 + math.exp(-rest / t1)))
    return round(round(ti / RASTER) * RASTER, 9)


def _diffusion(b_value: float, title: str) -> Callable[[BrainProtocolRecipe, Grid, float, int], Plan]:
    def plan(recipe: BrainProtocolRecipe, grid: Grid, field: float, number: int) -> Plan:
        asked = recipe.sequences.dwi
        weighting = asked.b_value * b_value
        matrix, view = _matrix(grid, asked.resolution)
        region = mri.sequences.Slice(recipe.sequences.thickness)
        # Fat would lie across the brain: an echo-planar image displaces it by many voxels.
        no_fat = mri.sequences.FatSaturation(duration=round(24e-3 / field, 5))
        sequence = mri.sequences.diffusion_echo_planar(
            matrix, view, weighting, te=asked.te, region=region, preparation=no_fat
        )
        told = f"{title} b {weighting:.0f}" if weighting else title
        series = MRSeries(
            description=told,
            number=number,
            scanning_sequence=("EP", "SE"),
            sequence_variant=("SK",),
            repetition_time=_SINGLE_SHOT,
            echo_time=asked.te,
            field_strength=field,
            dimensions=2,
            echo_train_length=matrix[1],
        )
        return Plan(told, sequence, series)

    return plan


def _t2_star(recipe: BrainProtocolRecipe, grid: Grid, field: float, number: int) -> Plan:
    asked = recipe.sequences.t2_star
    matrix, view = _matrix(grid, asked.resolution)
    sequence = mri.sequences.spoiled_gradient_echo(
        matrix,
        view,
        asked.flip_angle,
        asked.tr,
        asked.te,
        region=mri.sequences.Slice(recipe.sequences.thickness),
    )
    series = MRSeries(
        description="T2* GRE",
        number=number,
        scanning_sequence=("GR",),
        sequence_variant=("SP",),
        repetition_time=asked.tr,
        echo_time=asked.te,
        flip_angle=asked.flip_angle,
        field_strength=field,
        dimensions=2,
    )
    return Plan("T2* GRE", sequence, series)


_PLANS: Mapping[str, Callable[[BrainProtocolRecipe, Grid, float, int], Plan]] = {
    "t1": _t1,
    "t2": _t2,
    "flair": _flair,
    "dwi_b0": _diffusion(0.0, "EPI b 0"),
    "dwi": _diffusion(1.0, "DWI"),
    "t2_star": _t2_star,
}


def record_of(acquired: Acquired) -> dict[str, Any]:
    """What the sequence says about itself, ready for JSON."""
    said = acquired.plan.sequence.definitions
    return {
        name: np.asarray(value).tolist() if not isinstance(value, str) else value
        for name, value in said.items()
    }
