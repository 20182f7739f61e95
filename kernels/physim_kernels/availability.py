"""Which kernels are live, and why not: first use compiles and registers, a failure leaves the JAX reference."""

import importlib
import os
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

# kernel -> (module, what its make_handler and warm_up take beside the precision)
_KERNELS: dict[str, tuple[str, tuple]] = {
    "back_projection": ("back_projection", (True,)),
    "back_projection_transpose": ("back_projection", (False,)),
    "diffusion": ("diffusion", (True,)),
    "diffusion_map": ("diffusion", (False,)),
    "direct_sum": ("direct_sum", (True,)),
    "direct_sum_transpose": ("direct_sum", (False,)),
    "fingerprints": ("fingerprints", (False,)),
    "fingerprints_flip_gradient": ("fingerprints_transpose", ()),
    "fingerprints_kept": ("fingerprints_kept", ()),
    "fingerprints_tangents": ("fingerprints", (True,)),
    "helical_back_projection": ("helical_back_projection", (True,)),
    "helical_back_projection_transpose": ("helical_back_projection", (False,)),
    "interpolate": ("gridding", (True,)),
    "ray_project": ("rays", (True,)),
    "ray_project_transpose": ("rays", (False,)),
    "sample": ("sampling", (True,)),
    "sample_transpose": ("sampling", (False,)),
    "spread": ("gridding", (False,)),
}
_registered: dict[str, object] = {}
_failed: dict[str, str] = {}
_lock = threading.RLock()
_off = threading.local()


class Status(NamedTuple):
    """One kernel in one precision: whether it runs compiled, and if not, why."""

    kernel: str
    precision: str
    live: bool
    reason: str


@contextmanager
def disabled() -> Iterator[None]:
    """Within this block, what is traced uses the JAX references; for tests that prove the two equal."""
    before = getattr(_off, "value", False)
    _off.value = True
    try:
        yield
    finally:
        _off.value = before


def ensure(kernel: str, dtype) -> str | None:
    """The FFI target of a kernel for a precision, compiled and registered on first use; None if it cannot be had."""
    precision = np.dtype(dtype).name
    if getattr(_off, "value", False) or _reason_against(kernel, precision):
        return None
    target = f"physim_{kernel}_{precision}"
    with _lock:
        if target in _registered:
            return target
        if target in _failed:
            return None
        try:
            with _one_process_at_a_time():
                _registered[target] = _compile(kernel, precision, target)
        except Exception as error:
            # Whatever goes wrong below, the reference is right, and doctor tells the reason.
            _failed[target] = f"{type(error).__name__}: {error}".splitlines()[0]
            return None
    return target


def _reason_against(kernel: str, precision: str) -> str:
    """Why a kernel is not even tried, or nothing."""
    if os.environ.get("PHYSIM_KERNELS", "on").lower() in {"off", "0", "no", "false"}:
        return "PHYSIM_KERNELS=off"
    if kernel not in _KERNELS:
        return f"no kernel is called {kernel}"
    if precision not in {"float32", "float64"}:
        return f"no kernel for {precision}"
    return ""


@contextmanager
def _one_process_at_a_time() -> Iterator[None]:
    """Lets the processes of this user compile one after another; those that waited find the work done.

    Two that save different signatures of one function at the same moment may give both the same file in Numba's disk
    cache, and a later process would then run float64 code on float32 numbers.
    """
    try:
        import fcntl

        owner = f"{os.getuid()}-{zlib.crc32(os.fsencode(__file__)):08x}"
        file = (Path(tempfile.gettempdir()) / f"physim-kernels-{owner}.lock").open("a")
    except (ImportError, OSError):  # no such locks on Windows; no folder for temporary files
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(kernel: str, precision: str, target: str) -> object:
    """Compiles one kernel, starts its threads and registers it."""
    from numba import types
    from numba.core import config
    from numba.np.ufunc import threading_layer

    from . import bridge

    # OpenMP first: Numba's own thread pools do not take calls from several threads.
    config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # pyright: ignore[reportAttributeAccessIssue]

    name, arguments = _KERNELS[kernel]
    module = importlib.import_module(f".{name}", __package__)
    # Without this call a handler restored from the disk cache crashes: nothing would have started Numba's threads.
    module.warm_up(np.dtype(precision), *arguments)
    if threading_layer() == "workqueue":
        raise RuntimeError("Numba has only its workqueue threads here, which two callers at once would abort")
    code = bridge.FLOAT32 if precision == "float32" else bridge.FLOAT64
    handler = module.make_handler(getattr(types, precision), code, *arguments)
    bridge.register(target, handler)
    return handler


def status() -> list[Status]:
    """Tries every kernel in float32 and float64 and tells what came of it."""
    rows = []
    for kernel in _KERNELS:
        for precision in ("float32", "float64"):
            live = ensure(kernel, precision) is not None
            reason = _reason_against(kernel, precision) or _failed.get(f"physim_{kernel}_{precision}", "")
            rows.append(Status(kernel, precision, live, reason))
    return rows


def tried() -> list[Status]:
    """What came of the kernels that this process has asked for so far; compiles nothing."""
    with _lock:
        outcomes = dict.fromkeys(_registered, "") | _failed
    rows = [
        (*target.removeprefix("physim_").rpartition("_"), reason)
        for target, reason in sorted(outcomes.items())
    ]
    return [Status(kernel, precision, not reason, reason) for kernel, _, precision, reason in rows]


def threading_layer() -> str:
    """Numba's threading layer, once a kernel has run; otherwise why there is none."""
    try:
        from numba.np.ufunc import threading_layer

        return threading_layer()
    except (ImportError, ValueError) as error:
        return str(error)
