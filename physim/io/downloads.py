"""Asks pip or apt for one archive: they know where this machine gets its packages, physim does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .sources import Apt, Pip, Source

# pip asks a source archive for its metadata, which would run the archive's own code. It gets this answer
# instead, from a module that stands in for setuptools: nothing of the archive is ever executed.
_STAND_IN = """
from pathlib import Path


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory, "{project}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: {project}\\nVersion: {version}\\n")
    return folder.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise RuntimeError("nothing is built here")


class _Legacy:
    get_requires_for_build_wheel = staticmethod(get_requires_for_build_wheel)
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
    build_wheel = staticmethod(build_wheel)


__legacy__ = _Legacy()
"""


def download(source: Source, work: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """Has the archive of `source` put into the folder `work`; returns its path. The hash is not checked here.

    Raises `OSError` of one line if pip or apt is missing or fails.
    """
    target = work / "archive"
    target.mkdir()
    if isinstance(source.origin, Pip):
        command, environment = _pip(source, source.origin, work, target)
    else:
        command, environment = _apt(source.origin)
    _run(source, command, environment, work, target, progress)
    archives = list(target.iterdir())
    if len(archives) != 1:
        raise OSError(f"{_by_hand(source)}: {command[0]} left {len(archives)} files")
    return archives[0]


def _pip(source: Source, origin: Pip, work: Path, target: Path) -> tuple[list[str], dict[str, str]]:
    requirement = work / "requirement.txt"
    # With the hash, pip itself refuses another archive before it looks into it.
    requirement.write_text(f"{origin.project}=={origin.version} --hash=sha256:{source.archive_sha256}\n")
    form = (
        ["--only-binary", ":all:"]
        if origin.wheel
        else ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
    )
    environment = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    if not origin.wheel:
        stand_in = work / "stand-in" / "setuptools"
        stand_in.mkdir(parents=True)
        (stand_in / "__init__.py").write_text("")
        (stand_in / "build_meta.py").write_text(
            _STAND_IN.format(project=origin.project, version=origin.version)
        )
        environment["PYTHONPATH"] = str(stand_in.parent)
        environment["SETUPTOOLS_USE_DISTUTILS"] = (
            "stdlib"  # no hook may look for parts of the real setuptools
        )
    command = [
        *_find_pip(source),
        "download",
        "--no-deps",
        *form,
        "--dest",
        str(target),
        "-r",
        str(requirement),
    ]
    return command, environment


def _find_pip(source: Source) -> list[str]:
    ways = [[sys.executable, "-m", "pip"], *([found] for n in ("pip3", "pip") if (found := shutil.which(n)))]
    for way in ways:
        if subprocess.run([*way, "--version"], capture_output=True, check=False).returncode == 0:
            return way
    raise OSError(f"{_by_hand(source)}: no pip found; install it with: {sys.executable} -m ensurepip")


def _apt(origin: Apt) -> tuple[list[str], dict[str, str]]:
    return ["apt-get", "download", "-q", f"{origin.package}={origin.version}"], {"LC_ALL": "C"}


def _run(
    source: Source,
    command: list[str],
    environment: dict[str, str],
    work: Path,
    target: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    if shutil.which(command[0]) is None:
        raise OSError(f"{_by_hand(source)}: {command[0]} is not on this machine (it needs Debian 12)")
    # TMPDIR inside the work folder: what pip has so far can be seen there, and goes away with the folder.
    settings = os.environ | environment | {"TMPDIR": str(work)}
    with subprocess.Popen(
        command,
        cwd=target,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while True:
            try:
                out, err = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if progress is not None:
                    progress(min(_largest(work), source.archive_size), source.archive_size)
            except BaseException:
                process.kill()
                raise
    if process.returncode != 0:
        raise OSError(f"{_by_hand(source)}: {_reason(out, err)}")
    if progress is not None:
        progress(source.archive_size, source.archive_size)


def _largest(folder: Path) -> int:
    sizes = [0]
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() else 0)
        except OSError:  # pip moves its temporaries while we look
            continue
    return max(sizes)


def _reason(out: bytes, err: bytes) -> str:
    lines = [line.strip() for line in (err + out).decode("utf-8", "replace").splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return "its SHA-256 is not the expected one; it was refused and nothing kept"
    marked = [line for line in lines if line.startswith(("ERROR:", "E:", "error:"))]
    return (marked or lines or ["it failed without a word"])[-1]


def _by_hand(source: Source) -> str:
    return (
        f"could not get {source.name}; run `{source.origin.command}` where it works, then "
        f"physim.io.fetch({source.name!r}, archive='FILE')"
    )
