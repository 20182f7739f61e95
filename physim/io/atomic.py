"""Whole files or no files: write under a temporary name beside the target, flush to disk, move into place."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".physim-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.EEXIST}


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; when the block ends well, the file written there becomes `path`.

    The temporary keeps the suffix of `path`, so that writers which look at it work. On any error it is
    removed, and whatever was at `path` before is untouched. Missing parent folders are made.

    Raises `OSError` of one line, naming the path and the remedy, for a full disk or an unwritable folder.
    """
    target = Path(path)
    temporary = _temporary(target)
    with file_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(target)
            _flush(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def atomic_folder(path: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; when the block ends well, the whole folder becomes `path`.

    With `replace` an existing folder is moved aside first and removed afterwards; without it an existing
    `path` is refused before anything is written. On any error the temporary folder is removed.

    Raises `OSError` as `atomic_file` does, and `FileExistsError` if `path` exists.
    """
    target = Path(path)
    temporary = _temporary(target)
    with file_errors(target):
        _require_absent(target, replace)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.mkdir()
            yield temporary
            for file in sorted(temporary.rglob("*")):
                _flush(file)
            _flush(temporary)
            _move_folder(temporary, target, replace)
            _flush(target.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


@contextlib.contextmanager
def scratch_folder(parent: str | Path) -> Iterator[Path]:
    """A hidden folder in `parent` that is removed at the end of the block, whatever happens."""
    folder = _temporary(Path(parent) / "scratch")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def file_errors(path: str | Path) -> Iterator[None]:
    """Turns the many ways in which libraries say "disk full" or "not allowed" into one line with `path`."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        plain = _plain(error, Path(path))
        if plain is None:
            raise
        raise plain from error


def remove_stale(folder: str | Path) -> list[Path]:
    """Removes what killed processes of this machine left half-written in `folder`; returns the paths."""
    removed = []
    for entry in Path(folder).glob(f"{_PREFIX}{_host()}-*"):
        owner = entry.name.removeprefix(f"{_PREFIX}{_host()}-").split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
            removed.append(entry)
    return removed


def sha256(path: str | Path) -> str:
    """SHA-256 of the bytes of one file, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _temporary(target: Path) -> Path:
    # The end of the name carries the suffix; 150 characters keep the whole below the usual limit of 255.
    name = target.name[-150:]
    return target.parent / f"{_PREFIX}{_host()}-{os.getpid()}-{secrets.token_hex(4)}-{name}"


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        if path.is_dir():
            return  # some systems do not open folders; their entries are then flushed by the system alone
        raise
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
            errno.EBADF,
        ):  # file systems without fsync on folders
            raise
    finally:
        os.close(handle)


def _require_absent(target: Path, replace: bool) -> None:
    if target.exists() and not (replace and target.is_dir()):
        remedy = (
            "remove it or give another name"
            if not target.is_dir()
            else "remove it, or write with replace=True"
        )
        raise FileExistsError(f"{target} exists already; {remedy}")


def _move_folder(temporary: Path, target: Path, replace: bool) -> None:
    if not (replace and target.exists()):
        temporary.rename(target)
        return
    aside = _temporary(target)
    target.rename(aside)
    try:
        temporary.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _plain(error: Exception, path: Path) -> OSError | None:
    """The one-line form of an error about writing `path`; nothing if it is another kind, or plain already."""
    code = getattr(error, "errno", None) or _code_in_text(str(error))
    if getattr(error, "physim_plain", False) or code is None or not _concerns(error, path):
        return None
    text = _explanation(code, path)
    if text is None:
        return None
    plain = type(error)(text) if isinstance(error, PermissionError) else OSError(text)
    plain.errno = code
    plain.physim_plain = True  # type: ignore[attr-defined]  # nested blocks must not rename the path
    return plain


def _explanation(code: int, path: Path) -> str | None:
    blocker = next((p for p in path.parents if p.exists() and not p.is_dir()), None)
    if code in _FULL:
        return f"no space left to write {path}; free some space or write to another disk"
    if code in _DENIED:
        return f"not allowed to write {path}; choose a folder that you may write to"
    if code in _NO_FOLDER and blocker is not None:
        return f"cannot write {path}: {blocker} is a file, not a folder; choose another folder"
    if code == errno.ENOENT:
        where = f"make files in {path.parent}" if path.parent.exists() else f"make the folder {path.parent}"
        return f"cannot {where}; choose a folder that you may write to"
    return None


def _concerns(error: Exception, path: Path) -> bool:
    """Whether an error is about writing `path`, not about another file that the block happened to touch."""
    name = getattr(error, "filename", None)
    if name is None:
        return True
    return _PREFIX in str(name) or Path(name) == path or Path(name) in path.parents


def _code_in_text(text: str) -> int | None:
    # HDF5 wraps the system's code in prose: "... file write failed: ..., errno = 28, error message = ...".
    found = re.search(r"errno = (\d+)", text)
    return int(found.group(1)) if found else None
