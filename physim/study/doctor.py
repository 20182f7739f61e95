"""A look at an installation: what is there, what runs, how fast memory moves, and what stands in the way."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import physim_kernels
from physim import io, provenance
from physim.io.atomic import scratch_folder


def examine(out: str | Path = "out") -> dict[str, Any]:
    """Versions, devices, kernels, memory bandwidth in GB/s, data, and whether `out` can be written; JSON-able.

    Compiles the kernels where they are new. `problems` says what needs attention, one line each.
    """
    import jax

    devices = [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]
    kernels = [row._asdict() for row in physim_kernels.status()]
    out_state, out_problem = _try_writing(Path(out))
    broken = [
        f"kernel {row['kernel']} {row['precision']}: {row['reason']}" for row in kernels if _is_broken(row)
    ]
    return {
        "environment": provenance.describe_environment(),
        "devices": devices,
        "kernels": kernels,
        "threads": _threads(),
        "threading_layer": physim_kernels.availability.threading_layer(),
        "bandwidth": physim_kernels.measure_bandwidth(),
        "data_folder": str(io.cache_folder()),
        "data": {name: io.is_present(name) for name in io.SOURCES},
        "out": str(out),
        "out_state": out_state,
        "problems": broken + out_problem,
    }


def _is_broken(row: dict[str, Any]) -> bool:
    """A kernel that was switched off is a choice, one that fails is not."""
    return not row["live"] and not row["reason"].startswith("PHYSIM_KERNELS")


def _threads() -> int:
    import numba

    return numba.get_num_threads()


def _try_writing(out: Path) -> tuple[str, list[str]]:
    """Whether a file can be written in `out`, or in the folder where it would be made; leaves nothing there."""
    place = next((path for path in (out, *out.absolute().parents) if path.exists()), out)
    try:
        with scratch_folder(place) as scratch:
            (scratch / "probe").write_bytes(b"physim")
    except OSError as error:
        return "not writable", [f"{place} cannot be written: {error.strerror or error}"]
    return f"writable, {shutil.disk_usage(place).free / 1e9:.1f} GB free", []
