"""Real images that package indices carry: what they are, on whose terms, and the hashes that prove them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_MNI = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
_CRANIUM = "usr/share/doc/invesalius-examples/examples/Cranium.inv3"
_LUNG = "pyradiomics-3.0.1/data/{}"


@dataclass(frozen=True)
class Pip:
    """An archive that `pip download` gets from the index that pip is set up for; nothing is installed."""

    project: str
    version: str
    wheel: bool

    @property
    def command(self) -> str:
        """The line a person would write, on another machine for example."""
        form = "--only-binary" if self.wheel else "--no-binary"
        return f"pip download --no-deps {form} :all: {self.project}=={self.version}"


@dataclass(frozen=True)
class Apt:
    """A package that `apt-get download` gets from the mirror that apt is set up for; nothing is installed."""

    package: str
    version: str

    @property
    def command(self) -> str:
        """The line a person would write, on another machine for example."""
        return f"apt-get download {self.package}={self.version}"


@dataclass(frozen=True)
class Piece:
    """One file taken out: its path in the archive (and in the one inside that), its name, size, hash."""

    member: tuple[str, ...]
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """One set of real data.

    `archive_size` in bytes; `archive_sha256` of the archive as the index carries it; `licence` in the words
    of the archive itself; `pieces` are all that is kept.
    """

    name: str
    title: str
    licence: str
    origin: Pip | Apt
    archive_size: int
    archive_sha256: str
    pieces: tuple[Piece, ...]

    @property
    def folder(self) -> str:
        """Name of the folder in the cache; another version gets another folder."""
        return f"{self.name}-{self.origin.version}"

    @property
    def announcement(self) -> str:
        """One line: what, from where, whose terms, how large."""
        size = f"{self.archive_size / 1e6:.1f} MB"
        return f"{self.name}: {self.title}; by `{self.origin.command}` ({size}); {self.licence}"


_MNI152 = Source(
    name="mni152",
    title="MNI152 2009a average brain, grey matter, white matter and T1, 1 mm",
    licence="archive BSD-3-Clause, which calls the template's own licence unknown: use it, do not pass it on",
    origin=Pip("nilearn", "0.14.1", wheel=True),
    archive_size=11_509_444,
    archive_sha256="725206484e9fb3f6691f9c2d20204a068759d5072f12055324702ee0cb2bbe8a",
    pieces=(
        Piece(
            (_MNI.format("gm"),),
            "grey_matter.nii.gz",
            1_965_510,
            "97a5ca69bd24db37a9cb7b32525e1733a209af904129bf1cd36da06d24243bed",
        ),
        Piece(
            (_MNI.format("wm"),),
            "white_matter.nii.gz",
            1_553_010,
            "382d92812de4744f9c86c7a0e4f680dc317a0a50e4da1f0153618a6798c7b7db",
        ),
        Piece(
            (_MNI.format("t1"),),
            "t1.nii.gz",
            1_617_531,
            "421a10e872fd6cadae7f61d358dffbcc1795a497d61ee76c5dda2503e1a1e9e6",
        ),
    ),
)

_CRANIUM_CT = Source(
    name="cranium-ct",
    title="head CT of one patient, 256 x 256 x 108 voxels of 0.96 x 0.96 x 1.5 mm",
    licence="GPL-2 (the package's copyright file)",
    origin=Apt("invesalius-examples", "3.1.99998-4"),
    archive_size=18_696_652,
    archive_sha256="f2f14bdfef6dc3812eafc5013d133c6c18370aaab5666b78d54af2e7db432f97",
    pieces=(
        Piece(
            (_CRANIUM, "tmpocjcea/main.plist"),
            "main.plist",
            1_509,
            "0a729438bc2756e8534b9fdfc935f96fdaf8f06c750633a0b5ba195701b85867",
        ),
        Piece(
            (_CRANIUM, "tmpocjcea/matrix.dat"),
            "matrix.dat",
            14_155_776,
            "d87fd5e6aaf2c4fdf4f3fe28ee3335192fc2464ed8e9682fc78530cb837938da",
        ),
    ),
)

_LUNG_CT = Source(
    name="lung-ct",
    title="chest CTs of two patients with tumour masks, 512 x 512 x 48 and 61 voxels",
    licence="BSD-3-Clause (the archive's licence file; it does not say where the images come from)",
    origin=Pip("pyradiomics", "3.0.1", wheel=False),
    archive_size=34_473_030,
    archive_sha256="47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5",
    pieces=(
        Piece(
            (_LUNG.format("lung1_image.nrrd"),),
            "lung1_image.nrrd",
            12_548_518,
            "379fa48bf34cfa961e6f5ec19c0c38757a30b9aa884212ef28dc29b5061c64ed",
        ),
        Piece(
            (_LUNG.format("lung1_label.nrrd"),),
            "lung1_label.nrrd",
            24_999,
            "e9d9a88054d7bc1d3034193ff907ce6b8c6ba28a7bc3a16f23728982d1b6b50a",
        ),
        Piece(
            (_LUNG.format("lung2_image.nrrd"),),
            "lung2_image.nrrd",
            17_817_709,
            "aa2b94eec79127ed786798ac8dc3c013010e1692d5787bebfae1a1e9685a4651",
        ),
        Piece(
            (_LUNG.format("lung2_label.nrrd"),),
            "lung2_label.nrrd",
            33_427,
            "cef52738dc51aab69a48fe30639da956d2b911b1c2920439c091fab84727657a",
        ),
    ),
)

SOURCES: Mapping[str, Source] = MappingProxyType({s.name: s for s in (_MNI152, _CRANIUM_CT, _LUNG_CT)})
