"""The digital abdomen: published organ sizes, organs in one piece, and the same person as the chest."""

from functools import cache

import jax
import numpy as np
import pytest
from scipy import ndimage

from physim_phantoms import Grid
from physim_phantoms._checks import InputError
from physim_phantoms.anatomy import abdomen, abdomen_parameters, chest_parameters

GRID = Grid((110, 84, 100), 3.5)
PATIENTS = [(0, "M"), (1, "F"), *(pytest.param(*p, marks=pytest.mark.slow) for p in ((2, "M"), (3, "F")))]

# ICRP Publication 89 (2002), masses of organs of reference adults, g: men, women; densities from ICRU Report 46.
REFERENCE = {
    "liver": (1800, 1400, 1.06),
    "spleen": (150, 130, 1.06),
    "kidneys": (310, 275, 1.05),
    "pancreas": (140, 120, 1.05),
}
# What is drawn follows the reference with the body's surface and a spread: half to twice covers all but rare people.
# The pancreas of CT is smaller than that of autopsy.
RANGE = {"liver": (0.5, 1.8), "spleen": (0.4, 2.2), "kidneys": (0.55, 1.7), "pancreas": (0.3, 1.4)}
TISSUES_OF = {
    "liver": ("liver",),
    "spleen": ("spleen",),
    "kidneys": ("kidney", "kidney_medulla"),
    "pancreas": ("pancreas",),
}


@cache
def patient(seed, sex, **given):
    return abdomen(GRID, jax.random.key(seed), sex=sex, **given)


def millilitres(phantom, *names):
    return sum(float(phantom.volume(n)) for n in names) / 1000.0


@pytest.mark.parametrize("organ", list(REFERENCE))
@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_organs_lie_in_published_ranges(seed, sex, organ):
    men, women, density = REFERENCE[organ]
    reference = (men if sex == "M" else women) / density
    low, high = RANGE[organ]
    assert low * reference < millilitres(patient(seed, sex), *TISSUES_OF[organ]) < high * reference


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_organs_have_the_drawn_volumes(seed, sex):
    drawn = abdomen_parameters(jax.random.key(seed), sex=sex)
    body = patient(seed, sex)
    assert millilitres(body, "liver") == pytest.approx(drawn["liver_volume"], rel=0.13)
    assert millilitres(body, "spleen") == pytest.approx(drawn["spleen_volume"], rel=0.08)
    assert millilitres(body, "kidney", "kidney_medulla") == pytest.approx(drawn["kidney_volume"], rel=0.06)
    assert millilitres(body, "pancreas") == pytest.approx(drawn["pancreas_volume"], rel=0.2)
    assert millilitres(body, "bile") == pytest.approx(drawn["gallbladder_volume"], rel=0.2)


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_paired_and_single_organs_are_whole(seed, sex):
    body = patient(seed, sex)

    def sizes(*names):
        mask = np.asarray(sum(body.fraction(n) for n in names)) > 0.5
        labels, number = ndimage.label(mask)
        found = np.sort(ndimage.sum_labels(mask, labels, np.arange(1, number + 1)))[::-1]
        return found[found > 40]  # 2 mL

    kidneys = sizes("kidney", "kidney_medulla")
    assert len(kidneys) == 2
    assert kidneys[1] > 0.6 * kidneys[0]
    for organ in ("liver", "spleen", "csf"):
        found = sizes(organ)
        assert found[0] > 0.97 * found.sum(), organ


def test_the_liver_is_on_the_right_and_the_spleen_on_the_left():
    body = patient(0, "M")
    x = np.asarray(GRID.centres())[..., 0]
    centre = lambda name: float(
        np.sum(x * np.asarray(body.fraction(name))) / np.sum(np.asarray(body.fraction(name)))
    )
    assert centre("liver") > 25
    assert centre("spleen") < -60
    assert abs(centre("intervertebral_disc")) < 6


def test_fat_under_the_skin_and_inside_grows_the_body():
    thin, fat = (
        patient(3, "F", subcutaneous_fat=f, visceral_fat=v) for f, v in ((6.0, 800.0), (35.0, 5000.0))
    )
    assert millilitres(fat, "adipose") > 2 * millilitres(thin, "adipose")
    assert millilitres(fat, "liver") == pytest.approx(millilitres(thin, "liver"), rel=0.1)
    larger = patient(3, "F", liver_volume=2200.0)
    assert millilitres(larger, "liver") == pytest.approx(2200.0, rel=0.13)


def test_chest_and_abdomen_of_one_key_are_one_person():
    key = jax.random.key(4)
    assert abdomen_parameters(key) == chest_parameters(key)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(InputError, match="'spleen_volume'"):
        abdomen_parameters(jax.random.key(0), spleen_volumes=100.0)
    with pytest.raises(InputError, match="between 700 and 3200 mL"):
        abdomen_parameters(jax.random.key(0), liver_volume=20.0)
