"""What a recipe is made of: sections, and quantities that are a number or a distribution to draw from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    """A frozen group of fields that refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _within_range(cls, value: Any, info: Any) -> Any:
        """Keeps quantities, drawn ones at both ends, within the range that their field names."""
        extra: Any = cls.model_fields[str(info.field_name)].json_schema_extra or {}
        if "low" not in extra:
            return value
        low, high, unit = extra["low"], extra["high"], extra["unit"]
        drawn = isinstance(value, Draw)
        ends = (value.low, value.high) if drawn else (value, value)
        if ends[0] < low or ends[1] > high:
            shown = f"{value.low:g} to {value.high:g}" if drawn else f"{value:g}"
            raise ValueError(f"is {shown}; it must lie between {low:g} and {high:g} {unit}".rstrip())
        return value


class Draw(Section):
    """A number drawn for each case: uniform between `low` and `high`, or normal and cut there.

    - `low`, `high`: the range, in the unit of the field.
    - `mean`, `sd`: of the normal distribution before it is cut; both or neither.

    Good values: `{low = 30.0, high = 75.0}`, `{mean = 0.025, sd = 0.008, low = 0.012, high = 0.045}`.
    """

    low: float
    high: float
    mean: float | None = None
    sd: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Draw:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; low must be below high")
        if (self.mean is None) != (self.sd is None):
            raise ValueError("mean and sd go together; give both, or neither for a uniform draw")
        if self.mean is not None and not self.low <= self.mean <= self.high:
            raise ValueError(
                f"mean is {self.mean:g}; it must lie between low = {self.low:g} and high = {self.high:g}"
            )
        return self


Quantity = float | Draw


def quantity(low: float, high: float, unit: str, description: str) -> Any:
    """The field of a `Quantity`: a number, or a draw, within [low, high]."""
    return Field(description=description, json_schema_extra={"unit": unit, "low": low, "high": high})


def largest(value: Quantity) -> float:
    """The largest number a quantity can take: what static shapes must be ready for."""
    return value.high if isinstance(value, Draw) else value


class Recipe(Section):
    """How a dataset is made. Every kind of dataset has its own sections; these fields all recipes share.

    `Recipe.model_validate` and `physim.study.recipe.from_dict` give the recipe of the `kind` that is named.
    """

    kind: str = Field(description="what is made")
    name: str = Field(
        min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", description="of the recipe"
    )
    seed: int = Field(ge=0, lt=2**31, description="of all random numbers; case i uses the key folded with i")
    anatomy: str = Field(description="where the patient comes from")

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, data: Any, handler: Any) -> Any:
        if cls is not Recipe or isinstance(data, Recipe):
            return handler(data)
        kinds = {kind.model_fields["kind"].default: kind for kind in cls.__subclasses__()}
        named = data.get("kind") if isinstance(data, dict) else None
        if named not in kinds:
            raise ValueError(f"kind is {named!r}; it must be one of {', '.join(map(repr, sorted(kinds)))}")
        return kinds[named].model_validate(data)


class Grid(Section):
    """The voxels of the patient and of the images, centred on the head."""

    spacing: float = Field(ge=0.5, le=12.0, description="edge of a voxel", json_schema_extra={"unit": "mm"})
    field_of_view: tuple[
        Annotated[float, Field(ge=40.0, le=500.0)],
        Annotated[float, Field(ge=40.0, le=500.0)],
        Annotated[float, Field(ge=40.0, le=500.0)],
    ] = Field(
        description="edges of the box along right, anterior and superior", json_schema_extra={"unit": "mm"}
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y and z: even numbers, so that the transforms are quick."""
        x, y, z = (2 * max(4, round(edge / self.spacing / 2)) for edge in self.field_of_view)
        return x, y, z


class Patient(Section):
    """Who is imaged."""

    age: Quantity = quantity(18.0, 95.0, "years", "of the patient")
    sex: Literal["F", "M", "any"] = Field(description='"any" draws one of both for each case')
