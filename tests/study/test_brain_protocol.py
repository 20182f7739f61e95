"""`brain-mri-protocol`: the plans of its sequences, one case with diffusion, refusals."""

import json

import jax
import numpy as np
import pytest

from physim.io import read_nifti
from physim.study import recipe as recipes
from physim.study.brain_protocol_scan import _PLANS, null_time
from physim.study.cases import make_case
from physim.study.draws import drawn, drawn_sex
from physim.study.glioma_patient import make_patient
from physim.study.recipe_brain_protocol import BrainProtocolRecipe
from physim_phantoms import Grid

SMALL = {
    "anatomy": "procedural",
    "grid.spacing": 8.0,
    "scanner.spins": 17,
    "sequences.thickness": 8.0,
    "sequences.dwi.resolution": 8.0,
    "sequences.dwi.te": 0.1,
}


def small(**changed) -> BrainProtocolRecipe:
    return loaded(SMALL | {"sequences.played": ["dwi"]} | changed)


def loaded(overrides=None) -> BrainProtocolRecipe:
    recipe = recipes.load("brain-mri-protocol", overrides)
    assert isinstance(recipe, BrainProtocolRecipe)
    return recipe


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocol")
    return folder, make_case(small(), 0, folder)


def test_every_sequence_is_within_the_limits_of_its_scanner_and_says_what_it_is():
    recipe = loaded()
    grid = Grid(recipe.grid.shape, recipe.grid.spacing)
    for number, (name, plan_of) in enumerate(list(_PLANS.items())[1:], start=2):  # MPRAGE takes seconds
        plan = plan_of(recipe, grid, 3.0, number)
        said = plan.sequence.definitions
        assert said["Thickness"] == 3.0, name
        assert np.allclose(np.asarray(said["FOV"]), (*grid.extent[:2], 3.0))
        assert plan.series.number == number
        assert "TE" in plan.note


def test_inversion_time_nulls_fluid_that_the_train_has_saturated():
    asked = loaded().sequences.flair
    t1, rest = 4.2, asked.tr - asked.echo_train * asked.echo_spacing
    ti = null_time(asked, t1)
    before = 1 - np.exp(
        -rest / t1
    )  # what has recovered since the train, over the time up to the next excitation
    steady = 1 - 2 * np.exp(-ti / t1) + np.exp(-rest / t1)
    assert abs(steady) < 1e-4
    assert before > 0


def test_one_case(case):
    folder, record = case
    names = {path.name for path in folder.iterdir()}
    assert {
        "dwi.nii.gz",
        "dwi_b0.nii.gz",
        "adc.nii.gz",
        "labels.nii.gz",
        "case.h5",
        "contact_sheet.png",
    } <= names
    assert "t1.nii.gz" not in names
    assert sorted(record["sequences"]) == ["dwi", "dwi_b0"]
    assert record["sequences"]["dwi"]["bValue"] == 1000.0
    json.dumps(record)


def diffusivities(folder) -> tuple[np.ndarray, np.ndarray]:
    """The map, and where most of a voxel is white matter."""
    adc, grid = read_nifti(folder / "adc.nii.gz")
    labels, fine = read_nifti(folder / "labels.nii.gz")
    assert grid.shape == fine.shape
    names = {name: int(key) for key, name in json.loads((folder / "labels.json").read_text()).items()}
    return np.asarray(adc), np.asarray(labels) == names["white_matter"]


def test_apparent_diffusivity_lies_between_that_of_brain_and_of_fluid(case):
    """In voxels of 8 mm fluid, five times as bright, lifts white matter to twice its 0.7e-3."""
    adc, white = diffusivities(case[0])
    assert 0.7e-3 < np.median(adc[white]) < 0.5 * adc.max()
    assert 2e-3 < adc.max() < 4.5e-3


@pytest.mark.slow
def test_apparent_diffusivity_is_that_of_the_mixture(tmp_path):
    recipe = small(
        **{
            "grid.spacing": 3.0,
            "sequences.thickness": 3.0,
            "sequences.dwi.resolution": 3.0,
            "sequences.dwi.te": 0.11,
        }
    )
    make_case(recipe, 0, tmp_path)
    adc, white = diffusivities(tmp_path)
    assert np.median(adc[white]) == pytest.approx(np.median(diffusivity_of_mixtures(recipe)[white]), rel=0.05)


def diffusivity_of_mixtures(recipe: BrainProtocolRecipe) -> np.ndarray:
    """What the signals of the tissues in each voxel make of it: fluid is five times as bright as white matter. Without fat,
    which is saturated."""
    key = jax.random.fold_in(jax.random.key(recipe.seed), 0)
    patient, _ = make_patient(recipe, key, drawn(recipe, key), drawn_sex(recipe.patient.sex, key))
    value = lambda name: np.asarray(patient.values(name, 3.0), float)
    signal = value("proton_density") * np.exp(-recipe.sequences.dwi.te / value("t2"))
    signal = np.where(value("chemical_shift") < 0, 0.0, signal)
    b = recipe.sequences.dwi.b_value
    plain, weighted = (
        np.asarray(patient.mix(signal * left)) for left in (1.0, np.exp(-b * value("diffusivity")))
    )
    return np.log((plain + 1e-12) / (weighted + 1e-12)) / b


def test_equal_keys_give_equal_bytes(case, tmp_path):
    folder, _ = case
    make_case(small(), 0, tmp_path)
    for name in ("dwi.nii.gz", "adc.nii.gz", "contact_sheet.png"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sequences.played": []}, "played"),
        ({"sequences.t2.te": 5.0}, "te"),
        ({"sequences.thickness": 7.0}, "do not fill"),
        ({"sequences.dwi.te": 0.03}, "b_value|te"),
    ],
)
def test_refusals(changed, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make_case(small(**changed), 0, tmp_path)


@pytest.mark.slow
def test_all_sequences_of_a_small_brain(tmp_path):
    played = {"sequences.played": ["t1", "t2", "flair", "dwi", "t2_star"], "sequences.t1.ti": 0.8}
    coarse = {f"sequences.{name}.resolution": 8.0 for name in ("t2", "flair", "t2_star")}
    make_case(small(**played, **coarse), 0, tmp_path)
    labels = np.asarray(read_nifti(tmp_path / "labels.nii.gz")[0])
    names = {name: int(key) for key, name in json.loads((tmp_path / "labels.json").read_text()).items()}
    mean = {
        name: {
            tissue: float(
                np.asarray(read_nifti(tmp_path / f"{name}.nii.gz")[0])[labels == names[tissue]].mean()
            )
            for tissue in ("white_matter", "grey_matter")
        }
        for name in ("t1", "t2", "flair")
    }
    assert mean["t1"]["white_matter"] > mean["t1"]["grey_matter"]
    assert mean["t2"]["white_matter"] < mean["t2"]["grey_matter"]
