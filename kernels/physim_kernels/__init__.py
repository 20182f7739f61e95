"""Compiled kernels: Numba on the CPU, and the one bridge into JAX.

Nothing happens at import. `ensure(name, dtype)` compiles (or loads from the disk cache) and registers a kernel at its
first use; `status()` tells which kernels are live and why not.
"""

from .availability import (
    Status as Status,
)
from .availability import (
    disabled as disabled,
)
from .availability import (
    ensure as ensure,
)
from .availability import (
    status as status,
)
from .bandwidth import measure_bandwidth as measure_bandwidth
