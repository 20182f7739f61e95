"""From a recipe to cases to a dataset, on one machine or on several processes of it, and back from a record.

Everything loads on first use; reading a recipe never imports JAX.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cases import make_case
    from .compiled import keep_compiled
    from .devices import use_device
    from .doctor import examine
    from .recipe import Recipe, describe, from_dict, load, names
    from .reproduction import Reproduction, reproduce
    from .runner import Report, run
    from .work import Case, CaseError

_HOME = {
    "cases": ("make_case",),
    "compiled": ("keep_compiled",),
    "devices": ("use_device",),
    "doctor": ("examine",),
    "recipe": ("Recipe", "describe", "from_dict", "load", "names"),
    "reproduction": ("Reproduction", "reproduce"),
    "runner": ("Report", "run"),
    "work": ("Case", "CaseError"),
}
__all__ = [
    "Case",
    "CaseError",
    "Recipe",
    "Report",
    "Reproduction",
    "describe",
    "examine",
    "from_dict",
    "keep_compiled",
    "load",
    "make_case",
    "names",
    "reproduce",
    "run",
    "use_device",
]


def __getattr__(name: str):
    for home, names_there in _HOME.items():
        if name in names_there:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
