"""Verification sees every kind of change: a byte, a size, a file less, a file more, a record, a case."""

import shutil

import pytest

from physim import provenance
from physim_phantoms import InputError

RECIPE = {"kind": "head-ct", "name": "r", "seed": 3}


def make_case(folder, index: int, recipe=RECIPE) -> str:
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "image").write_bytes(bytes([index]) * 50)
    (folder / "labels").write_bytes(b"labels")
    record = provenance.make_record(folder, recipe=recipe, case=index, parameters={})
    (folder / "record.json").write_text(provenance.text(record), encoding="utf-8")
    return record["sha256"]


def list_cases(out, cases: dict[str, str], asked: int = 2) -> None:
    (out / "dataset.json").write_text(
        provenance.text(provenance.make_dataset(RECIPE, asked, cases)), encoding="utf-8"
    )


@pytest.fixture
def dataset(tmp_path):
    """Two whole cases and their page of contents."""
    out = tmp_path / "out"
    list_cases(_made(out), {f"case_000{i}": make_case(out / f"case_000{i}", i) for i in (1, 2)})
    return out


def _made(folder):
    folder.mkdir()
    return folder


def test_what_was_not_touched_is_sound(dataset):
    assert provenance.verify(dataset) == []
    assert provenance.verify(dataset / "case_0001") == []


def test_a_changed_byte(dataset):
    image = dataset / "case_0002" / "deep" / "image"
    image.write_bytes(image.read_bytes()[:-1] + b"x")
    assert provenance.verify(dataset) == [f"{image} was changed: its SHA-256 is not the one in the record"]
    assert provenance.verify(dataset / "case_0001") == []


def test_another_size_a_file_less_and_a_file_more(dataset):
    case = dataset / "case_0001"
    (case / "labels").write_bytes(b"label")
    (case / "deep" / "image").unlink()
    (case / "surplus").write_bytes(b"")
    assert provenance.verify(case) == [
        f"{case / 'deep' / 'image'} is missing",
        f"{case / 'surplus'} is not in the record",
        f"{case / 'labels'} has 5 bytes, not 6",
    ]


def test_a_changed_record_and_a_missing_one(dataset):
    record = dataset / "case_0001" / "record.json"
    record.write_text(record.read_text(encoding="utf-8").replace('"seed": 3', '"seed": 4'), encoding="utf-8")
    (dataset / "case_0002" / "record.json").unlink()
    problems = provenance.verify(dataset)
    assert len(problems) == 2
    assert "case_0001" in problems[0]
    assert "changed after it was written" in problems[0]
    assert "case_0002" in problems[1]
    assert "is not there" in problems[1]


def test_a_case_less_and_a_case_more(dataset):
    shutil.move(dataset / "case_0002", dataset / "case_0003")
    assert provenance.verify(dataset) == [
        f"{dataset / 'case_0002'} is missing",
        f"{dataset / 'case_0003'} is not listed in dataset.json",
    ]


def test_cases_of_another_recipe_or_another_run(dataset):
    shutil.rmtree(dataset / "case_0002")
    other = make_case(dataset / "case_0002", 2, RECIPE | {"seed": 4})
    assert provenance.verify(dataset) == [
        f"{dataset / 'case_0002' / 'record.json'} is not the record that dataset.json lists"
    ]
    list_cases(
        dataset, {"case_0001": provenance.read_record(dataset / "case_0001")["sha256"], "case_0002": other}
    )
    assert provenance.verify(dataset) == [
        f"{dataset / 'case_0002' / 'record.json'} was made by another recipe than the dataset's"
    ]


def test_an_unfinished_dataset_says_how_to_go_on(dataset):
    shutil.rmtree(dataset / "case_0002")
    list_cases(dataset, {"case_0001": provenance.read_record(dataset / "case_0001")["sha256"]}, asked=4)
    assert provenance.verify(dataset) == [
        f"{dataset} has 1 of 4 cases; go on with the same command and --resume"
    ]


def test_contents_that_are_missing_or_changed(dataset):
    page = dataset / "dataset.json"
    page.write_text(page.read_text(encoding="utf-8").replace('"asked": 2', '"asked": 1'), encoding="utf-8")
    assert "changed after it was written" in provenance.verify(dataset)[0]
    page.unlink()
    assert "dataset.json is not there" in provenance.verify(dataset)[0]


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"neither dataset.json nor record.json"):
        provenance.verify(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        provenance.verify(tmp_path / "nowhere")
