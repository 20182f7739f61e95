"""Probability maps in, a patient out; and the head grown round a brain, against the volumes of spherical shells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim_phantoms import TISSUES, Grid, InputError, anatomy
from tests.helper import assert_gradient

GRID = Grid((4, 5, 3), 2.0)
HALF = np.full(GRID.shape, 0.5, np.float32)


def test_fractions_come_back_and_the_rest_is_background():
    grey = np.random.default_rng(0).uniform(0, 0.4, GRID.shape).astype(np.float32)
    patient = anatomy.from_probability_maps(
        GRID, {"grey_matter": grey, "white_matter": HALF}, background="csf"
    )
    np.testing.assert_allclose(patient.fraction("grey_matter"), grey, atol=1e-6)
    np.testing.assert_allclose(patient.fraction("csf"), 0.5 - grey, atol=1e-6)
    assert float(patient.volume("white_matter")) == pytest.approx(0.5 * GRID.size * 8, rel=1e-6)


def test_numpy_jax_bytes_and_double(x64):
    numpy = anatomy.from_probability_maps(GRID, {"liver": HALF})
    by_jax = anatomy.from_probability_maps(GRID, {"liver": jnp.asarray(HALF)})
    np.testing.assert_array_equal(numpy.fractions, by_jax.fractions)
    assert numpy.fractions.dtype == jnp.float32
    double = anatomy.from_probability_maps(GRID, {"liver": HALF.astype(np.float64)})
    assert double.fractions.dtype == jnp.float64
    mask = anatomy.from_probability_maps(GRID, {"liver": np.ones(GRID.shape, np.uint8)})
    assert float(mask.volume("liver")) == GRID.size * 8


def test_the_gradient_is_the_difference_of_the_tissues(x64):
    def total(grey):
        maps = {"grey_matter": grey, "white_matter": jnp.full(GRID.shape, 0.3)}
        return jnp.sum(anatomy.from_probability_maps(GRID, maps, background="csf").map("proton_density"))

    at = jnp.asarray(np.random.default_rng(1).uniform(0.1, 0.2, GRID.shape))
    assert_gradient(total, at)
    expected = TISSUES["grey_matter"].value("proton_density") - TISSUES["csf"].value("proton_density")
    np.testing.assert_allclose(jax.jit(jax.grad(total))(at), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        ({}, "no fraction map"),
        ({"grey_mater": HALF}, "grey_matter"),
        ({"grey_matter": HALF[:2]}, r"\(2, 5, 3\).*\(4, 5, 3\)"),
        ({"grey_matter": HALF * np.nan}, "60 NaN or infinite"),
        ({"grey_matter": -HALF}, "-0.5"),
        ({"grey_matter": np.full(GRID.shape, 255, np.uint8)}, "reaches 255.*map / 255"),
        ({"grey_matter": HALF * 180}, "reaches 90.*map / 100"),
    ],
)
def test_what_is_refused(maps, words):
    with pytest.raises(InputError, match=words) as caught:
        anatomy.from_probability_maps(GRID, maps)
    assert "\n" not in str(caught.value)


def test_a_sum_above_one_is_refused_with_its_place():
    more = HALF.copy()
    more[1, 2, 0] = 0.7
    with pytest.raises(InputError, match=r"sum to 1\.2 at voxel \(1, 2, 0\) and above 1 in 1 voxels"):
        anatomy.from_probability_maps(GRID, {"grey_matter": HALF, "white_matter": more})


def test_public_names_resolve():
    functions = ("from_ct", "from_labels", "from_probability_maps", "embed_in_head")
    assert set(functions) <= set(dir(anatomy))
    assert all(callable(getattr(anatomy, name)) for name in functions)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = anatomy.nothing_like_it


# A ball of 36 mm stands for the brain; the shells round a ball are known.
HEAD = Grid((58, 58, 58), 2.0, origin=(-57.0, -57.0, -57.0))
RADIUS = 36.0


def ball(grid=HEAD, radius=RADIUS):
    distance = np.linalg.norm(np.asarray(grid.centres()), axis=-1) - radius
    return np.clip(0.5 - distance / grid.spacing[0], 0, 1).astype(np.float32)


def shell(inner, outer):
    return 4 / 3 * np.pi * (outer**3 - inner**3)


def test_volumes_of_the_shells():
    head = anatomy.embed_in_head({"white_matter": ball()}, HEAD, csf=2.0, skull=7.0, scalp=6.0)
    volume = {name: float(jnp.sum(values)) * 8.0 for name, values in head.items()}
    assert volume["white_matter"] == pytest.approx(shell(0, 36), rel=0.002)
    assert volume["white_matter"] + volume["csf"] == pytest.approx(shell(0, 38), rel=0.02)
    bone = volume["cortical_bone"] + volume["trabecular_bone"]
    assert bone == pytest.approx(shell(38, 45), rel=0.03)
    assert volume["trabecular_bone"] == pytest.approx(shell(40.1, 42.9), rel=0.03)
    total = np.sum([np.asarray(values, np.float64) for values in head.values()], axis=0)
    assert total.min() >= 0
    assert total.max() <= 1 + 1e-6
    assert all(float(jnp.min(values)) >= 0 for values in head.values())


def test_thicknesses_along_the_vertex():
    head = anatomy.embed_in_head({"white_matter": ball()}, HEAD, csf=3.0, skull=6.0, scalp=5.0)
    above = {
        name: 2.0 * float(np.asarray(v)[28:30, 28:30, 29:].mean((0, 1)).sum()) for name, v in head.items()
    }
    assert above["cortical_bone"] + above["trabecular_bone"] == pytest.approx(6.0, abs=0.1)
    assert above["adipose"] + above["skin"] + above["muscle"] == pytest.approx(5.0, abs=0.6)
    assert above["skin"] == pytest.approx(1.5, abs=0.15)


def test_the_skull_is_closed_and_the_face_hangs_below():
    from scipy import ndimage

    head = {name: np.asarray(v) for name, v in anatomy.embed_in_head({"white_matter": ball()}, HEAD).items()}
    bone = head["cortical_bone"] + head["trabecular_bone"] > 0.5
    parts = np.zeros(bone.shape, np.int32)
    count = ndimage.label(~bone, output=parts)
    assert count == 2, "what is not bone is the inside and the outside, and nothing joins them"
    inside = parts == parts[29, 29, 29]
    assert inside[head["white_matter"] > 0.5].all()
    assert not inside[head["skin"] > 0.5].any()
    soft = head["muscle"] + head["adipose"] + head["skin"]
    assert soft[29, 29, 0] == pytest.approx(1.0), "the neck runs out of the grid below"
    assert soft[29, 29, -1] == 0, "there is air above"


def test_fissures_fill_with_fluid_and_fluid_in_the_maps_is_not_brain():
    brain = ball()
    brain[28:30, :, 30:] = 0.0  # a fissure of 4 mm
    head = anatomy.embed_in_head({"grey_matter": brain, "csf": 1 - brain}, HEAD)
    assert float(head["csf"][28, 29, 38]) == pytest.approx(1.0, abs=1e-6)
    assert float(head["cortical_bone"][28, 29, 43]) < 0.05, "the inner table bridges the fissure"
    assert float(head["csf"][0, 0, 0]) == 0
    patient = anatomy.from_probability_maps(HEAD, head, components=4)
    assert float(patient.volume("grey_matter")) == pytest.approx(float(brain.sum()) * 8, rel=0.005)


def test_thickness_can_be_differentiated():
    maps = {"white_matter": ball()}

    def bone(skull):
        head = anatomy.embed_in_head(maps, HEAD, csf=2.0, skull=skull)
        return jnp.sum(head["cortical_bone"] + head["trabecular_bone"]) * 8.0

    slope = float(jax.grad(bone)(6.3))
    assert slope == pytest.approx(4 * np.pi * (RADIUS + 8.3) ** 2, rel=0.04), "the area of the outer table"


def test_precision_follows_the_maps(x64):
    single = anatomy.embed_in_head({"white_matter": ball()}, HEAD)
    double = anatomy.embed_in_head({"white_matter": ball().astype(np.float64)}, HEAD)
    assert {v.dtype for v in single.values()} == {jnp.float32.dtype}
    assert {v.dtype for v in double.values()} == {jnp.float64.dtype}
    for name, values in double.items():
        np.testing.assert_allclose(single[name], values, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {"maps": {"white_matter": m * 0.4}}, "no voxel is more than half brain"),
        (lambda m: {"maps": {"csf": m}}, "no voxel is more than half brain"),
        (lambda m: {"maps": {"white_matter": m[1:]}}, "shape"),
        (
            lambda m: {"maps": {"white_matter": np.roll(m, 15, axis=0)}},
            "touches the edge of the grid along axis 0",
        ),
        (lambda m: {"skull": -1.0}, "skull thickness is -1"),
        (lambda m: {"grid": Grid(HEAD.shape, 2.0, direction=np.diag([1.0, -1.0, -1.0]))}, "must point up"),
        (lambda m: {"maps": {"white_matter": m * np.nan}}, "NaN"),
    ],
)
def test_heads_that_cannot_be(change, words):
    arguments = {"maps": {"white_matter": ball()}, "grid": HEAD} | change(ball())
    with pytest.raises(InputError, match=words):
        anatomy.embed_in_head(**arguments)


def test_maps_under_a_transformation_are_refused():
    with pytest.raises(InputError, match="outside jit"):
        jax.jit(lambda m: anatomy.embed_in_head({"white_matter": m}, HEAD))(ball())
