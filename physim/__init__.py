"""physim: a differentiable virtual imaging lab.

The namespaces load on first use, so that `import physim` costs little and `physim --help` never imports JAX.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        biomech as biomech,
    )
    from . import (
        core as core,
    )
    from . import (
        ct as ct,
    )
    from . import (
        evidence as evidence,
    )
    from . import (
        hybrid as hybrid,
    )
    from . import (
        io as io,
    )
    from . import (
        mri as mri,
    )
    from . import (
        provenance as provenance,
    )
    from . import (
        study as study,
    )

__version__ = "0.1.0"
__all__ = ["biomech", "core", "ct", "evidence", "hybrid", "io", "mri", "provenance", "study"]


def __getattr__(name: str):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
