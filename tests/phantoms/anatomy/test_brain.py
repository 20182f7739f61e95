"""The digital brain: published volumes, closed and connected anatomy, ageing, gradients, reproducibility."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from physim_phantoms import Grid
from physim_phantoms.anatomy import brain_deep, digital_brain, head_body, head_population
from physim_phantoms.anatomy.implicit import coverage
from physim_phantoms.anatomy.render import on_grid
from tests.helper import assert_gradient, unchecked

GRID = Grid((72, 84, 76), 2.4)  # one shape for the file: one compilation
BRAIN = ("grey_matter", "white_matter", "deep_grey_matter", "cerebellum", "brainstem")


def maps_of(seed, age, sex, spacing=2.4, **given):
    """Tissue fractions of one patient and the drawn values."""
    key = jax.random.key(seed)
    _, values = head_population.values_of(key, age, sex, None, None, given)
    maps = head_body.render(Grid(GRID.shape, spacing), key, values, head_body.BRAIN_CENTRE)
    return {name: np.asarray(m) for name, m in maps.items()}, {name: float(v) for name, v in values.items()}


def volumes(maps, values, spacing=2.4):
    """Millilitres above the foramen magnum, by group."""
    z = (np.arange(GRID.shape[2]) - (GRID.shape[2] - 1) / 2) * spacing
    above = z > -73.0 * (values["intracranial_volume"] / head_body.REFERENCE_CAVITY) ** (1 / 3)
    ml = {name: float(m[:, :, above].sum()) * spacing**3 / 1e3 for name, m in maps.items()}
    grey = ml["grey_matter"] + ml["deep_grey_matter"] + ml["cerebellum"]
    brain = sum(ml[name] for name in BRAIN)
    return {
        "grey": grey,
        "white": ml["white_matter"],
        "brain": brain,
        "cavity": brain + ml["csf"],
        "csf": ml["csf"],
    }


@pytest.fixture(scope="module")
def middle_aged():
    return maps_of(3, 45.0, "F")


@pytest.mark.parametrize(
    ("seed", "age", "sex"),
    [
        (11, 22.0, "M"),
        (14, 78.0, "F"),
        *(
            pytest.param(*p, marks=pytest.mark.slow)
            for p in ((12, 40.0, "F"), (13, 62.0, "M"), (15, 90.0, "M"))
        ),
    ],
)
def test_volumes_lie_in_published_ranges(seed, age, sex):
    maps, values = maps_of(seed, age, sex)
    ml = volumes(maps, values)
    assert 1150 < ml["cavity"] < 1750
    assert abs(ml["cavity"] / values["intracranial_volume"] - 1) < 0.06
    assert 480 < ml["grey"] < 850
    assert 400 < ml["white"] < 700
    assert 0.68 < ml["brain"] / ml["cavity"] < 0.9  # Courchesne et al., Radiology 216 (2000) 672
    assert 8 < values["ventricle_volume"] < 110


def test_fractions_are_fractions(middle_aged):
    maps, _ = middle_aged
    assert all(np.isfinite(m).all() and m.min() >= 0 for m in maps.values())
    assert sum(maps.values()).max() < 1 + 1e-5


def test_one_brain_in_a_closed_skull(middle_aged):
    maps, _ = middle_aged
    brain = sum(maps[name] for name in BRAIN) > 0.5
    parts, number = ndimage.label(brain)
    sizes = ndimage.sum(brain, parts, range(1, number + 1))
    assert sizes.max() > 0.985 * brain.sum()
    brain = parts == 1 + np.argmax(sizes)  # without the optic nerves in the orbits
    bone = maps["cortical_bone"] + maps["trabecular_bone"] + maps["red_marrow"] > 0.3
    z = (np.arange(GRID.shape[2]) - (GRID.shape[2] - 1) / 2) * 2.4
    # The foramen magnum is open, as in life: the flood is let in everywhere above it.
    passable = ~bone
    passable[:, :, z < -60.0] = False
    flood, _ = ndimage.label(passable)
    outside = flood[0, 0, -1]
    inside = flood[36, 42, 38 + 10]
    assert outside > 0
    assert inside > 0
    assert inside != outside
    assert not np.any(brain[:, :, z > -50.0] & (flood == outside)[:, :, z > -50.0])


def test_a_hole_in_the_skull_would_be_seen(middle_aged):
    maps, _ = middle_aged
    bone = maps["cortical_bone"] + maps["trabecular_bone"] + maps["red_marrow"] > 0.3
    bone[34:38, 40:44, 45:] = False
    flood, _ = ndimage.label(~bone)
    assert flood[0, 0, -1] == flood[36, 42, 48]


def test_cortex_is_a_ribbon(middle_aged):
    """Half the volume of grey matter over its mean distance to its border is the thickness of a sheet."""
    _, values = middle_aged
    fine = Grid((72, 84, 76), 0.8, (-28.4 + 22, -33.2 - 10, -29.6 + 35))
    key = jax.random.key(3)
    _, drawn = head_population.values_of(key, 45.0, "F", None, None, {})
    grey = np.asarray(head_body.render(fine, key, drawn, head_body.BRAIN_CENTRE)["grey_matter"]) > 0.5
    half = ndimage.distance_transform_edt(grey, sampling=0.8)[grey]
    # A ribbon of thickness t has a mean distance t/4; two ribbons that touch in a closed sulcus have t/2.
    assert values["cortical_thickness"] / 4 < half.mean() < values["cortical_thickness"] / 2 + 0.3


def test_ventricles_have_the_volume_asked_for():
    grid = Grid((60, 80, 45), 2.0)

    def volume(wanted):
        values = {"ventricle_volume": wanted}
        scale = head_body.ventricle_scale(values, 0.9)

        def body(p):
            q = tuple(c / 0.9 + o for c, o in zip(p, (0.0, -18.0, -8.0), strict=True))
            cells = [f(q, scale) for f in (brain_deep.lateral_ventricles, brain_deep.midline_ventricles)]
            return {"v": jnp.maximum(*(coverage(d, 2.0 / 0.9) for d in cells))}

        return on_grid(grid, body)["v"].sum() * 8e-3

    measured = jax.jit(jax.vmap(volume))(jnp.array([15.0, 30.0, 60.0]))
    np.testing.assert_allclose(measured, [15.0, 30.0, 60.0], rtol=0.12)


def test_ventricles_grow_and_grey_matter_shrinks_with_age():
    young, young_values = maps_of(5, 25.0, "F")
    old, old_values = maps_of(5, 85.0, "F")
    before, after = volumes(young, young_values), volumes(old, old_values)
    assert old_values["ventricle_volume"] > 1.8 * young_values["ventricle_volume"]
    assert after["grey"] < 0.93 * before["grey"]
    assert after["csf"] > 1.15 * before["csf"]
    assert after["cavity"] == pytest.approx(before["cavity"], rel=0.02)  # the skull does not shrink


def test_volumes_do_not_depend_on_the_grid(middle_aged):
    maps, values = middle_aged
    coarse, _ = maps_of(3, 45.0, "F", spacing=3.2)
    fine_ml, coarse_ml = volumes(maps, values), volumes(coarse, values, 3.2)
    for name in ("brain", "cavity", "grey", "white"):
        assert coarse_ml[name] == pytest.approx(fine_ml[name], rel=0.05)


def test_same_key_same_bits_other_key_other_folds(middle_aged):
    maps, values = middle_aged
    again, _ = maps_of(3, 45.0, "F")
    assert all(np.array_equal(maps[name], again[name]) for name in maps)
    same_measures, _ = maps_of(4, values["age"], "F", **{n: v for n, v in values.items() if n != "age"})
    moved = np.abs(same_measures["grey_matter"] - maps["grey_matter"]).sum() / maps["grey_matter"].sum()
    assert moved > 0.3


def test_record_rebuilds_the_patient():
    key = jax.random.key(8)
    record = digital_brain.brain_parameters(key, age=50.0)
    patient = digital_brain.brain(GRID, key, age=50.0)
    rebuilt = digital_brain.brain(GRID, key, **record)
    assert np.array_equal(patient.ids, rebuilt.ids)
    np.testing.assert_array_equal(patient.fractions, rebuilt.fractions)


def test_one_given_value_leaves_the_other_draws():
    key = jax.random.key(8)
    plain = digital_brain.brain_parameters(key, age=50.0, sex="F")
    other = digital_brain.brain_parameters(key, age=50.0, sex="F", ventricle_volume=33.0)
    assert other.pop("ventricle_volume") == 33.0
    assert all(plain[name] == value for name, value in other.items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"age": 12.0}, "18"),
        ({"sex": "female"}, "must be"),
        ({"ventricel_volume": 20.0}, "ventricle_volume"),
        ({"cortical_thickness": float("nan")}, "cortical_thickness"),
    ],
)
def test_refusals_say_what_to_write(given, message):
    with pytest.raises(ValueError, match=message):
        unchecked(digital_brain.brain_parameters)(jax.random.key(0), **given)


@pytest.mark.slow
def test_gradients_equal_differences(x64):
    """The fluid's volume as a function of age, ventricles, thickness and atrophy; the tenth of a voxel moves no kink."""
    grid, key = Grid((16, 18, 16), 10.0), jax.random.key(2)
    base = jnp.array([50.0, 30.0, 2.6, 0.5])

    def fluid(x):
        given = {"ventricle_volume": x[1], "cortical_thickness": x[2], "atrophy": x[3]}
        _, values = head_population.values_of(key, x[0], "M", None, None, given)
        maps = head_body.render(grid, key, values, head_body.BRAIN_CENTRE)
        return maps["csf"].sum() + 0.5 * maps["grey_matter"].sum()

    assert_gradient(fluid, base, tolerance=1e-4, step=1e-6, directions=2)
    age = jax.grad(lambda a: head_population.values_of(key, a, "M", None, None, {})[1]["ventricle_volume"])(
        50.0
    )
    assert float(age) > 0
