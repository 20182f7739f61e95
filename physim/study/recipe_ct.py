"""What the recipes of CT share: how a scan is taken, how it is reconstructed, what is written."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .recipe_fields import Quantity, Section, quantity

Kernel = Literal["smooth", "soft", "standard", "shepp-logan", "sharp", "ramp"]


def kernel_field() -> Any:
    """The field of a reconstruction kernel; recipes written before there was a choice get the one they had."""
    return Field(default="standard", description="reconstruction kernel, from smoothest to sharpest")


def views_field() -> Any:
    """The field of how many views a scan takes."""
    return Field(ge=8, le=4000, description="projections of one turn")


def pixel_field() -> Any:
    """The field of the edge of a detector pixel at the axis."""
    return Field(gt=0.1, le=20.0, description="edge of a detector pixel", json_schema_extra={"unit": "mm"})


class CtProtocol(Section):
    """The CT scan: one turn of a fan of rays for every plane, and how its readings become an image."""

    kvp: Quantity = quantity(60.0, 140.0, "kV", "tube voltage")
    mas: Quantity = quantity(1.0, 2000.0, "mAs", "tube current-time product of a turn")
    kernel: Kernel = kernel_field()
    views: int = views_field()
    pixel_size: float = pixel_field()


class PatientProtocol(CtProtocol):
    """The CT scan of a patient, who has bones."""

    bone_correction: bool = Field(
        default=False, description="beam hardening in bone is corrected, not only that in water"
    )


class CtOutput(Section):
    """What is written besides NIfTI, HDF5 and the contact sheet."""

    dicom: bool = Field(description="a DICOM series in Hounsfield units")
    sinogram: bool = Field(description="the raw line integrals in case.h5")
