"""The recipe of `qa-mri`: the acceptance test of a virtual MRI scanner."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .recipe_fields import Quantity, Recipe, Section, quantity

Time = Annotated[float, Field(ge=3e-3, le=10.0)]


class QaMriScanner(Section):
    """What the scanner is asked for, and what its gradients do."""

    field: Quantity = quantity(
        1.5, 3.0, "T", "magnetic field strength; the spheres' times are published at both ends"
    )
    noise: Quantity = quantity(
        1e-3, 0.1, "", "standard deviation relative to water, for 1 mm³ voxels at 3 T; what is asked for"
    )
    nonlinearity: Quantity = quantity(
        -0.15, 0.15, "", "share of 250 mm by which a point there on the x or y axis seems to be elsewhere"
    )


class QaMriImages(Section):
    """The voxels of all images; the field of view is 208 mm for spheres and 256 mm for the others."""

    matrix: int = Field(ge=64, le=256, multiple_of=2, description="columns and lines of an image")
    thickness: float = Field(
        ge=3.0, le=8.0, description="of a slice through spheres", json_schema_extra={"unit": "mm"}
    )
    spins: int = Field(ge=17, le=5000, description="of each tissue's bundle; a prime number")
    per_voxel: int = Field(ge=2, le=256, description="spins in a voxel of the grid and of the water")


class QaMriRelaxometry(Section):
    """Inversion recovery and single spin echoes, one line per excitation."""

    inversion_times: tuple[Time, ...] = Field(
        min_length=5,
        max_length=32,
        description="rising, from inversion to excitation",
        json_schema_extra={"unit": "s"},
    )
    inversion_tr: float = Field(
        ge=0.5, le=30.0, description="from inversion to inversion", json_schema_extra={"unit": "s"}
    )
    echo_times: tuple[Time, ...] = Field(
        min_length=6, max_length=32, description="rising, of spin echoes", json_schema_extra={"unit": "s"}
    )
    echo_tr: float = Field(
        ge=0.5,
        le=60.0,
        description="of spin echoes, about five times the longest T1",
        json_schema_extra={"unit": "s"},
    )

    @model_validator(mode="after")
    def _playable(self) -> QaMriRelaxometry:
        for name, times in (("inversion_times", self.inversion_times), ("echo_times", self.echo_times)):
            if any(late <= early for early, late in pairwise(times)):
                raise ValueError(f"{name} are {list(times)} s; they must rise")
        for name, longest, room in (
            ("inversion_tr", self.inversion_times[-1], self.inversion_tr),
            ("echo_tr", self.echo_times[-1], self.echo_tr),
        ):
            if longest + 0.05 > room:
                raise ValueError(
                    f"{name} is {room:g} s; it must be 0.05 s above the longest time, {longest:g} s"
                )
        return self


class QaMriRecipe(Recipe):
    """Quality assurance of the MRI scanner: T1 and T2, geometric distortion, signal to noise."""

    kind: Literal["qa-mri"] = Field(default="qa-mri", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["test-objects"] = Field(description="spheres of graded T1 and T2, a lattice, water")  # type: ignore[reportIncompatibleVariableOverride]
    scanner: QaMriScanner
    images: QaMriImages
    relaxometry: QaMriRelaxometry
