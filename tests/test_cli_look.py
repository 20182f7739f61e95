"""What the command shows: recipes with every value, data with their terms, and the state of an installation."""

import json

import physim_kernels
from physim import study
from physim.cli import show
from physim.cli.options import dotted_options
from tests.command import physim


def test_recipes_show_every_value_with_its_unit(capsys):
    _, lines, _ = physim(capsys, "recipes")
    assert [line.split()[0] for line in lines] == study.names()
    code, lines, _ = physim(capsys, "recipe", "brain-glioma-mri", "--set", "tumour.days=77")
    assert code == 0
    days = next(line for line in lines if line.startswith("--tumour.days "))
    assert "77" in days
    assert "1 to 3000 days" in days
    _, lines, _ = physim(capsys, "recipe", "brain-glioma-mri", "--json")
    assert json.loads("\n".join(lines)) == study.load("brain-glioma-mri").model_dump(mode="json")


def test_every_value_shown_can_be_written_on_the_command_line(capsys):
    _, lines, _ = physim(capsys, "recipe", "head-ct")
    for line in lines:
        option, value = line.split("  ")[0], next(part for part in line.split("  ")[1:] if part).strip()
        tokens = dotted_options([option, value]) if "." in option else [f"--set={option[2:]}={value}"]
        code, shown, err = physim(capsys, "recipe", "head-ct", *tokens)
        assert (code, err) == (0, []), line
        assert shown == lines


def test_data_list_says_what_is_here_and_whose_it_is(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path))
    code, lines, _ = physim(capsys, "data", "list")
    assert code == 0
    assert [line.split()[0] for line in lines] == ["mni152", "cranium-ct", "lung-ct"]
    assert all("not here" in line for line in lines)
    assert "BSD-3-Clause" in lines[0]


def test_doctor_finds_what_is_there(capsys, monkeypatch, tmp_path):
    ensure = physim_kernels.ensure
    rows = [
        physim_kernels.Status(name, "float32", ensure(name, "float32") is not None, "")
        for name in ("sample", "diffusion")
    ]
    monkeypatch.setattr("physim_kernels.status", lambda: rows)  # all of them, compiled anew, take minutes
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path / "cache"))
    code, lines, _ = physim(capsys, "doctor", "--json", "--out", tmp_path / "new" / "out")
    found = json.loads("\n".join(lines))
    assert code == (1 if found["problems"] else 0)
    assert found["devices"][0].startswith("cpu:0")
    assert found["bandwidth"] > 0.1
    assert found["data"] == {"mni152": False, "cranium-ct": False, "lung-ct": False}
    assert found["out_state"].startswith("writable")
    assert found["kernels"][0] == {"kernel": "sample", "precision": "float32", "live": True, "reason": ""}
    assert found["threading_layer"] in ("omp", "tbb")
    assert list(tmp_path.iterdir()) == [], "doctor left something behind"
    text = "\n".join(show.doctor_lines(found))
    for word in (
        "physim 0.1.0",
        "jaxlib",
        "threads",
        "GB/s",
        "kernels",
        "physim data fetch mni152",
        "writable",
    ):
        assert word in text


def test_doctor_tells_what_is_wrong(capsys, monkeypatch):
    monkeypatch.setenv("PHYSIM_KERNELS", "off")
    monkeypatch.setattr("physim_kernels.measure_bandwidth", lambda: 1.0)
    code, lines, _ = physim(capsys, "doctor", "--out", "/proc/physim")
    assert code == 1
    assert any(line.startswith("problem  /proc cannot be written") for line in lines)
    assert any("not live, PHYSIM_KERNELS=off" in line for line in lines)
    assert sum(line.startswith("problem") for line in lines) == 1, (
        "a kernel that was switched off is no problem"
    )
