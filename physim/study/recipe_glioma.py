"""The recipe of `brain-glioma-mri`: a brain, a growing tumour and four MR contrasts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .recipe_fields import Grid, Patient, Quantity, Recipe, Section, quantity


class GliomaPatient(Patient):
    """Who is imaged. With `anatomy = "mni152"` one average brain is scaled and bent; age and sex do not shape it."""

    scale: Quantity = quantity(
        0.8, 1.1, "", "of the atlas along each axis, drawn once per axis (mni152 only)"
    )
    bend: Quantity = quantity(
        0.0, 6.0, "mm", "root mean square of the smooth displacement of the atlas (mni152 only)"
    )


class Tumour(Section):
    """A glioma that grows by diffusion and proliferation, and what its cells do to the tissue."""

    days: Quantity = quantity(1.0, 3000.0, "days", "from the seed to the scan")
    diffusivity: Quantity = quantity(0.001, 2.0, "mm²/day", "of tumour cells in white matter")
    proliferation: Quantity = quantity(0.001, 0.5, "1/day", "net rate of division")
    seed_radius: Quantity = quantity(0.5, 20.0, "mm", "at which the seed has half its peak density")
    seed_density: Quantity = quantity(
        0.05, 1.0, "", "peak cell density of the seed, relative to the capacity"
    )
    oedema_from: Quantity = quantity(
        0.01, 0.6, "", "relative cell density at which T2 and FLAIR begin to show it"
    )
    enhancing_from: Quantity = quantity(
        0.3, 0.95, "", "relative cell density at which contrast agent enhances T1"
    )
    necrotic_from: Quantity = quantity(0.5, 1.0, "", "relative cell density at which the tissue dies")

    @model_validator(mode="after")
    def _thresholds_ascend(self) -> Tumour:
        names = ("oedema_from", "enhancing_from", "necrotic_from")
        values = [getattr(self, name) for name in names]
        tops = [v if isinstance(v, float) else v.high for v in values]
        bottoms = [v if isinstance(v, float) else v.low for v in values]
        if tops[0] >= bottoms[1] or tops[1] >= bottoms[2]:
            raise ValueError("oedema_from must stay below enhancing_from, and that below necrotic_from")
        return self


class Scanner(Section):
    """The scanner, with one uniform coil."""

    field: Quantity = quantity(0.2, 7.0, "T", "magnetic field strength")
    noise: Quantity = quantity(0.0, 0.5, "", "standard deviation relative to water, for 1 mm³ voxels at 3 T")
    contrast_agent: Quantity = quantity(
        0.0, 5.0, "mmol/L", "gadolinium in enhancing tumour during the T1 scan"
    )


class GradientEcho(Section):
    """Spoiled gradient echo."""

    tr: float = Field(gt=0, le=10.0, description="repetition time", json_schema_extra={"unit": "s"})
    te: float = Field(ge=0, le=1.0, description="echo time", json_schema_extra={"unit": "s"})
    flip_angle: float = Field(
        gt=0, le=3.1415, description="excitation angle", json_schema_extra={"unit": "rad"}
    )

    @model_validator(mode="after")
    def _times(self) -> GradientEcho:
        _require_echo_within(self.tr, self.te)
        return self


class SpinEcho(Section):
    """Spin echo; with an inversion that nulls cerebrospinal fluid before it, FLAIR."""

    tr: float = Field(gt=0, le=30.0, description="repetition time", json_schema_extra={"unit": "s"})
    te: float = Field(ge=0, le=1.0, description="echo time", json_schema_extra={"unit": "s"})

    @model_validator(mode="after")
    def _times(self) -> SpinEcho:
        _require_echo_within(self.tr, self.te)
        return self


class Sequences(Section):
    """Timing of the four contrasts; the inversion time of FLAIR follows from its repetition time."""

    t1w: GradientEcho
    t2w: SpinEcho
    flair: SpinEcho
    pd: SpinEcho


class GliomaOutput(Section):
    """What is written besides NIfTI, HDF5 and the contact sheet."""

    dicom: bool = Field(description="one DICOM series for each contrast")
    kspace: bool = Field(description="k-space of all contrasts in case.h5 (about 20 MB each at 1.5 mm)")


class GliomaRecipe(Recipe):
    """Synthetic MR examinations of patients with a glioma."""

    kind: Literal["brain-glioma-mri"] = Field(default="brain-glioma-mri", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["mni152", "procedural"] = Field(  # type: ignore[reportIncompatibleVariableOverride]
        description="the fetched MNI152 atlas, or a brain drawn from scratch"
    )
    grid: Grid
    patient: GliomaPatient
    tumour: Tumour
    scanner: Scanner
    sequences: Sequences
    output: GliomaOutput


def _require_echo_within(tr: float, te: float) -> None:
    if te >= tr:
        raise ValueError(f"te is {te:g} s; it must be below tr = {tr:g} s (times are in seconds, not ms)")
