"""The digital chest: published organ sizes, anatomy that hangs together, derivatives, and reproducible draws."""

import json
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from physim_phantoms import Grid
from physim_phantoms._checks import InputError
from physim_phantoms.anatomy import chest, chest_parameters
from physim_phantoms.anatomy.implicit import coverage
from physim_phantoms.anatomy.organs_diaphragm import diaphragm, domes
from physim_phantoms.anatomy.organs_heart import chambers
from physim_phantoms.anatomy.organs_heart import heart as heart_of
from physim_phantoms.anatomy.ribs import cage
from physim_phantoms.anatomy.trunk_body import render
from physim_phantoms.anatomy.trunk_frame import Trunk, spots
from physim_phantoms.anatomy.trunk_parameters import draw_trunk, frame
from tests.helper import assert_gradient

GRID = Grid((128, 96, 110), 3.0)
PATIENTS = [(0, "M"), (1, "F")]


@cache
def patient(seed, sex, **given):
    return chest(GRID, jax.random.key(seed), sex=sex, **given)


@cache
def values(seed, sex):
    return chest_parameters(jax.random.key(seed), sex=sex)


def millilitres(phantom, *names):
    return sum(float(phantom.volume(n)) for n in names if n in phantom.names) / 1000.0


def components(mask, at_least):
    """Sizes of the connected parts of a mask that have at least some number of voxels, largest first."""
    labels, number = ndimage.label(mask)
    sizes = np.sort(ndimage.sum_labels(mask, labels, np.arange(1, number + 1)))[::-1]
    return sizes[sizes >= at_least]


def dominant(phantom, *names):
    return np.isin(np.asarray(phantom.labels), [phantom.index(n) for n in names])


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_the_front_of_the_lungs_has_no_ledge(seed, sex):
    """From the sternum to where the lungs taper, 3 mm apart: the front edge falls back step by step."""
    front = np.asarray(patient(seed, sex).fraction("lung")).max(axis=0) > 0.4
    level = np.asarray(GRID.index_to_world(np.array([[0, 0, k] for k in range(110)])))[:, 2]
    edge = np.array([3.0 * np.flatnonzero(plane).max() for plane in front.T[(level > 30) & (level < 100)]])
    assert np.abs(np.diff(edge)).max() < 7, edge


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_lung_volume_is_the_drawn_share_of_the_capacity(seed, sex):
    drawn = values(seed, sex)
    lungs = millilitres(patient(seed, sex), "lung")
    assert lungs == pytest.approx(drawn["lung_capacity"] * drawn["inspiration"], rel=0.12)
    # Quanjer et al. 1993: capacity within four residual deviations (0.70 L men, 0.60 L women) of the prediction.
    metres = drawn["height"] / 100
    predicted, deviation = (7990 * metres - 7080, 700) if sex == "M" else (6600 * metres - 5790, 600)
    assert abs(drawn["lung_capacity"] - predicted) < 4 * deviation


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_heart_muscle_lies_around_the_reference_man_and_woman(seed, sex):
    # ICRP Publication 89: heart tissue 330 g (men), 250 g (women); large and small hearts within a factor of 1.6.
    mass = 1.05 * millilitres(patient(seed, sex), "myocardium")
    reference = 330 if sex == "M" else 250
    assert reference / 1.6 < mass < reference * 1.6


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_there_are_two_lungs_and_the_air_in_them_does_not_leak(seed, sex):
    body = patient(seed, sex)
    lung = dominant(body, "lung")
    left, right = components(lung, 3000)
    assert 0.55 < right / left < 1.0
    outside, _ = ndimage.label(dominant(body, "air"))
    outside = outside == outside[0, 0, 0]
    assert outside.mean() > 0.2
    assert not np.any(lung & ndimage.binary_dilation(outside, iterations=2))


@pytest.mark.parametrize(("seed", "sex"), PATIENTS)
def test_one_canal_runs_through_the_whole_spine(seed, sex):
    body = patient(seed, sex)
    canal = np.asarray(body.fraction("csf") + body.fraction("white_matter")) > 0.5
    (size,) = components(canal, 20)
    heights = np.flatnonzero(canal.any(axis=(0, 1)))
    assert size == canal.sum()
    assert len(heights) == heights[-1] - heights[0] + 1 >= 90


def test_twelve_pairs_of_ribs_are_apart_from_one_another():
    bones, _ = cage(Trunk(*(jnp.asarray(v) for v in (1.0, 1.0, 1.0)), (0.0, 0.0), (1.0, 1.0, 0.0), 20.0), 1.0)
    grid = Grid(
        (70, 96, 160), 2.2, origin=(1.0, -80.0, -50.0)
    )  # the right side: the left one is its mirror image
    x, y, z = (jnp.asarray(c) for c in np.moveaxis(np.asarray(grid.centres()), -1, 0))
    inside = np.asarray(bones.distance((x, y, z), 1.5, (1.0, 1.0, 1.7)) < 0.3)
    assert len(components(inside, 20)) == 12
    assert not inside[:3].any()  # nothing within 8 mm of the middle, where the other side begins


def test_bone_is_a_plausible_part_of_the_chest():
    body = patient(0, "M")
    bone = dominant(body, "cortical_bone", "trabecular_bone", "red_marrow", "yellow_marrow")
    share = bone.sum() / (~dominant(body, "air")).sum()
    assert 0.02 < share < 0.10


def test_taller_people_have_larger_lungs_and_heavier_ones_more_fat():
    short, tall = (patient(2, "F", height=h, weight=65.0) for h in (155.0, 178.0))
    assert millilitres(tall, "lung") > 1.15 * millilitres(short, "lung")
    thin, heavy = (patient(2, "F", height=165.0, weight=w) for w in (52.0, 95.0))
    assert millilitres(heavy, "adipose") > 1.5 * millilitres(thin, "adipose")


def test_one_value_given_leaves_the_other_draws_alone():
    key = jax.random.key(5)
    drawn = chest_parameters(key, sex="F")
    given = chest_parameters(key, sex="F", heart_volume=700.0)
    assert given.pop("heart_volume") == 700.0
    drawn.pop("heart_volume")
    assert given == drawn


def test_the_same_key_gives_the_same_bits_and_the_record_gives_the_same_patient():
    body = patient(0, "M")
    record = json.loads(json.dumps(values(0, "M")))
    again = chest(GRID, jax.random.key(0), **record)
    for one, other in zip(jax.tree.leaves(body), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_different_keys_give_different_patients():
    record = values(0, "M")
    # Even with all values the same, the trees of the lungs and the folds of the bowel differ.
    other = chest(GRID, jax.random.key(9), **record)
    assert float(jnp.max(jnp.abs(patient(0, "M").fraction("lung") - other.fraction("lung")))) > 0.5
    assert chest_parameters(jax.random.key(10)) != chest_parameters(jax.random.key(11))


def test_wrong_words_and_values_are_refused():
    key = jax.random.key(0)
    with pytest.raises(InputError, match="'heart_volume'"):
        chest_parameters(key, sex="M", heart_volum=700.0)
    with pytest.raises(InputError, match="between 140 and 210 cm"):
        chest_parameters(key, sex="M", height=17.5)
    with pytest.raises(InputError, match='"F" or "M"'):
        chest_parameters(key, sex="male")
    with pytest.raises(InputError, match="years"):
        chest_parameters(key, age=7.0)
    with pytest.raises(InputError, match="breast_volume"):
        chest_parameters(key, sex="M", breast_volume=300.0)


def test_gradients_of_wall_diaphragm_and_heart_equal_central_differences(x64):
    drawn = draw_trunk(jax.random.key(3), "F", {})
    x, y, z = np.moveaxis(
        np.asarray(Grid((12, 10, 12), 26.0, origin=(-140.0, -80.0, -40.0)).centres()), -1, 0
    )
    place = tuple(jnp.asarray(c.ravel()) for c in (x, y, z))
    names, scale = ("lung_capacity", "heart_volume", "height", "kyphosis"), np.array([100.0, 20.0, 1.0, 1.0])

    def functional(shift):
        moved = {**drawn, **{n: drawn[n] + s * d for n, s, d in zip(names, scale, shift, strict=True)}}
        trunk = frame(moved)
        spot = spots(trunk, place)
        heart, _ = chambers(heart_of(trunk, moved["heart_volume"], moved["heart_turn"]), spot)
        covers = (coverage(d, 26.0) for d in (spot.inner, domes(diaphragm(trunk), spot), heart))
        return sum(jnp.sum(jnp.sin(place[2] + n) * c) for n, c in enumerate(covers))

    assert_gradient(jax.jit(functional), jnp.full(4, 0.123), tolerance=1e-5, step=1e-6)


@pytest.mark.slow
def test_finer_grids_agree_on_the_volumes():
    fine, coarse = patient(0, "M"), chest(Grid((64, 48, 55), 6.0), jax.random.key(0), sex="M")
    for name, tolerance in (("lung", 0.03), ("muscle", 0.03), ("myocardium", 0.06), ("adipose", 0.06)):
        assert millilitres(coarse, name) == pytest.approx(millilitres(fine, name), rel=tolerance)


@pytest.mark.slow
def test_gradients_equal_central_differences(x64):
    key, grid = jax.random.key(3), Grid((16, 12, 14), 24.0)
    drawn = draw_trunk(key, "F", {"visceral_fat": 2500.0, "subcutaneous_fat": 15.0})
    x = jnp.linspace(-1, 1, 16)[:, None, None] + jnp.linspace(0, 2, 14) ** 2
    names = ("lung_capacity", "heart_volume", "height", "kyphosis", "liver_volume", "subcutaneous_fat")
    scale = np.array([100.0, 20.0, 1.0, 1.0, 50.0, 1.0])

    def functional(shift):
        moved = {n: drawn[n] + s * d for n, s, d in zip(names, scale, shift, strict=True)}
        maps = render(grid, key, {**drawn, **moved}, False, True)
        return sum(jnp.sum((1.0 + 0.3 * n) * jnp.sin(x + n) * m) for n, m in enumerate(maps.values()))

    here = jnp.full(6, 0.123)
    gradient, step = jax.grad(functional)(here), 1e-6
    for n in range(6):
        move = step * jnp.eye(6)[n]
        numeric = (functional(here + move) - functional(here - move)) / (2 * step)
        assert float(gradient[n]) == pytest.approx(
            float(numeric), rel=2e-4, abs=1e-6 * float(jnp.abs(gradient).max())
        )
