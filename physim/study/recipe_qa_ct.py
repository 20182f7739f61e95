"""The recipe of `qa-ct`: the acceptance test of a virtual scanner."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .recipe_ct import CtProtocol
from .recipe_fields import Quantity, Recipe, Section, quantity


class QaPhantoms(Section):
    """The test objects and the voxels they are imaged on."""

    spacing: float = Field(ge=0.2, le=4.0, description="edge of a voxel", json_schema_extra={"unit": "mm"})
    planes: int = Field(ge=1, le=64, description="planes of the water phantom, for the statistics of noise")
    diameter: Quantity = quantity(160.0, 400.0, "mm", "of the water phantom")
    wire: Quantity = quantity(0.05, 0.5, "mm", "thickness of the steel wire")


class QaCtRecipe(Recipe):
    """Quality assurance of the CT scanner: CT numbers, uniformity, noise, resolution, contrast."""

    kind: Literal["qa-ct"] = Field(default="qa-ct", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["test-objects"] = Field(description="water, sensitometry and wire phantoms")  # type: ignore[reportIncompatibleVariableOverride]
    phantoms: QaPhantoms
    protocol: CtProtocol
