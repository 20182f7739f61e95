"""One line for what is wrong with a recipe: which field, what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from physim_phantoms import InputError
from physim_phantoms._checks import suggest


def one_line(error: ValidationError, source: str, known: Iterable[str]) -> InputError:
    """The first thing that a validation found wrong, with the nearest of the `known` dotted names for a misspelt one."""
    details = [d for d in error.errors(include_url=False) if not _of_the_other_branch(d)]
    unknown = [d for d in details if d["type"] == "extra_forbidden"]
    detail = (unknown or details)[0]
    name = _dotted(detail["loc"])
    if unknown:
        return InputError(f"{source}: {suggest('parameter', name, known)}")
    if not name:
        return InputError(f"{source}: {_reason(detail)}")
    reason = _reason(detail)
    return InputError(
        f"{source}: {name} {reason}" if reason.startswith("is ") else f"{source}: {name}: {reason}"
    )


def _of_the_other_branch(detail: Any) -> bool:
    """A quantity that is neither a number nor a draw fails as both; what looks like a draw is judged as one."""
    if detail["loc"][-1:] == ("float",):
        return isinstance(detail["input"], dict)
    return detail["loc"][-1:] == ("Draw",) and not isinstance(detail["input"], dict)


def _dotted(location: tuple[Any, ...]) -> str:
    """Where a field is, without the names that a union gives its branches."""
    return ".".join(str(part) for part in location if not (isinstance(part, str) and _names_a_branch(part)))


def _names_a_branch(part: str) -> bool:
    return part in ("float", "Draw") or part.startswith("function-")


def _reason(detail: Any) -> str:
    given, limits = detail["input"], detail.get("ctx", {})
    shown = (
        repr(given)
        if not isinstance(given, dict | list | tuple) or len(repr(given)) < 60
        else type(given).__name__
    )
    match detail["type"]:
        case "missing":
            return "is missing; give it in the recipe"
        case "value_error":
            return str(limits["error"])
        case "literal_error":
            return f"is {shown}; it must be {limits['expected']}"
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            return f"is {shown}; {detail['msg'].removeprefix('Input ').replace('should be', 'it must be')}"
        case _:
            return f"is {shown}; {detail['msg'][0].lower()}{detail['msg'][1:].replace('should', 'must')}"
