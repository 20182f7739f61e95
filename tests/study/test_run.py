"""The runner: cases are whole, states are on disk, a kill costs the case in flight and no other."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from physim import provenance, study
from physim_phantoms import InputError
from tests.study import fakes


@pytest.fixture
def recipe():
    return study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 11})


def files(out) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def bits(out) -> dict[str, dict]:
    return {p.name: provenance.read_record(p)["files"] for p in sorted(out.glob("case_*"))}


def test_a_run_makes_whole_recorded_cases(tmp_path, recipe):
    seen = []
    report = study.run(
        recipe,
        3,
        tmp_path / "out",
        make_case=fakes.make,
        on_progress=lambda case, done, total: seen.append((case.index, done, total)),
    )
    assert [case.index for case in report.made] == [0, 1, 2]
    assert seen == [(0, 1, 3), (1, 2, 3), (2, 3, 3)]
    assert provenance.verify(report.out) == []
    assert sorted(p.name for p in report.out.iterdir()) == [
        "case_0001",
        "case_0002",
        "case_0003",
        "dataset.json",
    ]
    record = provenance.read_record(report.made[1].folder)
    assert record["synthetic"] is True
    assert record["recipe"] == recipe.model_dump(mode="json")
    assert record["key"] == {"seed": 11, "fold_in": 1}
    assert record["parameters"]["pipeline"] == "fake"
    assert sorted(record["files"]) == ["deep/values.bin", "note.txt"]
    assert record["files"]["note.txt"]["bytes"] == len("case 2, brain-glioma-mri\n")


def test_the_same_recipe_gives_the_same_bits_and_another_seed_others(tmp_path, recipe):
    first = study.run(recipe, 2, tmp_path / "a", make_case=fakes.make)
    second = study.run(recipe, 2, tmp_path / "b", make_case=fakes.make)
    assert files(first.out) == files(second.out), "records and contents are part of what is the same"
    other = study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 12})
    third = study.run(other, 2, tmp_path / "c", make_case=fakes.make)
    assert bits(third.out)["case_0001"] != bits(first.out)["case_0001"]
    assert bits(first.out)["case_0001"] != bits(first.out)["case_0002"]


def test_a_folder_with_cases_is_not_touched_unasked(tmp_path, recipe):
    out = tmp_path / "out"
    study.run(recipe, 2, out, make_case=fakes.make)
    before = files(out)
    with pytest.raises(InputError, match=r"2 case\(s\) of this recipe; add --resume"):
        study.run(recipe, 3, out, make_case=fakes.make)
    other = study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 12})
    for choice in ({}, {"resume": True}):
        with pytest.raises(InputError, match="another dataset \\(seed is 11 there and 12 here\\)"):
            study.run(other, 3, out, make_case=fakes.make, **choice)
    with pytest.raises(InputError, match="exclude one another"):
        study.run(recipe, 3, out, make_case=fakes.make, resume=True, overwrite=True)
    assert files(out) == before


def test_overwrite_removes_old_cases_and_nothing_else(tmp_path, recipe):
    out = tmp_path / "out"
    study.run(recipe, 3, out, make_case=fakes.make)
    (out / "notes.txt").write_text("mine")
    other = study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 12})
    study.run(other, 1, out, make_case=fakes.make, overwrite=True)
    assert sorted(p.name for p in out.iterdir()) == ["case_0001", "dataset.json", "notes.txt"]
    assert provenance.verify(out) == []
    (out / "case_0007").mkdir()
    (out / "case_0007" / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(InputError, match=r"case_0007 has no record.json"):
        study.run(other, 1, out, make_case=fakes.make, overwrite=True)
    assert (out / "case_0007" / "thesis.txt").read_text() == "irreplaceable"


def test_resume_makes_what_is_missing_or_damaged_and_keeps_the_rest(tmp_path, recipe):
    out = tmp_path / "out"
    study.run(recipe, 3, out, make_case=fakes.make)
    whole = files(out)
    kept = (out / "case_0001" / "record.json").stat().st_mtime_ns
    (out / "case_0002" / "note.txt").write_text("case 2, damaged")
    (out / "case_0003" / "record.json").unlink()
    report = study.run(recipe, 4, out, make_case=fakes.make, resume=True)
    assert [case.index for case in report.made] == [1, 2, 3]
    assert report.kept == (0,)
    assert (out / "case_0001" / "record.json").stat().st_mtime_ns == kept
    assert {
        name: content for name, content in files(out).items() if name in whole and name != "dataset.json"
    } == {name: content for name, content in whole.items() if name != "dataset.json"}
    assert provenance.verify(out) == []


def test_a_killed_run_loses_the_case_in_flight_and_no_other(tmp_path, recipe):
    out = tmp_path / "out"
    code = """
        import sys
        from physim import study
        from tests.study import fakes
        recipe = study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 11})
        study.run(recipe, 4, sys.argv[1], make_case=fakes.kill_third)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(p.name for p in out.glob("case_*")) == ["case_0001", "case_0002"]
    assert len(list(out.glob(".physim-*"))) == 1, "the half-made case lies under a temporary name"
    assert any("2 of 4 cases" in problem for problem in provenance.verify(out))
    before = {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in out.glob("case_*/**/*")
        if path.is_file()
    }
    report = study.run(recipe, 4, out, make_case=fakes.make, resume=True)
    assert [case.index for case in report.made] == [2, 3]
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    assert list(out.glob(".physim-*")) == []
    assert provenance.verify(out) == []
    assert bits(out) == bits(study.run(recipe, 4, tmp_path / "whole", make_case=fakes.make).out)


def test_a_refused_case_leaves_the_finished_ones_and_nothing_half(tmp_path, recipe):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"tumour.days is -3"):
        study.run(recipe, 3, out, make_case=fakes.refuse_second)
    assert sorted(p.name for p in out.iterdir()) == ["case_0001", "dataset.json"]
    assert json.loads((out / "dataset.json").read_text())["cases"].keys() == {"case_0001"}


def test_kept_cases_of_other_versions_are_told_of(tmp_path, recipe, monkeypatch):
    out, lines = tmp_path / "out", []
    study.run(recipe, 1, out, make_case=fakes.make)
    monkeypatch.setattr("physim.__version__", "9.9.9")
    study.run(recipe, 2, out, make_case=fakes.make, resume=True, announce=lines.append)
    assert lines == ["1 kept case(s), the first of them case_0001, were made by other versions than today's"]


@pytest.mark.parametrize(("name", "value"), [("cases", 0), ("cases", -1), ("workers", -1), ("workers", 5000)])
def test_counts_out_of_range(tmp_path, recipe, name, value):
    with pytest.raises(InputError, match=f"{name} is {value}; it must lie between"):
        study.run(recipe, **({"cases": 1, "out": tmp_path / "out"} | {name: value}), make_case=fakes.make)
    assert list(tmp_path.iterdir()) == []


def test_offline_without_the_data_says_what_to_write(tmp_path, monkeypatch):
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path / "cache"))
    recipe = study.load("brain-glioma-mri", {"anatomy": "mni152"})
    with pytest.raises(InputError, match="physim data fetch mni152"):
        study.run(recipe, 1, tmp_path / "out", offline=True)
    assert not list((tmp_path / "out").glob("case_*"))
