"""The digital head: bone, air, teeth and eyes where they belong, and the same patient as the brain."""

import jax
import numpy as np
import pytest

from physim_phantoms import Grid
from physim_phantoms.anatomy import digital_brain, digital_head, head_body, head_population

GRID = Grid((64, 84, 84), 3.0)


@pytest.fixture(scope="module")
def maps():
    key = jax.random.key(1)
    _, values = head_population.values_of(key, 50.0, "M", None, None, {})
    return {n: np.asarray(m) for n, m in head_body.render(GRID, key, values, head_body.HEAD_CENTRE).items()}


def millilitres(maps, name):
    return float(maps[name].sum()) * 27e-3


def test_fractions_are_fractions(maps):
    assert all(np.isfinite(m).all() and m.min() >= 0 for m in maps.values())
    assert sum(maps.values()).max() < 1 + 1e-5


def test_parts_have_plausible_sizes(maps):
    assert (
        8.5 < millilitres(maps, "vitreous_humour") < 20
    )  # two globes of 6 to 8 mL less their walls and lenses
    assert 0.1 < millilitres(maps, "eye_lens") < 1.0
    assert 400 < millilitres(maps, "cortical_bone") + millilitres(maps, "trabecular_bone") < 1000
    assert 4 < millilitres(maps, "tooth") < 30
    assert 30 < millilitres(maps, "air") < 220
    assert 2800 < sum(float(m.sum()) for m in maps.values()) * 27e-3 - millilitres(maps, "air") < 6500


def test_eyes_lie_in_front_of_the_brain_and_apart(maps):
    x, y, z = (np.asarray(a) for a in GRID.axes())
    eyes = maps["vitreous_humour"]
    right = eyes[x > 0].sum((1, 2)) @ x[x > 0] / eyes[x > 0].sum()
    assert 26 < right < 36  # half the distance between the pupils, 52 to 72 mm
    forward = eyes.sum((0, 2)) @ y / eyes.sum()
    front_of_brain = y[np.flatnonzero(maps["grey_matter"].sum((0, 2)) > 1).max()]
    assert abs(forward - front_of_brain) < 25
    assert eyes.sum((0, 1)) @ z / eyes.sum() < maps["grey_matter"].sum((0, 1)) @ z / maps["grey_matter"].sum()


def test_diploe_lies_between_two_tables(maps):
    """Through the vertex: compact, spongy, compact."""
    key = jax.random.key(1)
    _, values = head_population.values_of(key, 50.0, "M", None, None, {"skull_thickness": 8.0})
    fine = Grid(GRID.shape, (3.0, 3.0, 1.0), (-94.5, -144.5, 60.0))
    drawn = head_body.render(fine, key, values, head_body.HEAD_CENTRE)
    compact, spongy = (np.asarray(drawn[n])[32, 44] for n in ("cortical_bone", "trabecular_bone"))
    where = np.flatnonzero(compact > 0.4)
    middle = np.flatnonzero(spongy > 0.3)
    assert where.min() < middle.min()
    assert middle.max() < where.max()
    assert (
        6.5 < compact.sum() + np.asarray(drawn["trabecular_bone"] + drawn["red_marrow"])[32, 44].sum() < 10.5
    )


def test_outside_is_air(maps):
    total = sum(maps.values())
    assert total[0, 0].max() == 0
    assert total[-1, -1].max() == 0


def test_same_patient_as_the_brain():
    key = jax.random.key(6)
    assert digital_head.head_parameters(key) == digital_brain.brain_parameters(key)
    offset = np.array(head_body.BRAIN_CENTRE) - np.array(head_body.HEAD_CENTRE)
    record = digital_head.head_parameters(key, head_breadth=1.0, head_height=1.0)
    scale = (record["intracranial_volume"] / head_body.REFERENCE_CAVITY) ** (1 / 3)
    given = {"head_breadth": 1.0, "head_height": 1.0}
    seen_as_brain = Grid(GRID.shape, 3.0, -1.5 * (np.array(GRID.shape) - 1))
    seen_as_head = Grid(GRID.shape, 3.0, seen_as_brain.origin + scale * offset)
    first = digital_brain.brain(seen_as_brain, key, **given)
    second = digital_head.head(seen_as_head, key, **given)
    np.testing.assert_allclose(first.volume("white_matter"), second.volume("white_matter"), rtol=1e-3)
    assert np.mean(np.asarray(first.labels) == np.asarray(second.labels)) > 0.999


def test_thicker_skull_has_more_bone(maps):
    key = jax.random.key(1)
    _, values = head_population.values_of(key, 50.0, "M", None, None, {"skull_thickness": 10.0})
    thick = head_body.render(GRID, key, values, head_body.HEAD_CENTRE)
    assert float(thick["trabecular_bone"].sum()) > 1.2 * maps["trabecular_bone"].sum()


def test_unknown_name_is_refused():
    with pytest.raises(ValueError, match="jaw_size"):
        digital_head.head(GRID, jax.random.key(0), jaw_sise=1.0)
