"""What the command prints: lines, bars where somebody watches, plain lines where nobody does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from physim.study import Case


def say(line: str) -> None:
    """One line of result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(line: str) -> None:
    """One line beside the result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def complain(line: str) -> None:
    """One line for what went wrong."""
    tell(f"physim: {line}")


@contextlib.contextmanager
def case_progress() -> Iterator[Callable[[Case, int, int], None]]:
    """A bar with the time left on a terminal; a line for each case where the output goes to a file."""
    if not sys.stderr.isatty():
        yield lambda case, done, total: say(_case_line(case, done, total))
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("cases"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("cases", total=None)

        def advance(case: Case, done: int, total: int) -> None:
            bar.update(row, completed=done, total=total)

        yield advance


@contextlib.contextmanager
def download_progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar of bytes on a terminal that appears with the first bytes; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("download"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        rows: list[Any] = []

        def advance(done: int, total: int) -> None:
            if not rows:
                rows.append(bar.add_task("download", total=total))
            bar.update(rows[0], completed=done, total=total)

        yield advance


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines with aligned columns; the last column runs free."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def size(count: int | float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the loop returns")


def doctor_lines(findings: dict[str, Any]) -> list[str]:
    """What `physim doctor` found, by section."""
    here = findings["environment"]
    libraries = "  ".join(f"{name} {here['libraries'][name]}" for name in ("jax", "jaxlib", "numba", "numpy"))
    live = [row for row in findings["kernels"] if row["live"]]
    lines = [
        f"physim {here['physim']}  python {here['python']}  {libraries}",
        f"source  {here['source_sha256'][:12]}",
        f"machine  {here['platform']['system']} {here['platform']['machine']}  {' '.join(here['platform']['features'])}",
        *(f"device  {device}" for device in findings["devices"]),
        f"threads  {findings['threads']}, layer {findings['threading_layer']}",
        f"memory bandwidth  {findings['bandwidth']:.1f} GB/s",
        f"kernels  {len(live)} of {len(findings['kernels'])} live",
        *(
            f"  {row['kernel']} {row['precision']}: not live, {row['reason']}"
            for row in findings["kernels"]
            if not row["live"]
        ),
        f"data folder  {findings['data_folder']}",
        *(
            f"  {name}: {'present' if there else f'absent; get it with: physim data fetch {name}'}"
            for name, there in findings["data"].items()
        ),
        f"output folder  {findings['out']}: {findings['out_state']}",
    ]
    return lines + [f"problem  {problem}" for problem in findings["problems"]]


def _case_line(case: Case, done: int, total: int) -> str:
    return f"{done} of {total}: {Path(case.folder)}, {size(case.bytes)}, {case.seconds:.1f} s"
