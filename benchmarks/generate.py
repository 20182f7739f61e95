"""Claim: four glioma cases at 1.5 mm take under 60 s on 2 cores, once installed and the anatomy fetched.

The whole command in a fresh process, from start to the last file on disk, through the real MNI152 maps where they are in
the cache and through the procedural brain otherwise. There is no peer: no open tool walks from patient to dataset.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

from physim import io


def one_size(spacing: float, cases: int, anatomy: str) -> dict:
    """Wall time of `physim generate` for some cases at one voxel size, mm."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["-m", "physim", "generate", "brain-glioma-mri", "--cases", str(cases), "--out", str(out)]
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command, "--anatomy", anatomy, "--set", f"grid.spacing={spacing}"],
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(f"physim generate failed: {done.stderr}")
        size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    return {
        "spacing_mm": spacing,
        "cases": cases,
        "seconds": seconds,
        "seconds_per_case": seconds / cases,
        "megabytes_per_case": size / cases / 1e6,
    }


def main() -> None:
    """Runs the sizes and reports."""
    arguments = report.options(__doc__ or "")
    anatomy = "mni152" if io.is_present("mni152") else "procedural"
    sizes = [4.0] if arguments.smallest else [3.0, 2.0, 1.5]
    rows = [one_size(spacing, 1 if arguments.smallest else 4, anatomy) for spacing in sizes]
    growth = report.exponent([spacing**-3 for spacing in sizes], [row["seconds"] for row in rows])
    report.finish("generate", rows, arguments, anatomy=anatomy, exponent_in_voxels=growth)


if __name__ == "__main__":
    main()
