"""What JAX has compiled is kept on disk, so that the next process, or the worker beside this one, starts at once."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from physim import io

_FOLDER, _SHORTEST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def keep_compiled() -> Path | None:
    """Lets JAX keep compiled programs in the cache folder; call it before JAX is loaded. Returns the folder, if it can be had.

    Does nothing if `JAX_COMPILATION_CACHE_DIR` is set, to whatever, an empty text included. Every kind of processor has
    a folder of its own: a home folder may be shared by machines whose instructions differ.
    """
    if _FOLDER in os.environ:
        return None
    folder = io.cache_folder() / "compiled" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None  # slower, not wrong
    os.environ[_FOLDER] = str(folder)
    os.environ.setdefault(_SHORTEST, "0.2")
    return folder


def _processor() -> str:
    """A short name for everything that compiled code depends on in this processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = [platform.processor()]
    kind = [
        line for line in lines if line.startswith(("flags", "Features", "model name", "CPU part"))
    ] or lines
    return hashlib.sha256("\n".join([platform.machine(), *sorted(set(kind))]).encode()).hexdigest()[:12]
