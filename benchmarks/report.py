"""What every benchmark shares: sizes from the command line, paired timing, the printed table and the JSON result."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def parser(description: str) -> argparse.ArgumentParser:
    """`--smallest` runs one size and writes nothing (CI); without it all sizes run and `results/` is updated."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument(
        "--smallest", action="store_true", help="only the smallest size; results/ is left alone"
    )
    return made


def options(description: str) -> argparse.Namespace:
    """What `parser` reads from the command line."""
    return parser(description).parse_args()


def paired(runs: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """Median seconds of each run, taken in turn A B A B ..., after one warm-up each: drift hits all alike."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


def exponent(sizes: list[float], seconds: list[float]) -> float | None:
    """The power of the work with which the time grows; 1 is linear."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]) if len(sizes) > 1 else None


def machine() -> dict[str, object]:
    """What the numbers were measured on, in words that name no host."""
    import os

    import jax

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }


def finish(name: str, rows: list[dict], arguments: argparse.Namespace, **more: object) -> None:
    """Prints the rows as a table and, for a full run, writes `results/<name>.json`."""
    for row in rows:
        print("  ".join(f"{key} {_shown(value)}" for key, value in row.items()))
    for key, value in more.items():
        print(f"{key}: {_shown(value)}")
    if not arguments.smallest:
        RESULTS.mkdir(exist_ok=True)
        content = {"benchmark": name, "machine": machine(), **more, "rows": rows}
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
