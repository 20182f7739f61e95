"""The recipe of `accelerated-mri`: raw data of brains, fully sampled and undersampled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .recipe_fields import Grid, Quantity, Recipe, Section, quantity
from .recipe_glioma import GliomaPatient, GradientEcho, SpinEcho


class ArrayScanner(Section):
    """The scanner and its head array."""

    field: Quantity = quantity(0.2, 3.0, "T", "magnetic field strength")
    noise: Quantity = quantity(
        0.0, 0.5, "", "standard deviation relative to water in one uniform coil, for 1 mm³ voxels at 3 T"
    )
    coils: int = Field(ge=2, le=64, description="loops round the head")
    coil_noise: Quantity = quantity(
        0.01,
        1.0,
        "",
        "share of the noise that is the coils' own; the rest they pick up together from the body",
    )


class Sequences(Section):
    """The contrast, and the timing of each."""

    contrast: Literal["t1w", "t2w", "pd"] = Field(
        description="spoiled gradient echo with T1 contrast, or spin echo with T2 or proton density contrast"
    )
    t1w: GradientEcho
    t2w: SpinEcho
    pd: SpinEcho


class Sampling(Section):
    """Which phase-encoding lines along ky the undersampled data keep."""

    pattern: Literal["regular", "random"] = Field(
        description="one line in so many, evenly or drawn for each case"
    )
    acceleration: int = Field(ge=2, le=16, description="outside the centre, one line in so many is kept")
    centre_lines: int = Field(ge=0, le=128, description="lines about k = 0, all of them kept")


class Reconstruction(Section):
    """What the undersampled data are reconstructed by, with the true sensitivities and noise covariance."""

    method: Literal["sense", "grappa", "iterative-sense", "compressed-sensing"] = Field(
        description="sense and grappa need a regular pattern"
    )


class AcceleratedMriRecipe(Recipe):
    """Pairs of fully sampled and undersampled MR raw data of brains, as fastMRI and ISMRMRD files."""

    kind: Literal["accelerated-mri"] = Field(default="accelerated-mri", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["mni152", "procedural"] = Field(  # type: ignore[reportIncompatibleVariableOverride]
        description="the fetched MNI152 atlas, or a brain drawn from scratch"
    )
    grid: Grid
    patient: GliomaPatient
    scanner: ArrayScanner
    sequences: Sequences
    sampling: Sampling
    reconstruction: Reconstruction

    @model_validator(mode="after")
    def _lines_can_be_sampled(self) -> AcceleratedMriRecipe:
        lines, sampling = self.grid.shape[1], self.sampling
        if sampling.centre_lines >= lines:
            raise ValueError(
                f"sampling.centre_lines is {sampling.centre_lines}; it must be below the {lines} lines of the grid"
            )
        if sampling.pattern == "regular" and lines % sampling.acceleration:
            raise ValueError(
                f"sampling.acceleration is {sampling.acceleration}, which does not divide the {lines} lines of the grid; "
                "change it, change grid.field_of_view, or write sampling.pattern = 'random'"
            )
        return self

    @model_validator(mode="after")
    def _method_can_reconstruct(self) -> AcceleratedMriRecipe:
        method, sampling, coils = self.reconstruction.method, self.sampling, self.scanner.coils
        if sampling.pattern == "random" and method in ("sense", "grappa"):
            raise ValueError(
                f"reconstruction.method is {method!r}, which needs a regular pattern; write 'iterative-sense' or "
                "'compressed-sensing'"
            )
        if method == "sense" and sampling.acceleration > coils:
            raise ValueError(
                f"sampling.acceleration is {sampling.acceleration}, more than the {coils} coils can unfold; "
                "write a lower one or more coils"
            )
        if method == "grappa" and sampling.centre_lines < 4 * sampling.acceleration:
            raise ValueError(
                f"sampling.centre_lines is {sampling.centre_lines}; grappa at acceleration {sampling.acceleration} learns "
                f"from at least {4 * sampling.acceleration}"
            )
        return self
