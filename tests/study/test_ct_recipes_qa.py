"""The acceptance test of the scanner, coarse: what it reports is right, and follows dose, kernel and voltage."""

import json

import pytest

from physim.study import recipe
from physim.study.cases import make_case
from tests.study.made_cases import made

QA = {
    "phantoms.spacing": 2.0,
    "phantoms.planes": 2,
    "phantoms.wire": 0.5,
    "protocol.views": 120,
    "protocol.pixel_size": 2.0,
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return made(tmp_path_factory, "qa-ct", QA)


def test_the_report_passes_and_its_table_says_so(report):
    folder, parameters = report
    written = json.loads((folder / "qa.json").read_text())
    assert written == parameters["qa"]
    assert abs(written["water_hu"]) < 2
    assert written["uniformity"]["largest_hu"] < 2
    assert written["linearity"]["r_squared"] > 0.999
    assert 50 < written["linearity"]["effective_energy_keV"] < 80
    assert 0.1 < written["mtf"]["half_lp_per_cm"] < 2.5
    assert written["mtf"]["largest_difference"] < 0.05
    # Parseval: the noise power's integral is the variance.
    assert written["nps"]["noise_from_its_integral_hu"] == pytest.approx(written["noise_hu"], rel=0.15)
    text = (folder / "qa.txt").read_text()
    assert "in brackets: not judged" in text
    assert {t["test"]: t["allowed"] for t in written["tests"]}["Materials within range"] == "all"
    assert "polystyrene" in text
    assert all(test["test"] in text for test in written["tests"])
    assert (folder / "qa.png").read_bytes().startswith(b"\x89PNG")


def test_kernel_dose_and_voltage_do_what_they_do(report, tmp_path):
    """A quarter of the charge doubles the noise, a smoother kernel has a lower transfer, less voltage a softer beam."""
    _, before = report
    asked = QA | {"protocol.mas": 62.5, "protocol.kernel": "smooth", "protocol.kvp": 100.0}
    folders = {}
    for name in ("protocol.mas", "protocol.kernel", "protocol.kvp"):
        (tmp_path / name).mkdir()
        folders[name] = make_case(recipe.load("qa-ct", QA | {name: asked[name]}), 0, tmp_path / name)["qa"]
    assert folders["protocol.mas"]["noise_hu"] == pytest.approx(2 * before["qa"]["noise_hu"], rel=0.1)
    assert folders["protocol.kernel"]["mtf"]["half_lp_per_cm"] < before["qa"]["mtf"]["half_lp_per_cm"]
    energies = [q["linearity"]["effective_energy_keV"] for q in (folders["protocol.kvp"], before["qa"])]
    assert energies[0] < energies[1] - 2
    # The ranges of the rods are for 120 kV: at another voltage a perfect scanner must not fail by them.
    softer, text = folders["protocol.kvp"], (tmp_path / "protocol.kvp" / "qa.txt").read_text()
    assert not [test for test in softer["tests"] if test["passed"] is False]
    assert "no range at 100 kV" in text
    assert "the maker's ranges are for 120 kV" in text
    for name, rod in softer["rods"].items():
        assert rod["allowed_hu"] is None
        assert f"expected {rod['expected_hu']:.0f}" in text
        # Coarse voxels take a tenth of the contrast of a rod.
        room = 5.0 + 0.1 * abs(rod["expected_hu"])
        assert rod["mean_hu"] == pytest.approx(rod["expected_hu"], abs=room), name
