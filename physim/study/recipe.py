"""Recipes: how a dataset is made, as checked TOML. Reading one never imports JAX."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from physim_phantoms import InputError
from physim_phantoms._checks import suggest

from .recipe_accelerated import AcceleratedMriRecipe as AcceleratedMriRecipe
from .recipe_body_ct import AbdomenDualEnergyRecipe as AbdomenDualEnergyRecipe
from .recipe_body_ct import ChestCtRecipe as ChestCtRecipe
from .recipe_body_ct import ChestRadiographRecipe as ChestRadiographRecipe
from .recipe_brain_protocol import BrainProtocolRecipe as BrainProtocolRecipe
from .recipe_errors import one_line
from .recipe_fields import Draw as Draw
from .recipe_fields import Recipe as Recipe
from .recipe_glioma import GliomaRecipe as GliomaRecipe
from .recipe_head_ct import HeadCtRecipe as HeadCtRecipe
from .recipe_qa_ct import QaCtRecipe as QaCtRecipe
from .recipe_qa_mri import QaMriRecipe as QaMriRecipe

_SHIPPED = Path(__file__).parent / "recipes"
_KINDS: dict[str, type[Recipe]] = {
    "abdomen-ct-dual-energy": AbdomenDualEnergyRecipe,
    "accelerated-mri": AcceleratedMriRecipe,
    "brain-glioma-mri": GliomaRecipe,
    "brain-mri-protocol": BrainProtocolRecipe,
    "chest-ct": ChestCtRecipe,
    "chest-radiograph": ChestRadiographRecipe,
    "head-ct": HeadCtRecipe,
    "qa-ct": QaCtRecipe,
    "qa-mri": QaMriRecipe,
}


def names() -> list[str]:
    """The recipes that come with physim."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def load(name_or_path: str | Path, overrides: Mapping[str, object] | None = None) -> Recipe:
    """A recipe that comes with physim, or one in a TOML file of the same shape.

    - `overrides`: by dotted name, `{"tumour.days": 200.0, "grid.spacing": "2.0"}`; text is read as a TOML value, and as
      plain text where it is none, so that what a command line gives can be passed on. Instead of a number, a quantity
      also takes a draw: `"{low = 30.0, high = 75.0}"`.

    Raises `ValueError` of one line: the field, what was given, what is allowed; or the nearest name for a misspelt one.
    """
    path = _located(name_or_path)
    content = _parsed(path)
    source = path.stem if path.parent == _SHIPPED else str(path)
    for name, value in (overrides or {}).items():
        _put(content, name, _toml_value(value), source)
    return _checked(content, source)


def from_dict(content: Mapping[str, Any]) -> Recipe:
    """The recipe whose `model_dump(mode="json")` is `content`; refused as by `load`."""
    return _checked(dict(content), "recipe")


def describe(recipe: Recipe | str | Path) -> list[tuple[str, object, str]]:
    """Every parameter of a recipe: dotted name, value as one writes it, and unit, range and meaning in words."""
    recipe = recipe if isinstance(recipe, Recipe) else load(recipe)
    return [(name, _written(value), _words(field)) for name, value, field in _walk(recipe)]


def _located(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if text in names():
        return _SHIPPED / f"{text}.toml"
    path = Path(text)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise InputError(
                f"{path} is not there; give the path of a TOML file, or one of {', '.join(names())}"
            )
        return path
    raise suggest("recipe", text, names())


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no readable TOML file ({error}); mend it there") from error


def _toml_value(value: object) -> object:
    if not isinstance(value, str):
        return value.model_dump() if isinstance(value, Draw) else value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return value


def _put(content: dict[str, Any], name: str, value: object, source: str) -> None:
    """Sets one dotted name; unknown names are refused here, where the whole name is known."""
    kind = _KINDS.get(content.get("kind", ""))
    if kind is not None:
        known = _dotted_names(kind)
        sections = {k.rpartition(".")[0] for k in known} - {""}
        if name not in known and name not in sections:
            raise InputError(f"{source}: {_nearest(name, known)}")
    *path, last = name.split(".")
    for part in path:
        inner = content.get(part)
        content[part] = content = dict(inner) if isinstance(inner, dict) else {}
    content[last] = value


def _nearest(name: str, known: list[str]) -> InputError:
    """A last part that exists in one section only needs no spelling check: `kvp` can only be `protocol.kvp`."""
    ends = [k for k in known if k.rpartition(".")[2] == name.rpartition(".")[2]]
    if ends:
        return InputError(f"unknown parameter {name!r}; did you mean {' or '.join(map(repr, ends))}?")
    return suggest("parameter", name, known)


def _checked(content: dict[str, Any], source: str) -> Recipe:
    kind = content.get("kind")
    if kind not in _KINDS:
        raise InputError(f"{source}: {suggest('kind of recipe', str(kind), _KINDS)}")
    try:
        return _KINDS[kind].model_validate(content)
    except ValidationError as error:
        raise one_line(error, source, _dotted_names(_KINDS[kind])) from error


def _dotted_names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All parameters of a recipe class; a quantity is one parameter, whatever it is drawn from."""
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += _dotted_names(inner, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def _walk(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, object, Any]]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel) and not isinstance(value, Draw):
            yield from _walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, field


def quantities(recipe: Recipe) -> dict[str, float | Draw]:
    """The numbers of a recipe that may be drawn, by dotted name; whole numbers and lists never are."""
    return {name: value for name, value, _ in _walk(recipe) if isinstance(value, float | Draw)}


def _written(value: object) -> object:
    if not isinstance(value, Draw):
        return list(value) if isinstance(value, tuple) else value
    given = value.model_dump(exclude_none=True)
    return "{" + ", ".join(f"{name} = {number:g}" for name, number in given.items()) + "}"


def _words(field: Any) -> str:
    extra = field.json_schema_extra or {}
    unit, low, high = extra.get("unit", ""), extra.get("low"), extra.get("high")
    span = f"{low:g} to {high:g} {unit}".strip() if low is not None else unit
    return f"{span}: {field.description}" if span else field.description or ""
