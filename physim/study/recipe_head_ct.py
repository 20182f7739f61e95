"""The recipe of `head-ct`: a head, with or without a haemorrhage, and a CT scan of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .recipe_fields import Grid, Patient, Quantity, Recipe, Section, quantity


class Haemorrhage(Section):
    """An ellipsoid of blood in the white matter; a diameter of 0 leaves the head healthy."""

    diameter: Quantity = quantity(0.0, 70.0, "mm", "of the sphere with the same volume")
    elongation: Quantity = quantity(1.0, 2.5, "", "longest axis over the two others")


class Protocol(Section):
    """The CT scan: a parallel beam over half a turn."""

    kvp: Quantity = quantity(60.0, 140.0, "kV", "tube voltage")
    mas: Quantity = quantity(1.0, 2000.0, "mAs", "tube current-time product")
    views: int = Field(ge=8, le=4000, description="projections over 180 degrees")
    pixel_size: float = Field(
        gt=0.1, le=20.0, description="edge of a detector pixel", json_schema_extra={"unit": "mm"}
    )


class HeadCtOutput(Section):
    """What is written besides NIfTI, HDF5 and the contact sheet."""

    dicom: bool = Field(description="a DICOM series in Hounsfield units")
    sinogram: bool = Field(description="the raw line integrals in case.h5")


class HeadCtRecipe(Recipe):
    """Synthetic CT examinations of the head."""

    kind: Literal["head-ct"] = Field(default="head-ct", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["procedural", "cranium-ct"] = Field(  # type: ignore[reportIncompatibleVariableOverride]
        description="a head drawn from scratch, or the fetched real head CT"
    )
    grid: Grid
    patient: Patient
    haemorrhage: Haemorrhage
    protocol: Protocol
    output: HeadCtOutput
