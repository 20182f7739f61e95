"""The checked fetcher: gets real data through pip or apt once, proves it by hashes, keeps it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from physim_phantoms import InputError
from physim_phantoms._checks import suggest

from .archives import extract
from .atomic import atomic_folder, file_errors, remove_stale, scratch_folder, sha256
from .downloads import download
from .sources import SOURCES, Source


def fetch(
    name: str,
    *,
    offline: bool = False,
    archive: str | Path | None = None,
    announce: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The folder that holds one of `SOURCES`, fetched if it is not there yet; every hash is checked.

    - `offline`: never start a download; refuse if the data is absent.
    - `archive`: an archive that is already on this machine, used instead of a download.
    - `announce`: called with one line (what, from where, licence, size) before anything is fetched.
    - `progress`: called with bytes done and bytes in all while the archive comes in.

    The folder lies in `$PHYSIM_DATA`, or in the cache folder of the platform. It appears whole or not at all,
    also when two processes fetch at once.

    Raises `InputError` for an unknown name, absent data when offline, or a wrong hash (what was fetched is
    removed); `OSError` if pip or apt fail, the disk is full, or the cache cannot be written.
    """
    if name not in SOURCES:
        raise suggest("data source", name, SOURCES)
    source = SOURCES[name]
    folder = cache_folder() / source.folder
    if is_intact(source, folder):
        return folder
    if offline and archive is None:
        state = "is damaged" if folder.exists() else "is not"
        raise InputError(f"{name} {state} in {cache_folder()}; get it with: physim data fetch {name}")
    if announce is not None:
        announce(source.announcement)
    with file_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(folder.parent)
        with scratch_folder(folder.parent) as work:
            got = Path(archive) if archive is not None else download(source, work, progress)
            _install(source, _checked(source, got), folder)
    return folder


def is_present(name: str) -> bool:
    """Whether a source lies whole in the cache."""
    if name not in SOURCES:
        raise suggest("data source", name, SOURCES)
    return is_intact(SOURCES[name], cache_folder() / SOURCES[name].folder)


def cache_folder() -> Path:
    """Where fetched data lives: `$PHYSIM_DATA`, else `physim` in the platform's cache folder."""
    if given := os.environ.get("PHYSIM_DATA"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "physim"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "physim" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "physim"


def is_intact(source: Source, folder: Path) -> bool:
    """Whether every file of the source lies in `folder` with its size and hash."""
    return all(
        (folder / piece.name).is_file()
        and (folder / piece.name).stat().st_size == piece.size
        and sha256(folder / piece.name) == piece.sha256
        for piece in source.pieces
    )


def _checked(source: Source, archive: Path) -> bytes:
    if not archive.is_file():
        raise InputError(f"{archive} does not exist; give the file that `{source.origin.command}` makes")
    found = sha256(archive)
    if found != source.archive_sha256:
        raise InputError(
            f"{archive.name} has SHA-256 {found}, not {source.archive_sha256}: refused, nothing kept"
        )
    return archive.read_bytes()


def _install(source: Source, archive: bytes, folder: Path) -> None:
    if folder.exists() and is_intact(source, folder):
        return  # another process was faster
    try:
        with atomic_folder(folder, replace=True) as temporary:
            for piece in source.pieces:
                (temporary / piece.name).write_bytes(extract(archive, piece.member))
            wrong = [p.name for p in source.pieces if sha256(temporary / p.name) != p.sha256]
            if wrong:
                raise InputError(
                    f"{', '.join(wrong)} in {source.name} has a wrong SHA-256; it was refused and removed"
                )
    except OSError:
        if not is_intact(source, folder):  # lost the race to another process, whose folder is whole
            raise
