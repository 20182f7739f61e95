"""Writing a file: all of it, or nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from physim_phantoms._checks import InputError

from ..sequence.blocks import Sequence
from .collect import collect
from .write_text import text_of


def write_pulseq(sequence: Sequence, path: str | Path) -> None:
    """Writes a sequence as a signed Pulseq text file (.seq), of revision 1.5.0, or 1.5.1 with rotations or RF shims.

    Numbers have twelve digits. Equal events and shapes are stored once. Raster times are the usual ones (10 µs, 1 µs,
    100 ns), those in `sequence.definitions`, or the coarsest to which the sequence keeps; the definition FOV is mm in a
    sequence and m in a file. Negative amplitudes of pulses become a phase of π. Whatever was at `path` stays until the new
    file is complete. Source: Pulseq file specification 1.5.

    Raises `ValueError` for what the format cannot hold: gradients and read-outs that do not begin on whole µs, jumps
    within a waveform, rotations that are none, and paths that do not end in .seq.

    Good values: `write_pulseq(mri.sequences.spoiled_gradient_echo(), "gre.seq")`.
    """
    target = Path(path)
    if target.suffix != ".seq":
        raise InputError(
            f"path is {str(target)!r}; Pulseq text files end in .seq: write {str(target.with_suffix('.seq'))!r}"
        )
    text = text_of(collect(sequence))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[-150:]}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
