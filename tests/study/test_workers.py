"""Worker processes: the same bits as without them, a killed worker costs nothing, and nobody outside can reach them."""

import os
import sys
from pathlib import Path

import pytest

from physim import provenance, study
from physim_phantoms import InputError
from tests.study import fakes

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


@pytest.fixture
def recipe():
    return study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 11})


def bits(out) -> dict[str, dict]:
    return {p.name: provenance.read_record(p)["files"] for p in sorted(out.glob("case_*"))}


def test_a_killed_worker_is_replaced_and_its_case_made_again(tmp_path, recipe, monkeypatch):
    monkeypatch.setenv("PHYSIM_TEST_FOLDER", str(tmp_path))
    report = study.run(recipe, 4, tmp_path / "two", workers=2, make_case=fakes.kill_once)
    assert (tmp_path / "killed").read_text() != str(os.getpid()), "the case was made in this process"
    assert sorted(case.index for case in report.made) == [0, 1, 2, 3]
    assert provenance.verify(report.out) == []
    assert list(report.out.glob(".physim-*")) == [], "what the killed worker left was not swept"
    alone = study.run(recipe, 4, tmp_path / "none", make_case=fakes.make)
    assert bits(report.out) == bits(alone.out)


def test_a_case_that_kills_every_worker_is_given_up_in_one_line(tmp_path, recipe):
    with pytest.raises(study.CaseError, match="case_0002 was given up: 4 workers were killed") as caught:
        study.run(recipe, 2, tmp_path / "out", workers=1, make_case=fakes.kill_always)
    assert "\n" not in str(caught.value)
    assert provenance.verify(tmp_path / "out" / "case_0001") == []
    assert not (tmp_path / "out" / "case_0002").exists()
    assert list((tmp_path / "out").glob(".physim-*")) == []


def test_a_refusal_in_a_worker_is_the_refusal_here(tmp_path, recipe):
    with pytest.raises(InputError, match=r"tumour.days is -3"):
        study.run(recipe, 2, tmp_path / "out", workers=1, make_case=fakes.refuse_second)
    assert not (tmp_path / "out" / "case_0002").exists()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs the list of listening sockets of Linux")
def test_nothing_listens_beyond_this_machine(tmp_path, recipe):
    def listening() -> set[str]:
        fakes.listening(recipe, 0, _empty(tmp_path / "before"))
        return set((tmp_path / "before" / "listening.txt").read_text().split("\n"))

    before = listening()
    study.run(recipe, 1, tmp_path / "out", workers=1, make_case=fakes.listening)
    during = set((tmp_path / "out" / "case_0001" / "listening.txt").read_text().split("\n")) - before
    addresses = [line.split()[1].split(":")[0] for line in during]
    assert len(addresses) >= 3, "scheduler, nanny and worker listen"
    assert set(addresses) == {"0100007F"}, f"not the loopback interface alone: {addresses}"


def test_workers_share_the_cores_and_this_process_keeps_its_own(tmp_path, recipe, monkeypatch):
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    study.run(recipe, 2, tmp_path / "out", workers=2, make_case=fakes.count_threads)
    assert int((tmp_path / "out" / "case_0001" / "threads.txt").read_text()) == max(1, cores // 2)
    assert "NUMBA_NUM_THREADS" not in os.environ, "kernels compiled here from now on would be refused"


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_without_dask_the_refusal_says_what_to_install(tmp_path, recipe, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'physim-imaging\[cluster\]'"):
        study.run(recipe, 1, tmp_path / "out", workers=1, make_case=fakes.make)


@pytest.mark.slow
def test_real_cases_have_the_same_bits_with_any_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled")
    )  # for the workers: each would compile anew
    tiny = {"anatomy": "procedural", "seed": 11, "grid.spacing": 12.0, "output.dicom": False}
    recipe = study.load("head-ct", tiny | {"protocol.views": 16, "protocol.pixel_size": 12.0})
    here, one, two = (
        study.run(recipe, 2, tmp_path / str(workers), workers=workers).out for workers in (0, 1, 2)
    )
    assert bits(here)["case_0001"] != bits(here)["case_0002"]
    assert bits(one) == bits(here)
    assert bits(two) == bits(here)
    again = study.reproduce(here / "case_0002" / "record.json")
    assert (again.identical, again.warnings) == (True, ())
