"""The layers are one-way, and the gate that says so can fail."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("physim", "kernels", "phantoms")


def lint(folder: pathlib.Path) -> subprocess.CompletedProcess:
    """import-linter on a copy of the house, in a process that sees that copy first."""
    path = ":".join(str(folder / part) for part in ("", "kernels", "phantoms"))
    script = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c(['--no-cache']))"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the packages and the contract."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_layers_hold(house):
    result = lint(house)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "kept" in result.stdout.lower()


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("physim/core/__init__.py", "import physim.study"),
        ("physim/ct/__init__.py", "import physim.mri"),
        ("phantoms/physim_phantoms/grid.py", "import physim.core"),
        ("physim/mri/__init__.py", "import physim.hybrid"),
    ],
)
def test_a_planted_violation_is_seen(house, file, line):
    path = house / file
    before = path.read_text(encoding="utf-8")
    path.write_text(before + f"\n{line}\n", encoding="utf-8")
    try:
        assert lint(house).returncode != 0
    finally:
        path.write_text(before, encoding="utf-8")
