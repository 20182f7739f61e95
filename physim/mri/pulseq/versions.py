"""Which revisions of the Pulseq file format are known, and what changed between them."""

from __future__ import annotations

from typing import NamedTuple

from physim_phantoms._checks import InputError


class Version(NamedTuple):
    """A revision of the format; tuples compare as revisions do."""

    major: int
    minor: int
    revision: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.revision}"


OLDEST = Version(1, 2, 0)
NEWEST = Version(1, 5, 2)
EXTENSION_COLUMN = Version(1, 2, 2)  # blocks of later files name an extension
EXPLICIT_TIMES = Version(1, 4, 0)  # block durations, rasters, time shapes, uncompressed shapes
EDGES_AND_CENTRES = Version(1, 5, 0)  # first and last value of gradients, centre and use of pulses, ppm
ROTATIONS_AND_SHIMS = Version(1, 5, 1)


def require_known(version: Version, newest: Version = NEWEST, oldest: Version = OLDEST) -> None:
    """Refuses what is older or newer than what this reader knows."""
    if version > newest:
        raise InputError(
            f"the file is of Pulseq {version}; {newest} is the newest that is known here: "
            "export the sequence as an older revision, or update physim"
        )
    if version < oldest:
        raise InputError(
            f"the file is of Pulseq {version}; {oldest} is the oldest that can be read: "
            "open and save it with a current Pulseq toolbox"
        )
