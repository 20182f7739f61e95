"""What is imaged: grids, tissues, digital patients, test objects and their exact truths."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import anatomy as anatomy
    from . import qa as qa
    from . import shapes as shapes
    from ._checks import InputError as InputError
    from .grid import Grid as Grid
    from .phantom import Phantom as Phantom
    from .tissue import TISSUES as TISSUES
    from .tissue import Tissue as Tissue

_HOME = {
    "anatomy": None,
    "qa": None,
    "shapes": None,
    "InputError": "_checks",
    "Grid": "grid",
    "Phantom": "phantom",
    "TISSUES": "tissue",
    "Tissue": "tissue",
}
__all__ = ["TISSUES", "Grid", "InputError", "Phantom", "Tissue", "anatomy", "qa", "shapes"]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME[name]
    if home is None:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
