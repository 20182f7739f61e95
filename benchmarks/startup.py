"""Claims: `import physim` costs under 1.5 s beyond jax, `physim --help` under 0.5 s without jax, and kernels restored
from the disk cache are ready in a second process in under 1 s.

Every number is the median over fresh processes.
"""

import subprocess
import sys
import time

import numpy as np
import report

KERNELS = """
import time
import jax, jax.numpy as jnp, numba
from physim import core
start = time.perf_counter()
core.sample(jnp.ones((4, 4, 4)), jnp.ones((2, 3))).block_until_ready()
print(time.perf_counter() - start)
"""
EVERYTHING = "import physim; [getattr(physim, name) for name in physim.__all__]"


def fresh(code: str, repeats: int) -> float:
    """Median wall time of a new interpreter that runs `code`, less that of an empty one."""
    return _median(["-c", code], repeats) - _median(["-c", "pass"], repeats)


def _median(arguments: list[str], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))  # the first may still write byte code


def main() -> None:
    """Measures and reports."""
    arguments = report.options(__doc__ or "")
    repeats = 3 if arguments.smallest else 7
    jax_alone = fresh("import jax", repeats)
    rows = [
        {
            "what": "import physim, beyond jax",
            "seconds": max(0.0, fresh("import jax, physim", repeats) - jax_alone),
            "allowed": 1.5,
        },
        {
            "what": "import every namespace, beyond jax",
            "seconds": fresh(EVERYTHING, repeats) - jax_alone,
            "allowed": 1.5,
        },
        {
            "what": "physim --help, whole process",
            "seconds": _median(["-m", "physim", "--help"], repeats),
            "allowed": 0.5,
        },
        {"what": "first kernel call in a second process", "seconds": _kernels(repeats), "allowed": 1.0},
    ]
    report.finish("startup", rows, arguments, import_jax_seconds=jax_alone)


def _kernels(repeats: int) -> float:
    run = lambda: float(
        subprocess.run([sys.executable, "-c", KERNELS], check=True, capture_output=True, text=True).stdout
    )
    run()
    return float(np.median([run() for _ in range(repeats)]))


if __name__ == "__main__":
    main()
