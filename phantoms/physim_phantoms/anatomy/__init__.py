"""Patients: procedural ones drawn from a population, and real ones from maps, labels or CT."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .digital_abdomen import abdomen as abdomen
    from .digital_abdomen import abdomen_parameters as abdomen_parameters
    from .digital_brain import brain as brain
    from .digital_brain import brain_parameters as brain_parameters
    from .digital_chest import chest as chest
    from .digital_chest import chest_parameters as chest_parameters
    from .digital_head import head as head
    from .digital_head import head_parameters as head_parameters
    from .embedding import embed_in_head as embed_in_head
    from .hounsfield import CT_TISSUES as CT_TISSUES
    from .hounsfield import from_ct as from_ct
    from .label_volumes import from_labels as from_labels
    from .probability_maps import from_probability_maps as from_probability_maps

_HOME = {
    "abdomen": "digital_abdomen",
    "abdomen_parameters": "digital_abdomen",
    "brain": "digital_brain",
    "brain_parameters": "digital_brain",
    "chest": "digital_chest",
    "chest_parameters": "digital_chest",
    "head": "digital_head",
    "head_parameters": "digital_head",
    "embed_in_head": "embedding",
    "CT_TISSUES": "hounsfield",
    "from_ct": "hounsfield",
    "from_labels": "label_volumes",
    "from_probability_maps": "probability_maps",
}
__all__ = [
    "CT_TISSUES",
    "abdomen",
    "abdomen_parameters",
    "brain",
    "brain_parameters",
    "chest",
    "chest_parameters",
    "embed_in_head",
    "from_ct",
    "from_labels",
    "from_probability_maps",
    "head",
    "head_parameters",
]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
