"""The acceptance test of the MRI scanner, coarse: it recovers what is known, and finds what is broken."""

import json
import math

import jax
import numpy as np
import pytest

from physim import mri, provenance, study
from physim.study import qa_mri, recipe
from physim.study import qa_mri_distortion as distortion
from physim.study import qa_mri_noise as noise
from physim.study.draws import drawn
from physim.study.qa_mri_plate import plate_grid
from physim.study.qa_mri_relaxation import decay_time, measure_t2, signed
from physim.study.qa_mri_table import _signal, judged
from physim.study.recipe_qa_mri import QaMriRecipe
from physim_phantoms import Grid

QA = {
    "images.matrix": 128,
    "images.spins": 101,
    "images.per_voxel": 4,
    "relaxometry.inversion_times": [0.025, 0.06, 0.15, 0.4, 1.0, 3.6],
    "relaxometry.echo_times": [0.006, 0.009, 0.014, 0.03, 0.06, 0.2],
}


def loaded(overrides=None) -> QaMriRecipe:
    found = recipe.load("qa-mri", QA | (overrides or {}))
    assert isinstance(found, QaMriRecipe)
    return found


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("qa-mri") / "out"
    assert len(study.run(loaded(), cases=1, out=out).made) == 1
    return out


@pytest.fixture(scope="module")
def written(dataset):
    return json.loads((dataset / "case_0001" / "qa.json").read_text())


def test_every_sphere_is_within_one_per_cent_of_its_nominal_time(written):
    for array, nominal in (("t1", 1989.0), ("t2", 581.3)):
        spheres = written[array]["spheres"]
        assert len(spheres) == 14
        assert spheres[f"{array}_01"]["true_ms"] == pytest.approx(nominal)
        for name, row in spheres.items():
            assert row["measured_ms"] == pytest.approx(row["true_ms"], rel=0.01), name


def test_distortion_is_that_of_the_gradients_and_is_corrected(written, dataset):
    found = written["distortion"]
    record = json.loads((dataset / "case_0001" / "record.json").read_text())
    bend = record["parameters"]["quantities"]["scanner.nonlinearity"]
    # c ρ³ / R² in the plane z = 0, at the edge of the diameter.
    assert found["uncorrected"]["max_mm"] == pytest.approx(abs(bend) * 100.0**3 / 250.0**2, rel=0.1)
    assert found["ideal"]["max_mm"] < 0.1 * found["voxel_mm"]
    assert found["corrected"]["max_mm"] < 0.1


def test_noise_is_what_the_scanner_was_asked_for(written):
    found = written["noise"]
    for method in ("two_images", "background"):
        assert abs(found[method]["error_percent"]) < found[method]["allowed_percent"] < 12


def test_the_report_passes_and_its_files_are_there(written, dataset):
    folder = dataset / "case_0001"
    assert all(test["passed"] is not False for test in written["tests"])
    text = (folder / "qa.txt").read_text()
    assert all(test["test"] in text for test in written["tests"])
    assert (folder / "qa.png").read_bytes().startswith(b"\x89PNG")
    assert {"t1_map", "t2_map", "lattice", "lattice_corrected", "water"} == {
        path.name.removesuffix(".nii.gz") for path in folder.glob("*.nii.gz")
    }
    assert provenance.verify(dataset) == []


@pytest.mark.slow
def test_the_report_is_reproduced_bit_for_bit(dataset):
    assert study.reproduce(dataset / "case_0001").identical


def test_broken_scanners_fail_their_verdicts():
    """Twice the noise; and a B1+ that is far from even, as that of a sphere of water at 7 T."""
    small = loaded({"images.matrix": 64, "scanner.noise": 0.08})
    numbers = drawn(small, jax.random.key(0))
    asked = qa_mri.scanner_of(numbers)
    noisy = mri.Scanner(field=3.0, noise=2 * numbers["scanner.noise"])
    uneven = mri.Scanner(field=3.0, noise=numbers["scanner.noise"], transmit=_Fading())
    good, twice, faded = (
        {
            test["test"]: test["passed"]
            for test in _signal(
                noise.measure_noise(small, scanner, asked, jax.random.key(1)).values["noise"], 3.0
            )
        }
        for scanner in (asked, noisy, uneven)
    )
    assert False not in good.values()
    assert not twice["SNR, two images"]
    assert not twice["SNR, image and air"]
    assert not faded["Uniformity"]


class _Fading(mri.Transmit):
    """B1+ that halves from the middle to the edge of the water."""

    def b1(self, position, field):
        return 1 - 0.5 * (position[:, 0] ** 2 + position[:, 1] ** 2) / 85.0**2


def test_a_gradient_model_that_is_wrong_is_found(written):
    values = json.loads(json.dumps(written))
    values["distortion"]["from_expected"]["max_mm"] = 0.6
    values["t2"]["largest_error_percent"] = 1.01
    failed = {test["test"] for test in judged(values, 3.0) if test["passed"] is False}
    assert failed == {"  from its model", "T2 of 14 spheres"}


def test_points_are_found_where_they_were_put():
    """Smooth dark spots at known places off the voxels, in water whose brightness slopes."""
    grid = Grid((128, 128, 1), (2.0, 2.0, 5.0))
    x, y = np.moveaxis(np.asarray(grid.centres())[:, :, 0, :2], -1, 0)
    near = distortion.lattice_points()[30:60]
    true = near + np.random.default_rng(0).uniform(-2.0, 2.0, near.shape)
    spots = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 2.2**2)) for a, b in true)
    image = (1 + 0.002 * x) * (1 - 0.9 * spots)
    found = distortion.find_points(image, grid, near)
    assert np.abs(found - true).max() < 0.03


def test_statistics_of_displacements():
    moved = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert distortion.statistics(moved) == {"mean_mm": 2.5, "max_mm": 5.0}


def test_noise_of_known_images():
    """Normal noise about a signal, Rayleigh's where there is none."""
    rng, grid = np.random.default_rng(3), plate_grid(loaded({"images.matrix": 256}))
    inside, air = noise.regions(grid)
    sigma, shape = 0.02, (256, 256)
    first, second = (
        np.abs(inside + sigma * (rng.normal(size=shape) + 1j * rng.normal(size=shape))) for _ in range(2)
    )
    assert noise.difference_noise(first, second, inside) == pytest.approx(sigma, rel=0.02)
    assert noise.background_noise(first, air) == pytest.approx(sigma, rel=0.03)
    assert pytest.approx(0.655, abs=5e-4) == noise.RAYLEIGH


def test_uniformity_and_ghosts_of_known_images():
    grid = plate_grid(loaded({"images.matrix": 128}))
    inside, _ = noise.regions(grid)
    x = np.asarray(grid.centres())[:, :, 0, 0]
    ramp = 1 + 0.1 * x / np.abs(x[inside]).max()
    assert noise.uniformity(ramp, inside) == pytest.approx(90.0, abs=0.2)
    # A ghost of 4 % along x: the band beside the water is bright, that above is not.
    ghosted = inside + 0.04 * ((np.abs(x) > 90) & ~inside)
    assert noise.ghosting(ghosted, grid, inside) == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("t2", [0.0056, 0.05, 0.58])
def test_decay_over_a_floor_that_only_late_echoes_see(t2):
    times = np.array(loaded().relaxometry.echo_times)
    assert decay_time(np.exp(-times / t2), times) == pytest.approx(t2, rel=1e-3)


def test_signs_of_a_recovery_whatever_its_phase():
    times = np.array([0.05, 0.3, 0.8, 5.0])
    recovery = (1 - 2 * np.exp(-times))[:, None]
    assert np.allclose(signed(recovery * np.exp(1.1j)), recovery, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scanner.field": 7.0}, "between 1.5 and 3 T"),
        ({"scanner.noise": 0.0}, "between 0.001 and 0.1"),
        ({"relaxometry.echo_times": [0.01, 0.02]}, "echo_times"),
        ({"relaxometry.echo_times": [0.01, 0.02, 0.03, 0.05, 0.04, 0.1]}, "must rise"),
        ({"relaxometry.inversion_times": [0.02, 0.1, 0.5, 1.0, 7.0]}, "inversion_tr"),
        ({"images.matrix": 97}, "matrix"),
    ],
)
def test_refusals(changed, message):
    with pytest.raises(ValueError, match=message):
        loaded(changed)


def test_echo_times_that_no_pulse_can_play_are_refused():
    asked = loaded({"relaxometry.echo_times": [0.003, 0.004, 0.005, 0.006, 0.01, 0.1]})
    with pytest.raises(ValueError, match="te"):
        measure_t2(asked, mri.Scanner(), jax.random.key(0))


def test_rayleigh_factor_is_that_of_its_distribution():
    draws = np.abs(np.random.default_rng(1).normal(size=(2, 200_000)).T @ np.array([1, 1j]))
    assert draws.std() == pytest.approx(noise.RAYLEIGH, rel=0.01)
    assert math.isclose(noise.RAYLEIGH, 0.6551, abs_tol=1e-4)
