"""The recipe of `head-ct`: a head, with or without a haemorrhage, and a CT scan of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .recipe_ct import CtOutput, PatientProtocol
from .recipe_fields import Grid, Patient, Quantity, Recipe, Section, quantity


class Haemorrhage(Section):
    """An ellipsoid of blood in the white matter; a diameter of 0 leaves the head healthy."""

    diameter: Quantity = quantity(0.0, 70.0, "mm", "of the sphere with the same volume")
    elongation: Quantity = quantity(1.0, 2.5, "", "longest axis over the two others")


class HeadCtRecipe(Recipe):
    """Synthetic CT examinations of the head."""

    kind: Literal["head-ct"] = Field(default="head-ct", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["procedural", "cranium-ct"] = Field(  # type: ignore[reportIncompatibleVariableOverride]
        description="a head drawn from scratch, or the fetched real head CT"
    )
    grid: Grid
    patient: Patient
    haemorrhage: Haemorrhage
    protocol: PatientProtocol
    output: CtOutput
