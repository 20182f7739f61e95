"""From the command line to an exit code: 0 done, 1 failed, 2 not understood, 130 interrupted; an error is one line."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence

from cyclopts import CycloptsError

from .commands import app
from .options import dotted_options
from .show import complain

_DONE, _FAILED, _NOT_UNDERSTOOD, _INTERRUPTED, _TERMINATED = 0, 1, 2, 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one `physim` command and returns its exit code; with `--debug` an error shows its traceback."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    try:
        with _clean_termination():
            result = app(dotted_options([token for token in tokens if token != "--debug"]))
        return result if isinstance(result, int) else _DONE
    except KeyboardInterrupt:
        complain("interrupted; finished cases are kept, nothing is left half-written")
        return _INTERRUPTED
    except BrokenPipeError:
        return _the_reader_left()
    except Exception as error:  # whatever it is, a person gets one line and a way to see more
        if debug:
            traceback.print_exc()
        return _explain(error)


def _explain(error: Exception) -> int:
    from physim_phantoms import InputError

    text = " ".join(str(error).split())
    if isinstance(error, CycloptsError):
        complain(f"{text} See: physim --help")
        return _NOT_UNDERSTOOD
    if isinstance(error, InputError):
        complain(text)
        return _NOT_UNDERSTOOD
    if isinstance(error, OSError) or type(error).__name__ == "CaseError":
        complain(text)
        return _FAILED
    complain(f"internal error, {type(error).__name__}: {text[:300]}; add --debug to see where")
    return _FAILED


@contextlib.contextmanager
def _clean_termination() -> Iterator[None]:
    """A batch system ends a job with SIGTERM: what is half-made is then removed as after Ctrl-C."""

    def leave(*_: object) -> None:
        raise SystemExit(_TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not the main thread: someone else's process, which decides about its signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _the_reader_left() -> int:
    """`physim recipes | head` closes the pipe early, which is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _DONE
