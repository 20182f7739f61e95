"""Whole files or no files: errors, full disks, unwritable places and killed writers leave nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from physim import io

PYTHON = [sys.executable, "-c"]


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def run(code: str, *arguments: object, **options) -> subprocess.CompletedProcess:
    # Where a test fills the disk, Python would leave truncated byte code for every later process.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*PYTHON, textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, **options)


def test_file_appears_whole_with_its_suffix(tmp_path):
    target = tmp_path / "new" / "image.nii.gz"
    with io.atomic_file(target) as temporary:
        assert temporary.name.endswith(".nii.gz")
        assert temporary.parent == target.parent
        temporary.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert names(target.parent) == ["image.nii.gz"]


def test_error_keeps_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyError), io.atomic_file(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise KeyError("something else")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_folder_appears_whole_and_is_not_overwritten_by_accident(tmp_path):
    target = tmp_path / "series"
    with io.atomic_folder(target) as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "1").write_text("one")
        assert not target.exists()
    with pytest.raises(FileExistsError, match="replace=True"), io.atomic_folder(target):
        pass
    with io.atomic_folder(target, replace=True) as temporary:
        (temporary / "2").write_text("two")
    assert [p.name for p in target.iterdir()] == ["2"]
    assert names(tmp_path) == ["series"]


def test_failed_replacement_keeps_the_old_folder(tmp_path):
    target = tmp_path / "series"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), io.atomic_folder(target, replace=True) as temporary:  # noqa: PT012
        (temporary / "new").write_text("new")
        _ = 1 / 0
    assert (target / "old").read_text() == "old"
    assert names(tmp_path) == ["series"]


@pytest.mark.parametrize("name", ["c.txt", "b/c.txt"])
def test_file_in_the_way_of_the_folder(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file is a file, not a folder; choose another") as caught:  # noqa: SIM117
        with io.atomic_file(tmp_path / "file" / name) as temporary:
            temporary.write_text("x")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="needs a file system that refuses new files even to root"
)
def test_folder_that_refuses_files():
    with (
        pytest.raises(OSError, match="/proc; choose a folder"),
        io.atomic_file("/proc/physim.txt") as temporary,
    ):
        temporary.write_text("x")


def test_errors_about_other_files_keep_their_own_words(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), io.atomic_file(tmp_path / "a.txt"):
        (tmp_path / "elsewhere" / "input.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_full_disk_is_one_line_for_every_writer(tmp_path):
    code = """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from physim import io
        from physim_phantoms import Grid
        folder, array = Path(sys.argv[1]), np.random.default_rng(0).normal(size=(32, 32, 32)).astype("f4")
        grid = Grid(array.shape)
        writers = [
            lambda: io.write_nifti(folder / "a.nii", array, grid),
            lambda: io.write_nifti(folder / "a.nii.gz", array, grid),
            lambda: io.write_hdf5(folder / "a.h5", {"x": array}, grid),
            lambda: io.write_hdf5(folder / "a.h5", {"x": array}, grid, compression=0),
            lambda: io.write_dicom_series(folder / "a", array, grid, io.CTSeries(), io.Case(case_id="1")),
        ]
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        for write in writers:
            try:
                write()
            except OSError as error:
                print(error)
    """
    done = run(code, tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len(lines) == 5
    assert all(line.startswith(f"no space left to write {tmp_path}") for line in lines)
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_writer_leaves_nothing_in_place_and_its_rest_is_swept(tmp_path):
    code = """
        import os, signal, sys
        from physim import io
        to = sys.argv[1]
        with io.atomic_folder(to + "/case") as folder, io.atomic_file(to + "/a.txt") as file:
            (folder / "1").write_text("half")
            file.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run(code, tmp_path).returncode == -signal.SIGKILL
    assert all(name.startswith(".") for name in names(tmp_path))
    assert len(names(tmp_path)) == 2
    with io.atomic_file(tmp_path / "mine.txt") as mine:
        mine.write_text("in flight")
        assert len(io.remove_stale(tmp_path)) == 2
        assert mine.exists(), "the temporary of a living process must stay"
    assert names(tmp_path) == ["mine.txt"]


def test_sha256_of_the_published_vector(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert io.sha256(tmp_path / "abc") == expected
