"""A case comes back from its record alone, bit for bit, and what differs is named."""

import json

import pytest

from physim import provenance, study
from physim_phantoms import InputError
from tests.study import fakes


@pytest.fixture
def recipe():
    return study.load("brain-glioma-mri", {"anatomy": "procedural", "seed": 5, "tumour.days": 123.0})


def test_a_case_comes_back_bit_for_bit(tmp_path, recipe):
    case = study.run(recipe, 2, tmp_path / "out", make_case=fakes.make).made[1]
    result = study.reproduce(case.folder / "record.json", tmp_path / "again", make_case=fakes.make)
    assert result.identical
    assert (result.files, result.differing, result.warnings) == (2, (), ())
    assert result.folder == tmp_path / "again"
    values = "deep/values.bin"
    assert (tmp_path / "again" / values).read_bytes() == (case.folder / values).read_bytes()
    other = tmp_path / "out" / "case_0001" / values
    assert (tmp_path / "again" / values).read_bytes() != other.read_bytes(), (
        "the index of the case has no effect"
    )


def test_without_a_folder_nothing_stays(tmp_path, recipe, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    case = study.run(recipe, 1, tmp_path / "out", make_case=fakes.make).made[0]
    assert study.reproduce(case.folder, make_case=fakes.make).identical
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_differs_is_named(tmp_path, recipe):
    case = study.run(recipe, 1, tmp_path / "out", make_case=fakes.drifting).made[0]
    result = study.reproduce(case.folder, make_case=fakes.drifting)
    assert (result.identical, result.differing, result.files) == (False, ("random.bin",), 3)
    fewer = study.reproduce(case.folder, make_case=fakes.make)
    assert (fewer.identical, fewer.differing) == (False, ("random.bin",))


def test_other_versions_are_warned_of(tmp_path, recipe, monkeypatch):
    case = study.run(recipe, 1, tmp_path / "out", make_case=fakes.make).made[0]
    monkeypatch.setattr("physim.__version__", "9.9.9")
    warnings = study.reproduce(case.folder, make_case=fakes.make).warnings
    assert warnings == ("physim was '0.1.0' and is '9.9.9' now",)


def test_a_record_of_an_unknown_recipe_is_refused_before_anything_is_written(tmp_path, recipe):
    case = study.run(recipe, 1, tmp_path / "out", make_case=fakes.make).made[0]
    content = json.loads((case.folder / "record.json").read_text()) | {"recipe": {"kind": "knee", "seed": 1}}
    record = tmp_path / "record.json"
    record.write_text(provenance.text(provenance.documents.seal(content)))
    with pytest.raises(InputError, match="unknown kind of recipe 'knee'"):
        study.reproduce(record, tmp_path / "again", make_case=fakes.make)
    assert not (tmp_path / "again").exists()


def test_an_existing_folder_is_not_written_into(tmp_path, recipe):
    case = study.run(recipe, 1, tmp_path / "out", make_case=fakes.make).made[0]
    with pytest.raises(InputError, match="exists already"):
        study.reproduce(case.folder, tmp_path / "out", make_case=fakes.make)
