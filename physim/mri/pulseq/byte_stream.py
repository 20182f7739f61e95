"""Little-endian numbers and names out of bytes, with errors that say at which byte."""

from __future__ import annotations

import struct
from typing import Any

from physim_phantoms._checks import InputError


class ByteStream:
    """Reads on through bytes from a place."""

    def __init__(self, data: bytes, place: int = 0):
        self.data = data
        self.place = place

    @property
    def at_end(self) -> bool:
        """Whether everything is read."""
        return self.place >= len(self.data)

    def take(self, form: str) -> tuple:
        """The next values of a `struct` form, little-endian and without gaps."""
        length = struct.calcsize("<" + form)
        if self.place + length > len(self.data):
            raise InputError(
                f"the file ends at byte {len(self.data)}, within numbers that begin at byte {self.place}; it is cut off: "
                "export it again"
            )
        found = struct.unpack_from("<" + form, self.data, self.place)
        self.place += length
        return found

    def one(self, form: str) -> Any:
        """The next value."""
        return self.take(form)[0]

    def count(self, what: str) -> int:
        """How many entries follow; each takes at least one byte."""
        start, number = self.place, self.one("q")
        if not 0 <= number <= len(self.data) - self.place:
            raise InputError(
                f"byte {start} announces {number} {what}, which the rest of the file cannot hold; it is cut off or altered: "
                "export it again"
            )
        return number

    def characters(self, length: int) -> str:
        """Text of a length."""
        return b"".join(self.take(f"{max(length, 0)}s")).decode("utf-8", "replace")

    def name(self) -> str:
        """Text up to a zero."""
        end = self.data.find(b"\0", self.place)
        if end < 0:
            raise InputError(
                f"the name at byte {self.place} does not end; the file is cut off: export it again"
            )
        found = self.characters(end - self.place)
        self.place = end + 1
        return found
