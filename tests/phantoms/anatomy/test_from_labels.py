"""Label volumes in, a patient out: exact voxels, honest partial volumes, and labels that nobody named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from physim_phantoms import TISSUES, Grid, InputError, anatomy

GRID = Grid((6, 5, 4), (1.0, 2.0, 3.0))
MEANING = {1: "liver", 2: "cortical_bone"}


def labels(dtype: type = np.int16):
    values = np.zeros(GRID.shape, dtype)
    values[:2] = 1
    values[2:5, :3] = 2
    return values


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_every_voxel_is_one_pure_tissue(dtype, array):
    patient = anatomy.from_labels(GRID, array(labels(dtype)), MEANING)
    np.testing.assert_array_equal(patient.fraction("liver"), labels() == 1)
    np.testing.assert_array_equal(patient.fraction("cortical_bone"), labels() == 2)
    np.testing.assert_array_equal(patient.fraction("air"), labels() == 0)
    assert float(patient.volume("liver")) == 2 * 5 * 4 * 6.0
    assert patient.bytes_per_voxel == 1
    named = np.array(patient.names)[np.asarray(patient.labels)]
    assert named[0, 0, 0] == "liver"
    density = np.asarray(patient.map("density"))
    np.testing.assert_allclose(density[2, 0, 0], TISSUES["cortical_bone"].density, rtol=1e-6)


def test_zero_may_be_named_and_labels_may_share_a_tissue():
    patient = anatomy.from_labels(GRID, labels(), {0: "water", 1: "bile", 2: "bile", 300: "spleen"})
    assert patient.names == ("water", "bile", "spleen")
    np.testing.assert_array_equal(patient.fraction("bile"), labels() > 0)
    other = anatomy.from_labels(GRID, labels(), MEANING, background="adipose")
    np.testing.assert_array_equal(other.fraction("adipose"), labels() == 0)


def test_labels_beyond_the_type_of_the_array_match_nothing():
    patient = anatomy.from_labels(
        GRID, labels(np.uint8), {1: "liver", 2: "spleen", 258: "kidney", -1: "bile"}
    )
    assert float(patient.volume("kidney")) == float(patient.volume("bile")) == 0.0
    assert float(patient.volume("spleen")) == 3 * 3 * 4 * 6.0


def test_masks_and_tissue_objects():
    patient = anatomy.from_labels(GRID, labels() == 1, {1: TISSUES["liver"]})
    assert float(patient.volume("liver")) == 2 * 5 * 4 * 6.0


def test_inside_jit():
    volume = jax.jit(lambda v: anatomy.from_labels(GRID, v, MEANING).volume("liver"))
    assert float(volume(labels())) == 2 * 5 * 4 * 6.0


def test_smoothed_edge_is_the_error_function():
    grid = Grid((40, 3, 3), (0.5, 1.0, 1.0))
    halves = np.zeros(grid.shape, np.uint8)
    halves[20:] = 1
    patient = anatomy.from_labels(grid, halves, {1: "liver"}, smoothing=2.0)
    x = np.arange(40) * 0.5 - 19.5 * 0.5
    np.testing.assert_allclose(patient.fraction("liver")[:, 1, 1], ndtr(x / 2.0), atol=3e-3)
    np.testing.assert_allclose(patient.fraction("liver") + patient.fraction("air"), 1.0, atol=1e-6)


def test_smoothing_keeps_volume_and_never_leaves_a_gap():
    rng = np.random.default_rng(0)
    grid = Grid((24, 24, 24), 1.0)
    blocks = np.kron(rng.integers(0, 5, (6, 6, 6)), np.ones((4, 4, 4))).astype(np.uint8)
    meaning = {1: "liver", 2: "spleen", 3: "kidney", 4: "bile"}
    exact = anatomy.from_labels(grid, blocks, meaning)
    soft = anatomy.from_labels(grid, blocks, meaning, smoothing=0.7, components=5)
    total = sum(np.asarray(soft.fraction(name)) for name in soft.names)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    for name in exact.names:
        assert float(soft.volume(name)) == pytest.approx(float(exact.volume(name)), rel=0.03)
    fewer = anatomy.from_labels(grid, blocks, meaning, smoothing=0.7, components=2)
    assert fewer.ids.shape[0] == 2
    np.testing.assert_allclose(sum(np.asarray(fewer.fraction(name)) for name in fewer.names), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"labels": np.where(labels() == 2, 7, labels())},
            r"lacks label 7 \(36 voxels\); it has 0, 1, 2.*7: 'soft_tissue'",
        ),
        ({"labels": np.arange(120).reshape(GRID.shape)}, "and 111 more"),
        ({"labels": labels(np.float32) / 4}, "0.25; they must be whole numbers"),
        ({"labels": labels(np.float32) * np.nan}, "NaN"),
        ({"labels": labels()[:4]}, r"\(4, 5, 4\)"),
        ({"labels": labels(np.int64) * 2**33}, "2.14748e"),
        ({"tissues": {}}, "no label was given"),
        ({"tissues": {1: "lever", 2: "bile"}}, "liver"),
        ({"tissues": {True: "liver"}}, "True is not a whole number"),
        ({"smoothing": -1.0}, "smoothing is -1"),
        ({"smoothing": 1.0, "components": 0}, "components is 0"),
    ],
)
def test_what_is_refused(change, words):
    arguments = {"grid": GRID, "labels": labels(), "tissues": MEANING} | change
    with pytest.raises(InputError, match=words):
        anatomy.from_labels(**arguments)


def test_two_tissues_of_one_name_are_refused():
    import equinox as eqx

    altered = eqx.tree_at(lambda t: t.density, TISSUES["liver"], 1.2)
    with pytest.raises(InputError, match="two different tissues are called 'liver'"):
        anatomy.from_labels(GRID, labels(), {1: "liver", 2: altered})
