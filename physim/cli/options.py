"""Every value of a recipe is an option: `--tumour.days 200` and `--tumour.days=200` become `--set tumour.days=200`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_DOTTED = re.compile(r"--([A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)+)(?:=(.*))?", flags=re.DOTALL)


def dotted_options(tokens: Sequence[str]) -> list[str]:
    """The tokens with every dotted option rewritten; a dotted option without a value is left as it is, to be refused."""
    rest, result = list(tokens), []
    while rest:
        token = rest.pop(0)
        match = _DOTTED.fullmatch(token)
        if match is None:
            result.append(token)
        elif match[2] is not None:
            result.append(f"--set={_name(match[1])}={match[2]}")
        elif rest and not rest[0].startswith("--"):
            result.append(f"--set={_name(match[1])}={rest.pop(0)}")
        else:
            result.append(token)
    return result


def overrides(settings: Iterable[str], **named: object) -> dict[str, object]:
    """What `--set name=value` and the named options change in a recipe; options that were not given change nothing."""
    from physim_phantoms import InputError

    changes = {name: value for name, value in named.items() if value is not None}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--set {setting!r} has no value; write --set tumour.days=200")
        changes[name.strip()] = value
    return changes


def _name(option: str) -> str:
    return option.replace("-", "_")
