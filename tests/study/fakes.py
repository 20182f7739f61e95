"""Pipelines for the tests of the runner, where the physics is not the point; workers import them by name."""

import os
import signal
from pathlib import Path

import numpy as np

from physim_phantoms import InputError


def make(recipe, index, folder, *, offline=False, announce=None, progress=None) -> dict:
    """Two files whose bits follow from the seed and the number of the case."""
    values = np.random.default_rng([recipe.seed, index]).normal(size=100)
    (folder / "deep").mkdir()
    (folder / "deep" / "values.bin").write_bytes(values.tobytes())
    (folder / "note.txt").write_text(f"case {index + 1}, {recipe.name}\n")
    return {"mean": float(values.mean()), "pipeline": "fake"}


def kill_once(recipe, index, folder, **options) -> dict:
    """As `make`, but the process that gets the second case first is killed in the middle of it."""
    parameters = make(recipe, index, folder, **options)
    marker = Path(os.environ["PHYSIM_TEST_FOLDER"]) / "killed"
    if index == 1 and not marker.exists():
        marker.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return parameters


def kill_always(recipe, index, folder, **options) -> dict:
    """As `make`, but no process survives the second case."""
    if index == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return make(recipe, index, folder, **options)


def kill_third(recipe, index, folder, **options) -> dict:
    """As `make`, but the process dies in the middle of the third case."""
    parameters = make(recipe, index, folder, **options)
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return parameters


def refuse_second(recipe, index, folder, **options) -> dict:
    """As `make`, but the second case is refused after it has written a file."""
    parameters = make(recipe, index, folder, **options)
    if index == 1:
        raise InputError("tumour.days is -3; it must lie between 1 and 3000 days")
    return parameters


def drifting(recipe, index, folder, **options) -> dict:
    """As `make`, with one file that is never the same twice and one that may be missing."""
    parameters = make(recipe, index, folder, **options)
    (folder / "random.bin").write_bytes(os.urandom(8))
    return parameters


def listening(recipe, index, folder, **options) -> dict:
    """As `make`, with a list of the addresses on which this machine listens while workers are at work."""
    parameters = make(recipe, index, folder, **options)
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    (folder / "listening.txt").write_text(
        "\n".join(f"{words[9]} {words[1]}" for words in lines if words[3] == "0A")
    )
    return parameters


def count_threads(recipe, index, folder, **options) -> dict:
    """As `make`, with the number of threads that a kernel would get here."""
    import numba

    parameters = make(recipe, index, folder, **options)
    (folder / "threads.txt").write_text(str(numba.get_num_threads()))
    return parameters


def interrupt_second(recipe, index, folder, **options) -> dict:
    """As `make`, but in the middle of the second case somebody presses Ctrl-C."""
    parameters = make(recipe, index, folder, **options)
    if index == 1:
        # A shell starts its background jobs with this signal ignored, and a suite run there hands that down.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    return parameters


def terminate_second(recipe, index, folder, **options) -> dict:
    """As `make`, but in the middle of the second case a batch system ends the job."""
    parameters = make(recipe, index, folder, **options)
    if index == 1:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    return parameters


def too_large(recipe, index, folder, **options) -> dict:
    """As `make`, with a file that the full disk of the test has no room for in the second case."""
    parameters = make(recipe, index, folder, **options)
    if index == 1:
        (folder / "large.bin").write_bytes(bytes(1_000_000))
    return parameters


def broken(recipe, index, folder, **options) -> dict:
    """A defect in a pipeline."""
    raise ZeroDivisionError("division by\nzero")
