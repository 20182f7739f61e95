"""Several cases at a time: worker processes of this machine, reached over the loopback interface only."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence

from physim_phantoms import InputError

from .work import Case, CaseError, Task, write_case

_LOOPBACK = "127.0.0.1"
_SET_BY_DASK = ("NUMBA_NUM_THREADS", "PYTHONHASHSEED")
_LOST_WORKERS = 3  # as many workers as one case may take down before it counts as the culprit


def run_tasks(tasks: Sequence[Task], workers: int) -> Iterator[Case]:
    """Makes the cases on `workers` processes; yields each as it is done. A killed worker's case is made again.

    Raises `InputError` if Dask is not installed, what a case raises, and `CaseError` if one case loses worker after worker.
    """
    try:
        import dask.config
        from distributed import Client, KilledWorker, LocalCluster, as_completed
    except ImportError:
        raise InputError(
            f"workers is {workers}, which needs Dask; pip install 'physim-imaging[cluster]', or write --workers 0"
        ) from None
    with (
        _environment_as_before(),
        tempfile.TemporaryDirectory(prefix="physim-workers-") as scratch,
        dask.config.set(_settings(workers)),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host=_LOOPBACK,
            dashboard_address=f"{_LOOPBACK}:0",
            worker_dashboard_address=f"{_LOOPBACK}:0",
            local_directory=scratch,
            memory_limit=0,  # a half-made case cannot be spilled; the system decides
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        futures = client.map(
            write_case, tasks, key=[task.folder.name for task in tasks], pure=False, retries=0
        )
        try:
            for future in as_completed(futures):
                yield future.result()
                future.release()
        except KilledWorker as error:
            raise CaseError(_lost(error)) from error


@contextlib.contextmanager
def _environment_as_before() -> Iterator[None]:
    """Dask sets a worker's variables in this process and leaves them there: its Numba would then refuse to compile."""
    before = {name: os.environ.get(name) for name in _SET_BY_DASK}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _settings(workers: int) -> dict[str, object]:
    """What differs from Dask's own choices, and why."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        # A forked child of a process that runs JAX deadlocks.
        "distributed.worker.multiprocessing-method": "spawn",
        # Only the running case of a killed worker is suspected, so no case waits on a worker.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.allowed-failures": _LOST_WORKERS,
        # Dask would set the threads of BLAS to one; the bits must not depend on who makes the case.
        "distributed.nanny.pre-spawn-environ": {"NUMBA_NUM_THREADS": str(max(1, cores // workers))},
        "distributed.worker.memory.terminate": False,
    }


def _lost(error: Exception) -> str:
    name = str(error.args[0]) if error.args else "a case"
    return (
        f"{name} was given up: {_LOST_WORKERS + 1} workers were killed while they made it, perhaps for lack of memory; "
        "finished cases are kept: go on with --resume and fewer workers"
    )
