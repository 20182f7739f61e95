"""Every example runs in its small version, and its numbers are right: they are what it teaches."""

import importlib
import pathlib

import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in ("figure", "upright"))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs an example; returns its numbers after a look at what it printed and wrote."""
    monkeypatch.syspath_prepend(EXAMPLES)
    # An example keeps compiled programs on disk for its next run; the suite does not change its own process so.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")

    def made(name: str) -> dict[str, float]:
        numbers = importlib.import_module(name).main(["--quick", "--out", str(tmp_path)])
        printed = capsys.readouterr().out
        assert all(word in printed for word in numbers)
        assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]
        return numbers

    return made


def test_the_readme_names_every_example():
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(SCRIPTS) == 8
    assert all(f"`python examples/{name}.py" in page for name in SCRIPTS)


@pytest.mark.slow
def test_geometry_is_found_within_its_uncertainty(run):
    numbers = run("geometry_self_calibration")
    units = {"roll": "°", "tilt": "°", "slant": "°"}
    units |= dict.fromkeys(("column shift", "row shift", "detector distance", "source distance"), "mm")
    for name, unit in units.items():
        true, found, spread = (
            numbers[f"{name}, {word} [{unit}]"] for word in ("true", "found", "standard deviation")
        )
        assert 0 < spread < 0.01, name
        assert abs(found - true) < 4 * spread, name
    before, after = (
        numbers[f"RMS difference from a scanner without fault, {word} [HU]"]
        for word in ("as drawn", "calibrated")
    )
    assert after < before / 3


def test_inpainting_lifts_the_dark_band(run):
    numbers = run("metal_artefact")
    band = {method: numbers[f"error between the coils, {method} [HU]"] for method in ("FBP", "NMAR")}
    rms = {method: numbers[f"RMS error of the body, {method} [HU]"] for method in ("FBP", "NMAR")}
    assert 20 < numbers["between the coils, without metal [HU]"] < 50  # pancreas
    assert band["FBP"] < -80
    assert abs(band["NMAR"]) < abs(band["FBP"]) / 3
    assert rms["NMAR"] < 0.7 * rms["FBP"]


@pytest.mark.slow
def test_noise_follows_the_dose(run):
    numbers = run("dose_sweep")
    charges = (400.0, 100.0, 12.5)
    true = np.array([numbers[f"noise at {mas:g} mAs, true [HU]"] for mas in charges])
    lowered = np.array([numbers[f"noise at {mas:g} mAs, low_dose [HU]"] for mas in charges[1:]])
    dose = np.array([numbers[f"CTDIvol at {mas:g} mAs [mGy]"] for mas in charges])
    # Some 2000 voxels, whose noise is correlated over a few: each value is good to 3 %, a ratio to 5 %.
    np.testing.assert_allclose(lowered / true[1:], 1.0, atol=0.12)
    np.testing.assert_allclose(true[0] / true[1], 0.5, atol=0.06)
    assert true[2] > 0.9 * true[0] * np.sqrt(32)  # the electronics only add
    np.testing.assert_allclose(dose / dose[0], np.array(charges) / charges[0], rtol=1e-4)
    assert abs(numbers["exponent of the noise from 50 mAs up"] + 0.5) < 0.07
    assert abs(numbers["metastases against liver [HU]"] + 40.0) < 5.0


def test_iodine_and_calcium_are_told_apart(run):
    numbers = run("dual_energy")
    for amount in (2.0, 5.0, 10.0, 15.0):
        assert abs(numbers[f"iodine in I {amount:g} [mg/ml]"] - amount) < 0.3
        assert abs(numbers[f"calcium in I {amount:g} [mg/ml]"]) < 3.0
    for amount in (25.0, 60.0, 120.0, 180.0):
        assert abs(numbers[f"calcium in Ca {amount:g} [mg/ml]"] - amount) < 2.0 + 0.05 * amount
        assert abs(numbers[f"iodine in Ca {amount:g} [mg/ml]"]) < 1.0
    for energy in (50, 70, 100):
        assert abs(numbers[f"water at {energy} keV [HU]"]) < 3.0


@pytest.mark.slow
def test_optimised_flip_angles_are_better_by_as_much_as_the_bound_says(run):
    numbers = run("fingerprinting")
    told = lambda time, train, what: numbers[f"{time} of white matter, {train}: {what} [%]"]
    for train in ("usual", "optimised"):
        for time in ("T1", "T2"):
            spread, bound = (told(time, train, what) for what in ("standard deviation", "Cramér-Rao bound"))
            # Some 300 voxels: a standard deviation is good to 4 %.
            assert 0.88 * bound < spread < 1.25 * bound, (train, time)
            assert abs(told(time, train, "mean error")) < 0.3 * spread
    assert told("T2", "optimised", "standard deviation") < 0.65 * told("T2", "usual", "standard deviation")


@pytest.mark.slow
def test_every_artefact_has_its_cause(run):
    numbers = run("artefact_gallery")
    changes = {name: value for name, value in numbers.items() if "change" in name}
    assert len(changes) == 10
    assert min(changes.values()) > 3.0
    # 3.4 ppm at 3 T over the bandwidth of a pixel, 1 / (48 × 60 µs).
    assert abs(numbers["fat moves, low bandwidth [pixel]"] - 434.3 * 48 * 60e-6) < 0.01


@pytest.mark.slow
def test_low_angles_keep_contrast_where_they_are_chosen(run):
    numbers = run("refocusing_angles")
    told = lambda train, what: numbers[f"{train}: {what} [%]"]
    graphs, image = "contrast of phase graphs of a tissue", "contrast in the image"
    assert told("optimised", "power") < 20.0
    assert told("optimised", graphs) > 0.97 * told("180°", graphs)
    assert told("even, same power", graphs) < 0.65 * told("180°", graphs)
    # All echoes make the image, and at 3 mm few voxels are of one tissue: not all of the contrast stays there.
    assert 0.6 * told("180°", image) < told("optimised", image) < told("180°", image)
    assert told("optimised", image) > 1.2 * told("even, same power", image)


@pytest.mark.slow
def test_a_file_of_ones_own_makes_an_image(run):
    numbers = run("own_pulseq_file")
    assert numbers["samples"] == 64 * 64
    assert abs(numbers["duration of the scan [s]"] - 5 * 3.0) < 0.01  # four shots and one without samples
    assert 0 < numbers["estimate of what they leave out [%]"] < 2.0
