"""Grids: world and index, rotations, affines, resampling, and what is refused."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim_phantoms import Grid, InputError
from tests.helper import unchecked


def rotation(axis, angle):
    """Rodrigues' formula."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def make(*arguments):
    """What the constructor says past the suite's own checks of types, as a user meets it."""
    unchecked(Grid.__init__)(SimpleNamespace(), *arguments)


OBLIQUE = Grid((4, 5, 6), (1.0, 2.0, 3.0), (10.0, -20.0, 30.0), rotation((1, 2, 3), 0.7))
shapes = st.tuples(*[st.integers(1, 9)] * 3)
spacings = st.tuples(*[st.floats(0.1, 5.0)] * 3)
points = st.tuples(*[st.floats(-100.0, 100.0)] * 3)


def test_a_grid_is_centred_on_the_world_unless_told():
    grid = Grid((4, 5, 6), (1.0, 2.0, 3.0))
    np.testing.assert_allclose(grid.origin, [-1.5, -4.0, -7.5])
    np.testing.assert_allclose(grid.centre, 0, atol=1e-12)
    np.testing.assert_allclose(np.asarray(grid.centres()).mean(axis=(0, 1, 2)), 0, atol=1e-5)
    rotated = Grid((4, 5, 6), (1.0, 2.0, 3.0), direction=rotation((1, 2, 3), 0.7))
    np.testing.assert_allclose(rotated.centre, 0, atol=1e-12)


def test_sizes():
    assert OBLIQUE.size == 120
    np.testing.assert_array_equal(OBLIQUE.extent, [4, 10, 18])
    assert OBLIQUE.voxel_volume == 6.0
    assert Grid((2, 2, 2), 0.5).voxel_volume == 0.125


def test_the_affine_says_the_same_as_index_to_world():
    index = np.array([1.0, 2.5, -3.0])
    np.testing.assert_allclose(OBLIQUE.index_to_world(index), (OBLIQUE.affine @ [*index, 1])[:3])
    np.testing.assert_allclose(OBLIQUE.index_to_world(np.zeros(3)), OBLIQUE.origin)
    step = OBLIQUE.index_to_world(np.array([0, 1, 0])) - OBLIQUE.index_to_world(np.zeros(3))
    np.testing.assert_allclose(step, 2.0 * OBLIQUE.direction[:, 1])


def test_axes_and_centres_agree():
    grid = Grid((2, 3, 4), (1.0, 2.0, 3.0), (5.0, 6.0, 7.0))
    expected = np.stack(np.meshgrid(*grid.axes(), indexing="ij"), axis=-1)
    np.testing.assert_allclose(grid.centres(), expected, rtol=1e-6)


def test_axes_of_a_rotated_grid_are_refused():
    with pytest.raises(InputError, match=r"use centres\(\)"):
        OBLIQUE.axes()


@settings(max_examples=50, deadline=None)
@given(shapes, spacings, points, points, st.floats(-3.0, 3.0), points)
def test_world_and_index_are_inverse(shape, spacing, origin, axis, angle, point):
    turned = rotation(axis, angle) if np.linalg.norm(axis) > 1 else np.eye(3)
    grid = Grid(shape, spacing, origin, turned)
    back = grid.world_to_index(grid.index_to_world(np.array(point)))
    np.testing.assert_allclose(back, point, atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(shapes, spacings, points, points, st.floats(-3.0, 3.0))
def test_an_affine_and_back(shape, spacing, origin, axis, angle):
    turned = rotation(axis, angle) if np.linalg.norm(axis) > 1 else np.diag([-1.0, -1.0, 1.0])
    grid = Grid(shape, spacing, origin, turned)
    again = Grid.from_affine(shape, grid.affine)
    assert again.shape == grid.shape
    for name in ("spacing", "origin", "direction"):
        np.testing.assert_allclose(getattr(again, name), getattr(grid, name), atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(shapes, spacings, spacings)
def test_resampling_covers_the_same_box_about_the_same_centre(shape, spacing, new):
    turned = rotation((3, 1, 2), 0.4)
    grid = Grid(shape, spacing, (1.0, 2.0, 3.0), turned)
    other = grid.resampled(new)
    np.testing.assert_allclose(other.centre, grid.centre, atol=1e-9)
    np.testing.assert_array_equal(other.direction, grid.direction)
    assert np.all(other.extent >= grid.extent * (1 - 1e-9) - 1e-5 * np.array(new))
    assert np.all(other.extent < grid.extent + np.array(new))


def test_resampling_to_the_same_spacing_changes_nothing():
    again = OBLIQUE.resampled((1.0, 2.0, 3.0))
    assert again.shape == OBLIQUE.shape
    np.testing.assert_allclose(again.origin, OBLIQUE.origin)


def test_geometry_is_traced_and_differentiable(x64):
    def corner(spacing, origin):
        grid = Grid((4, 5, 6), spacing, origin)
        return jnp.sum(grid.index_to_world(jnp.array([1.0, 2.0, 3.0])) * jnp.array([1.0, 10.0, 100.0]))

    slopes = jax.jit(jax.grad(corner, argnums=(0, 1)))(jnp.ones(3), jnp.zeros(3))
    np.testing.assert_allclose(slopes[0], [1.0, 20.0, 300.0])
    np.testing.assert_allclose(slopes[1], [1.0, 10.0, 100.0])


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [(lambda s: s, 8.0), (lambda s: (s, 1.0, s), 4.0), (lambda s: jnp.stack([s, s, s]), 8.0)],
)
def test_any_form_of_traced_spacing(spacing, expected):
    assert jax.jit(lambda s: Grid((4, 5, 6), spacing(s)).voxel_volume)(2.0) == expected


def test_a_grid_is_an_argument_of_jit():
    volume = jax.jit(lambda grid: jnp.prod(grid.extent) + grid.voxel_volume + jnp.sum(grid.centre))(OBLIQUE)
    assert volume == pytest.approx(720 + 6 + OBLIQUE.centre.sum(), rel=1e-6)


@pytest.mark.parametrize(
    "shape", [(), (4, 5), (4, 5, 0), (4, 5, -6), (4, 5, 6.5), (4, 5, np.nan), (4, 5, np.inf), 4, None, "abc"]
)
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(InputError, match="three whole numbers of at least 1"):
        make(shape)


@pytest.mark.parametrize(
    "spacing", [0.0, -1.0, np.nan, np.inf, (1.0, 1.0), (1.0, 1.0, -1.0), (1.0, 1.0, np.nan), "1 mm", None]
)
def test_spacings_that_are_none_are_refused(spacing):
    with pytest.raises(InputError, match=r"spacing is .* above 0"):
        make((4, 5, 6), spacing)


@pytest.mark.parametrize("origin", [(0.0, 0.0), (0.0, 0.0, np.nan), 0.0, "centre"])
def test_origins_that_are_none_are_refused(origin):
    with pytest.raises(InputError, match=r"origin is .* three finite numbers in mm"):
        make((4, 5, 6), 1.0, origin)


@pytest.mark.parametrize(
    "direction",
    [
        np.eye(2),
        2 * np.eye(3),
        [[1, 0.2, 0], [0, 1, 0], [0, 0, 1]],
        np.full((3, 3), np.nan),
        np.zeros((3, 3)),
        "RAS",
    ],
)
def test_directions_that_are_no_rotation_are_refused(direction):
    with pytest.raises(InputError, match="orthonormal columns"):
        make((4, 5, 6), 1.0, None, direction)


@pytest.mark.parametrize(
    ("affine", "message"),
    [
        (np.eye(3), "finite 4x4"),
        (np.full((4, 4), np.nan), "finite 4x4"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "zero column"),
        (np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "no shear"),
    ],
)
def test_affines_that_are_no_grid_are_refused(affine, message):
    with pytest.raises(InputError, match=message):
        Grid.from_affine((4, 5, 6), affine)
