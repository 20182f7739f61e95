"""Whether a file is still what its writer signed: a hash of everything before the signature itself."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

from physim_phantoms._checks import InputError, suggest

ALGORITHMS = ("md5", "sha1", "sha256")


@dataclass(frozen=True)
class CheckSignature:
    """A file whose signature does not fit its content is refused; a file without signature is read."""


@dataclass(frozen=True)
class IgnoreSignature:
    """A file is read whatever its signature says: for files edited by hand."""


Signature = CheckSignature | IgnoreSignature


class _Signed(NamedTuple):
    content: bytes
    fields: dict[str, str]


def check_signature(data: bytes) -> None:
    """Refuses text whose hash is not the one in its section [SIGNATURE]."""
    signed = _signed(data)
    if signed is None:
        return
    kind, expected = signed.fields.get("type", ""), signed.fields.get("hash", "")
    if not kind or not expected:
        raise InputError(
            "section [SIGNATURE] lacks its line 'Type' or 'Hash'; the file may be cut off: export it again, or write "
            "read_pulseq(path, IgnoreSignature())"
        )
    # Transfers between systems change line ends, not what the file says.
    _require(kind, expected, signed.content, signed.content.replace(b"\r\n", b"\n"))


def check_trailer(content: bytes, trailer: bytes) -> None:
    """Refuses a binary file whose hash is not the one in the section that ends it: lengths and bytes of name and hash."""
    fields, place = [], 8
    for _ in range(2):
        length = int.from_bytes(trailer[place : place + 4], "little")
        fields.append(trailer[place + 4 : place + 4 + length])
        place += 4 + length
    _require(fields[0].decode("ascii", "replace"), fields[1].hex(), content)


def _require(kind: str, expected: str, *candidates: bytes) -> None:
    """Refuses contents of which none has the hash that is expected."""
    if kind.lower() not in ALGORITHMS:
        raise suggest("algorithm in section [SIGNATURE]", kind, ALGORITHMS)
    if expected.lower() not in {digest(content, kind.lower()) for content in candidates}:
        raise InputError(
            f"the content has another {kind} hash than the {expected} in section [SIGNATURE]; the file was altered after it "
            "was signed: export it again, or write read_pulseq(path, IgnoreSignature()) if the change is yours"
        )


def digest(content: bytes, algorithm: str = "md5") -> str:
    """The hash of a file's content, hexadecimal."""
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


def _signed(data: bytes) -> _Signed | None:
    """What was signed, and the lines of the signature; the newline before the section belongs to the signature."""
    found = list(re.finditer(rb"^\[SIGNATURE\]", data, re.MULTILINE))
    if not found:
        return None
    before, after = data[: found[-1].start()], data[found[-1].end() :]
    content = before[:-2] if before.endswith(b"\r\n") else before[:-1]
    words = [line.split() for line in after.decode("utf-8", "replace").splitlines()]
    return _Signed(content, {line[0].lower(): line[1] for line in words if len(line) == 2})
