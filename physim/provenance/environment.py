"""What decides the bits beside recipe and key: versions, processor, precision, compiled kernels, physim's own source."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .documents import flatten

_LIBRARIES = (
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "numba",
    "equinox",
    "h5py",
    "nibabel",
    "pydicom",
    "matplotlib",
)
_PACKAGES = ("physim", "physim_kernels", "physim_phantoms")
# Compilers choose instructions by these, and the choice shows in the last bits.
_FEATURES = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve", "sve2")


def describe_environment() -> dict[str, Any]:
    """Everything about this process that can change the bits of a case; compiles nothing, starts no device."""
    return {
        "physim": _physim_version(),
        "source_sha256": source_hash(),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "platform": {
            "system": platform.system(),
            "machine": platform.machine(),
            "features": list(_cpu_features()),
        },
        "jax": _jax_state(),
        "kernels": _kernels(),
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What two environments disagree on, one line each; kernels that only one of them has tried do not count."""
    left, right = flatten(then), flatten(now)
    names = sorted(left.keys() | right.keys())
    return [
        f"{name} was {left.get(name)!r} and is {right.get(name)!r} now"
        for name in names
        if left.get(name) != right.get(name) and not _undecided(name, left, right)
    ]


def _undecided(name: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether one side has not come so far as to know: it has not loaded JAX, or not asked for a kernel."""
    if name.startswith("jax."):
        return not (left.get("jax.loaded") and right.get("jax.loaded"))
    return name.startswith("kernels.tried.") and not (name in left and name in right)


@functools.cache
def source_hash() -> str:
    """One hash over the installed files of physim's packages: the same source, the same hash."""
    total = hashlib.sha256()
    for package in _PACKAGES:
        for name, path in sorted(_files(package).items()):
            total.update(f"{package}/{name}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def _files(package: str) -> dict[str, Path]:
    spec = importlib.util.find_spec(package)
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    found = {}
    for root in roots:
        for path in root.rglob("*"):
            if (
                path.is_file()
                and "__pycache__" not in path.parts
                and path.suffix not in (".pyc", ".nbi", ".nbc")
            ):
                found[path.relative_to(root).as_posix()] = path
    return found


def _physim_version() -> str:
    import physim

    return physim.__version__


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def _cpu_features() -> tuple[str, ...]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()  # other systems do not tell; the machine's kind is recorded all the same
    flags = next(
        (line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "Features"))), []
    )
    return tuple(name for name in _FEATURES if name in flags)


def _jax_state() -> dict[str, Any]:
    """Device and precision of JAX where it is loaded; a process that never loaded it has no such state."""
    jax = sys.modules.get("jax")
    if jax is None:
        return {"loaded": False}
    return {
        "loaded": True,
        "backend": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "x64": bool(jax.config.jax_enable_x64),
        "partitionable_keys": bool(jax.config.jax_threefry_partitionable),
    }


def _kernels() -> dict[str, Any]:
    from physim_kernels import availability

    tried = {f"{row.kernel} {row.precision}": row.reason or "live" for row in availability.tried()}
    return {"switch": os.environ.get("PHYSIM_KERNELS", "on"), "tried": tried}
