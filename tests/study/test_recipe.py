"""Recipes: what they accept, how they refuse, and that they survive a round trip."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physim.study import recipe

NAMES = [
    "abdomen-ct-dual-energy",
    "accelerated-mri",
    "brain-glioma-mri",
    "brain-mri-protocol",
    "chest-ct",
    "chest-radiograph",
    "head-ct",
    "qa-ct",
    "qa-mri",
]


def test_these_recipes_ship():
    assert recipe.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_survives_json(name):
    loaded = recipe.load(name)
    dumped = loaded.model_dump(mode="json")
    assert recipe.from_dict(dumped) == loaded
    assert recipe.Recipe.model_validate(dumped) == loaded
    assert type(recipe.Recipe.model_validate(dumped)) is type(loaded)
    assert recipe.Recipe.model_validate_json(loaded.model_dump_json()) == loaded


def test_reading_a_recipe_does_not_load_jax():
    code = (
        "import sys; from physim.study import recipe; recipe.load('head-ct'); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"tumour.days": "200"}, 200.0),
        ({"tumour.days": 200}, 200.0),
        ({"tumour.days": "{low = 30.0, high = 75.0}"}, recipe.Draw(low=30.0, high=75.0)),
        ({"tumour.days": recipe.Draw(low=30.0, high=75.0)}, recipe.Draw(low=30.0, high=75.0)),
    ],
)
def test_an_override_reads_as_in_the_file(given, found):
    assert recipe.load("brain-glioma-mri", given).tumour.days == found


def test_overrides_change_nothing_else():
    plain = recipe.load("brain-glioma-mri").model_dump()
    changed = recipe.load("brain-glioma-mri", {"anatomy": "procedural", "output.dicom": "false"}).model_dump()
    assert changed.pop("anatomy") == "procedural"
    assert changed["output"].pop("dicom") is False
    plain.pop("anatomy"), plain["output"].pop("dicom")
    assert changed == plain


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("brain-gliom", {}, "unknown recipe 'brain-gliom'; did you mean 'brain-glioma-mri'?"),
        ("missing.toml", {}, "missing.toml is not there"),
        ("head-ct", {"kvp": 100}, "did you mean 'protocol.kvp'?"),
        ("head-ct", {"protocol.kpv": 100}, "unknown parameter 'protocol.kpv'; did you mean 'protocol.kvp'"),
        ("head-ct", {"seed.x": 1}, "did you mean 'seed'?"),
        ("head-ct", {"protocol.kvp": 500}, "protocol.kvp is 500; it must lie between 60 and 140 kV"),
        (
            "head-ct",
            {"protocol.kvp": "{low = 100, high = 900}"},
            "protocol.kvp is 100 to 900; it must lie between 60",
        ),
        ("head-ct", {"protocol.kvp": "{low = 100, high = 90}"}, "low must be below high"),
        ("head-ct", {"protocol.kvp": "{low = 80, high = 90, mean = 85}"}, "mean and sd go together"),
        (
            "head-ct",
            {"protocol.kvp": "{low = 80, high = 90, mean = 95, sd = 1}"},
            "mean is 95; it must lie between",
        ),
        ("head-ct", {"protocol.kvp": "{low = 80, hihg = 90}"}, "unknown parameter 'protocol.kvp.hihg'"),
        ("head-ct", {"protocol.kvp": "fast"}, "protocol.kvp is 'fast'"),
        ("head-ct", {"protocol.kvp": float("nan")}, "protocol.kvp is nan"),
        ("head-ct", {"protocol.views": 7.5}, "protocol.views is 7.5"),
        ("head-ct", {"protocol": 3}, "protocol is 3"),
        ("head-ct", {"anatomy": "mni152"}, "anatomy is 'mni152'; it must be 'procedural' or 'cranium-ct'"),
        ("head-ct", {"kind": "knee-mri"}, "unknown kind of recipe 'knee-mri'"),
        ("head-ct", {"grid.field_of_view": [1.0, 200.0, 200.0]}, "grid.field_of_view.0 is 1"),
        ("head-ct", {"seed": -1}, "seed is -1"),
        ("head-ct", {"name": "../up"}, "name is '../up'"),
        ("brain-glioma-mri", {"sequences.t1w.te": 0.5}, "te is 0.5 s; it must be below tr = 0.018 s"),
        (
            "brain-glioma-mri",
            {"tumour.oedema_from": 0.55, "tumour.enhancing_from": 0.5},
            "oedema_from must stay below",
        ),
    ],
)
def test_refusals_are_one_line_that_helps(name, overrides, said):
    with pytest.raises(ValueError, match=r".") as caught:
        recipe.load(name, overrides)
    text = str(caught.value)
    assert said in text
    assert "\n" not in text
    assert "pydantic" not in text


def test_a_recipe_from_a_file_and_its_faults(tmp_path):
    path = tmp_path / "mine.toml"
    text = (recipe._SHIPPED / "head-ct.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('name = "head-ct"', 'name = "mine"'), encoding="utf-8")
    assert recipe.load(path).name == "mine"
    path.write_text(text.replace("views = ", "veiws = "), encoding="utf-8")
    with pytest.raises(ValueError, match=r"did you mean 'protocol.views'"):
        recipe.load(path)
    path.write_text(text.replace("views = 400", ""), encoding="utf-8")
    with pytest.raises(ValueError, match=r"protocol.views is missing"):
        recipe.load(path)
    path.write_text("kind = ", encoding="utf-8")
    with pytest.raises(ValueError, match="no readable TOML"):
        recipe.load(path)


def test_describe_names_every_parameter_with_its_unit():
    table = {name: (value, words) for name, value, words in recipe.describe("head-ct")}
    assert table["protocol.kvp"] == (120.0, "60 to 140 kV: tube voltage")
    assert table["protocol.mas"][0] == "{low = 150, high = 300}"
    assert table["grid.spacing"][1].startswith("mm")
    assert recipe.load("head-ct", {name: value for name, (value, _) in table.items()}) == recipe.load(
        "head-ct"
    )


@given(st.floats(60.0, 140.0), st.floats(60.0, 140.0))
def test_any_draw_within_the_range_is_kept_as_it_is(one, other):
    low, high = sorted((one, other))
    if low == high:
        return
    loaded = recipe.load("head-ct", {"protocol.kvp": {"low": low, "high": high}})
    assert recipe.from_dict(loaded.model_dump(mode="json")).protocol.kvp == recipe.Draw(low=low, high=high)
