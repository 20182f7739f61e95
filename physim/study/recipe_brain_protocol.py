"""The recipe of `brain-mri-protocol`: one brain and the five sequences of a clinical protocol, played pulse by pulse."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .recipe_fields import Grid, Quantity, Recipe, Section, quantity
from .recipe_glioma import GliomaPatient


def _seconds(low: float, high: float, description: str) -> Any:
    return Field(ge=low, le=high, description=description, json_schema_extra={"unit": "s"})


def _resolution() -> Any:
    return Field(
        ge=0.5,
        le=12.0,
        description="edge of an acquired voxel in the plane",
        json_schema_extra={"unit": "mm"},
    )


class ProtocolScanner(Section):
    """The scanner, with one uniform coil."""

    field: Quantity = quantity(0.2, 7.0, "T", "magnetic field strength")
    noise: Quantity = quantity(0.0, 0.5, "", "standard deviation relative to water, for 1 mm³ voxels at 3 T")
    spins: int = Field(ge=17, le=20000, description="of each tissue's bundle; a prime number")


class Mprage(Section):
    """Magnetisation-prepared gradient echoes in 3-D, at the voxels of the patient."""

    tr: float = _seconds(0.1, 10.0, "from inversion to inversion")
    ti: float = _seconds(0.02, 5.0, "from the inversion to the pulse of k = 0")
    te: float = _seconds(1e-3, 0.05, "echo time")
    echo_spacing: float = _seconds(2e-3, 0.1, "between pulses of a train")
    flip_angle: float = Field(
        gt=0, le=3.1415, description="excitation angle", json_schema_extra={"unit": "rad"}
    )


class TurboSpinEcho(Section):
    """Turbo spin echo in 2-D; with an inversion in front that nulls cerebrospinal fluid, FLAIR."""

    tr: float = _seconds(0.2, 30.0, "repetition time")
    te: float = _seconds(5e-3, 1.0, "effective echo time, a multiple of the echo spacing")
    echo_train: int = Field(ge=1, le=64, description="echoes behind each excitation")
    echo_spacing: float = _seconds(4e-3, 0.1, "between refocusing pulses")
    resolution: float = _resolution()


class DiffusionWeighted(Section):
    """Single-shot spin-echo EPI in 2-D from equilibrium, without and with diffusion gradients."""

    te: float = _seconds(0.02, 0.4, "echo time")
    b_value: float = Field(
        gt=0, le=5000.0, description="diffusion weighting", json_schema_extra={"unit": "s/mm²"}
    )
    resolution: float = _resolution()


class T2StarWeighted(Section):
    """Spoiled gradient echo in 2-D at a long echo time, as for susceptibility weighting."""

    tr: float = _seconds(0.01, 5.0, "repetition time")
    te: float = _seconds(2e-3, 0.2, "echo time")
    flip_angle: float = Field(
        gt=0, le=3.1415, description="excitation angle", json_schema_extra={"unit": "rad"}
    )
    resolution: float = _resolution()


class ProtocolSequences(Section):
    """The five sequences; the inversion time of FLAIR follows from its repetition time."""

    played: tuple[Literal["t1", "t2", "flair", "dwi", "t2_star"], ...] = Field(
        min_length=1, description="which of the sequences are played"
    )
    thickness: float = Field(
        ge=0.5,
        le=20.0,
        description="of 2-D slices, in whole planes of the patient",
        json_schema_extra={"unit": "mm"},
    )
    t1: Mprage
    t2: TurboSpinEcho
    flair: TurboSpinEcho
    dwi: DiffusionWeighted
    t2_star: T2StarWeighted


class ProtocolOutput(Section):
    """What is written besides NIfTI and the contact sheet."""

    dicom: bool = Field(description="one DICOM series for each sequence")
    kspace: bool = Field(description="k-space of all sequences in case.h5")


class BrainProtocolRecipe(Recipe):
    """A healthy brain, imaged with MPRAGE, T2, FLAIR, diffusion and T2*-weighted sequences."""

    kind: Literal["brain-mri-protocol"] = Field(default="brain-mri-protocol", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["mni152", "procedural"] = Field(  # type: ignore[reportIncompatibleVariableOverride]
        description="the fetched MNI152 atlas, or a brain drawn from scratch"
    )
    grid: Grid
    patient: GliomaPatient
    scanner: ProtocolScanner
    sequences: ProtocolSequences
    output: ProtocolOutput
