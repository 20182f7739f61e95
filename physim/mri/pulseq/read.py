"""Reading a file, whichever form it has."""

from __future__ import annotations

from pathlib import Path

from physim_phantoms._checks import InputError

from ..sequence.blocks import Sequence
from .assemble import assemble
from .read_binary import MAGIC, read_binary
from .read_text import read_text
from .signature import CheckSignature, Signature, check_signature
from .tables import Tables, located


def read_pulseq(path: str | Path, signature: Signature = CheckSignature()) -> Sequence:
    """The sequence in a Pulseq file: text of revisions 1.2 to 1.5 (.seq), or binary of revision 1.5 (.bseq).

    Gradients come in mT/m of protons, the definition FOV in mm, everything else as in the file. Labels, triggers,
    rotations, soft delays and RF shims are kept on their blocks; a `PulseqWarning` tells of other extensions, and of blocks
    that do not last as long as the file says. Where files
    before 1.5 do not say how gradients begin and end, and where pulses act, that is reconstructed. Of labels in unsigned
    binary files of the first form only the ten counters can be told apart; others are refused.

    - `signature`: `CheckSignature()`, or `IgnoreSignature()` for files that were edited after they were signed.

    Raises `FileNotFoundError`, and `ValueError` with path, line and remedy for files that are altered, incomplete, of an
    unknown revision or contradict themselves. Source: Pulseq file specification 1.5.2.

    Good values: `read_pulseq("gre.seq")`.
    """
    data = Path(path).read_bytes()
    with located(str(path)):
        return assemble(_tables(data, signature))


def _tables(data: bytes, signature: Signature) -> Tables:
    if data.startswith(MAGIC):
        return read_binary(data, signature)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {error.start} is no text, and the file does not begin like a binary Pulseq file; give the path of a "
            ".seq or .bseq file"
        ) from error
    if isinstance(signature, CheckSignature):
        check_signature(data)
    return read_text(text)
