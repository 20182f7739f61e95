"""The recipes of the trunk: CT of the chest, dual-energy CT of the abdomen, a radiograph of the chest."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .recipe_ct import CtOutput, Kernel, PatientProtocol, kernel_field, pixel_field, views_field
from .recipe_fields import Grid, Patient, Quantity, Recipe, Section, quantity


class Nodule(Section):
    """An ellipsoid of soft tissue in a lung; a diameter of 0 leaves the lungs healthy."""

    diameter: Quantity = quantity(0.0, 60.0, "mm", "of the sphere with the same volume")
    elongation: Quantity = quantity(1.0, 2.5, "", "longest axis over the two others")


class ChestCtRecipe(Recipe):
    """Synthetic CT examinations of the chest."""

    kind: Literal["chest-ct"] = Field(default="chest-ct", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["procedural"] = Field(description="a chest drawn from scratch")  # type: ignore[reportIncompatibleVariableOverride]
    grid: Grid
    patient: Patient
    nodule: Nodule
    protocol: PatientProtocol
    output: CtOutput


class Contrast(Section):
    """How much iodine the blood and the organs hold, as in the portal venous phase; 0 is an unenhanced scan."""

    blood: Quantity = quantity(0.0, 30.0, "mg/ml", "iodine in blood")
    kidney: Quantity = quantity(0.0, 30.0, "mg/ml", "iodine in the kidneys")
    liver: Quantity = quantity(0.0, 30.0, "mg/ml", "iodine in the liver")
    spleen: Quantity = quantity(0.0, 30.0, "mg/ml", "iodine in the spleen")


class DualEnergyProtocol(Section):
    """Two scans of the same patient, and what is made of both."""

    kvp_low: Quantity = quantity(60.0, 140.0, "kV", "tube voltage of the first scan")
    mas_low: Quantity = quantity(1.0, 2000.0, "mAs", "tube current-time product of the first scan")
    kvp_high: Quantity = quantity(60.0, 150.0, "kV", "tube voltage of the second scan")
    mas_high: Quantity = quantity(1.0, 2000.0, "mAs", "tube current-time product of the second scan")
    tin: Quantity = quantity(0.0, 2.0, "mm", "tin filter of the second scan")
    energy: Quantity = quantity(20.0, 150.0, "keV", "of the virtual monoenergetic image")
    decomposition: Literal["readings", "images"] = Field(
        default="readings",
        description="of what water and iodine are made: each ray's readings, or the images",
    )
    kernel: Kernel = kernel_field()
    views: int = views_field()
    pixel_size: float = pixel_field()


class AbdomenDualEnergyRecipe(Recipe):
    """Synthetic dual-energy CT examinations of the abdomen with iodinated contrast medium."""

    kind: Literal["abdomen-ct-dual-energy"] = Field(  # type: ignore[reportIncompatibleVariableOverride]
        default="abdomen-ct-dual-energy", description="what is made"
    )
    anatomy: Literal["procedural"] = Field(description="an abdomen drawn from scratch")  # type: ignore[reportIncompatibleVariableOverride]
    grid: Grid
    patient: Patient
    contrast: Contrast
    protocol: DualEnergyProtocol
    output: CtOutput


class RadiographProtocol(Section):
    """One exposure on a flat panel behind an antiscatter grid."""

    kvp: Quantity = quantity(40.0, 150.0, "kV", "tube voltage")
    mas: Quantity = quantity(0.01, 500.0, "mAs", "tube current-time product")
    view: Literal["pa", "lateral"] = Field(description="from the back to the front, or from right to left")
    grid_ratio: Quantity = quantity(1.0, 30.0, "", "of the antiscatter grid")
    processing: Literal["standard", "soft", "bone"] = Field(
        description="kernel of the display: how strongly detail is raised"
    )
    pixel_size: float = pixel_field()


class RadiographOutput(Section):
    """What is written besides PNG and HDF5."""

    nifti: bool = Field(description="the logarithmic radiograph as NIfTI")
    dicom: bool = Field(default=True, description="the radiograph as shown, as a DICOM digital X-ray image")


class ChestRadiographRecipe(Recipe):
    """Synthetic chest radiographs with the exact line integrals behind them."""

    kind: Literal["chest-radiograph"] = Field(default="chest-radiograph", description="what is made")  # type: ignore[reportIncompatibleVariableOverride]
    anatomy: Literal["procedural"] = Field(description="a chest drawn from scratch")  # type: ignore[reportIncompatibleVariableOverride]
    grid: Grid
    patient: Patient
    nodule: Nodule
    protocol: RadiographProtocol
    output: RadiographOutput
