"""Records: one text per value, hashes that prove, and one clear line for whatever is not a record."""

import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim import provenance
from physim_phantoms import InputError

RECIPE = {"kind": "brain-glioma-mri", "name": "r", "seed": 3}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture
def case(tmp_path):
    """A case folder with two files and its record."""
    folder = tmp_path / "case_0001"
    (folder / "deep").mkdir(parents=True)
    (folder / "abc").write_bytes(b"abc")
    (folder / "deep" / "empty").write_bytes(b"")
    record = provenance.make_record(folder, recipe=RECIPE, case=0, parameters={"days": 3.5, "shape": (1, 2)})
    (folder / "record.json").write_text(provenance.text(record), encoding="utf-8")
    return folder


def test_the_record_says_what_was_made_and_how(case):
    record = provenance.read_record(case)
    assert record["synthetic"] is True
    assert record["recipe"] == RECIPE
    assert record["key"] == {"seed": 3, "fold_in": 0}
    assert record["parameters"] == {"days": 3.5, "shape": [1, 2]}
    # FIPS 180-2 appendix B.1, and the hash of nothing
    assert record["files"]["abc"] == {
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "bytes": 3,
    }
    assert record["files"]["deep/empty"]["sha256"].startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert set(record["files"]) == {"abc", "deep/empty"}
    here = record["environment"]
    assert here["libraries"]["numpy"] == np.__version__
    assert len(here["source_sha256"]) == 64
    assert not any("time" in name or "date" in name or "seconds" in name for name in record)


def test_the_hash_of_a_record_can_be_computed_by_anyone(case):
    content = json.loads((case / "record.json").read_text(encoding="utf-8"))
    claimed = content.pop("sha256")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == claimed


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_canonical_text_is_unique_and_loses_nothing(value):
    text = provenance.canonical(value)
    assert json.loads(text) == value
    assert provenance.canonical(json.loads(text)) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, np.zeros(2), {1, 2}, object()])
def test_what_json_cannot_hold_is_refused(value, tmp_path):
    with pytest.raises(InputError, match="cannot be written as JSON"):
        provenance.make_record(tmp_path, recipe=RECIPE, case=0, parameters={"x": value})


def test_a_recipe_without_a_seed_is_refused(tmp_path):
    with pytest.raises(InputError, match="no 'seed'"):
        provenance.make_record(tmp_path, recipe={"name": "r"}, case=0, parameters={})


def _replace(case, /, **fields):
    content = json.loads((case / "record.json").read_text(encoding="utf-8")) | fields
    (case / "record.json").write_text(provenance.text(provenance.documents.seal(content)), encoding="utf-8")


@pytest.mark.parametrize("cut", [0, 1, 200])
def test_truncated(case, cut):
    record = case / "record.json"
    record.write_bytes(record.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"record.json is truncated or no JSON") as caught:
        provenance.read_record(case)
    assert "\n" not in str(caught.value)


def test_missing(case):
    with pytest.raises(InputError, match=r"nowhere.json is not there"):
        provenance.read_record(case / "nowhere.json")
    with pytest.raises(InputError, match=r"record.json is not there"):
        provenance.read_record(case / "deep")


@pytest.mark.parametrize("content", [b"[]", b"3", b'{"format": "bids"}', b"{}", b"\xff\xfe", b'{"a": NaN}'])
def test_foreign(case, content):
    (case / "record.json").write_bytes(content)
    with pytest.raises(InputError, match=r"record.json is (not a physim-record|truncated or no JSON)"):
        provenance.read_record(case)


def test_newer_schema(case):
    _replace(case, schema=2)
    with pytest.raises(InputError, match="schema 2 and this physim reads up to 1; pip install --upgrade"):
        provenance.read_record(case)


def test_changed_after_it_was_written(case):
    record = case / "record.json"
    record.write_text(record.read_text(encoding="utf-8").replace("3.5", "3.6"), encoding="utf-8")
    with pytest.raises(InputError, match="changed after it was written"):
        provenance.read_record(case)


@pytest.mark.parametrize(
    ("name", "value"), [("files", []), ("recipe", None), ("case", "one"), ("schema", "1")]
)
def test_fields_of_the_wrong_kind(case, name, value):
    _replace(case, **{name: value})
    with pytest.raises(InputError, match=r"lacks a valid|which schema"):
        provenance.read_record(case)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..\\b", ""])
def test_a_record_cannot_point_outside_its_folder(case, name):
    _replace(case, files={name: {"sha256": "0" * 64, "bytes": 1}})
    with pytest.raises(InputError, match="outside its folder"):
        provenance.read_record(case)


def test_an_environment_differs_from_another_in_what_changes_the_bits():
    here = provenance.describe_environment()
    assert provenance.differences(here, here) == []
    other = json.loads(json.dumps(here))
    other["libraries"]["jaxlib"] = "0.0.1"
    other["kernels"]["tried"] = {"sample float32": "live"}  # one side never asked for it
    found = provenance.differences(other, here)
    assert len(found) == 1
    assert found[0].startswith("libraries.jaxlib was '0.0.1' and is ")
    broken = json.loads(json.dumps(other))
    broken["kernels"]["tried"] = {"sample float32": "RuntimeError: no threads"}
    assert provenance.differences(other, broken) == [
        "kernels.tried.sample float32 was 'live' and is 'RuntimeError: no threads' now"
    ]
