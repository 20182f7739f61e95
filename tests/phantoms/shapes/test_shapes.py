"""Sums, the head of Shepp and Logan, rotations, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim_phantoms import Grid, InputError, shapes
from tests.helper import unchecked

from .bodies import BODIES, SOLIDS


def _bodies():
    return [make() for make in BODIES.values()]


def test_a_sum_adds_every_answer(x64):
    first, second, *rest = _bodies()
    total = first + second + shapes.Sum(*rest)
    assert [type(p) for p in total.parts] == [type(b) for b in _bodies()]
    rng = np.random.default_rng(0)
    place, k = rng.uniform(-4, 4, (50, 3)), rng.uniform(-0.3, 0.3, (50, 3))
    grid = Grid((8, 8, 8), 2.0)
    for ask in (
        lambda s: s.density(place),
        lambda s: s.line_integral(place - 20, place + 20),
        lambda s: s.kspace(k),
        lambda s: s.voxelise(grid),
        lambda s: s.volume,
        lambda s: s.integral,
    ):
        np.testing.assert_allclose(
            ask(total), sum(np.asarray(ask(b)) for b in _bodies()), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("name", BODIES)
def test_values_scale_answers(name, x64):
    """Linear in the value: twice the value, twice the answer; also a negative one."""
    body = BODIES[name]()
    minus = type(body)(**{**{f: getattr(body, f) for f in body.__dataclass_fields__}, "value": -3.4})
    k = np.array([0.1, 0.05, -0.02])
    np.testing.assert_allclose(minus.kspace(k), -2 * body.kspace(k), rtol=1e-14)
    np.testing.assert_allclose(minus.integral, -2 * body.integral, rtol=1e-14)
    np.testing.assert_allclose(
        minus.line_integral((-9.0, 0, 0), (9.0, 0, 0)), -2 * body.line_integral((-9.0, 0, 0), (9.0, 0, 0))
    )


def test_the_head_of_shepp_and_logan(x64):
    """Published values: 2 in the skull, 1.02 in the brain, 1.00 in the ventricles, 1.04 in the upper large ellipsoid."""
    head = shapes.shepp_logan_3d(100.0)
    places = np.array(
        [[0, 90, 0], [0, 65, -30], [-22, 0, -25], [22, 0, -25], [0, 40, -25], [0, 99, 0]], float
    )
    np.testing.assert_allclose(head.density(places), [2.0, 1.02, 1.0, 1.0, 1.04, 0.0], atol=1e-14)
    raised = shapes.shepp_logan_3d(100.0, shapes.MODIFIED_CONTRAST)
    np.testing.assert_allclose(raised.density(places), [1.0, 0.2, 0.0, 0.0, 0.4, 0.0], atol=1e-14)
    # The left ventricle leans: its long axis points 108° from x, so its lower end lies further right than its middle.
    along = 38 * np.array([np.cos(np.deg2rad(108)), np.sin(np.deg2rad(108)), 0])
    np.testing.assert_allclose(head.density(np.array([-22, 0, -25]) - along), 1.0, atol=1e-14)
    np.testing.assert_allclose(head.density(np.array([-22, 0, -25]) - along * [-1, 1, 1]), 1.02, atol=1e-14)
    np.testing.assert_allclose(head.integral, head.kspace(np.zeros(3)), rtol=1e-14)


def test_the_head_scales_and_moves(x64):
    small, large = shapes.shepp_logan_3d(50.0), shapes.shepp_logan_3d(100.0, centre=(5.0, 6.0, 7.0))
    np.testing.assert_allclose(large.volume, 8 * small.volume, rtol=1e-12)
    moved = large.line_integral((-195.0, 26, 27), (205.0, 16, 17))
    np.testing.assert_allclose(moved, 2 * small.line_integral((-100.0, 10, 10), (100.0, 5, 5)), rtol=1e-12)
    grid = Grid((12, 12, 12), 10.0)
    voxels = small.voxelise(grid)
    np.testing.assert_allclose(jnp.sum(voxels) * 1000, small.integral, rtol=5e-3)


def test_rotations(x64):
    turn = shapes.rotation_about((0, 0, 2), np.pi / 2)
    np.testing.assert_allclose(turn @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    for axis in ((1, 0, 0), (0, 0, -1), (0.3, -2.0, 0.1)):
        onto = shapes.rotation_onto(axis)
        np.testing.assert_allclose(onto @ [0, 0, 1], np.array(axis) / np.linalg.norm(axis), atol=1e-15)
        np.testing.assert_allclose(onto.T @ onto, np.eye(3), atol=1e-15)
        assert np.linalg.det(onto) > 0
    slope = jax.jacobian(lambda a: shapes.rotation_about((0.0, 0.0, 1.0), a))(0.3)
    np.testing.assert_allclose(
        slope[:2, :2], [[-np.sin(0.3), -np.cos(0.3)], [np.cos(0.3), -np.sin(0.3)]], atol=1e-14
    )


def test_shapes_pass_through_transformations(x64):
    """jit, vmap over parameters, and values made of traced numbers."""
    make = lambda r: shapes.Ellipsoid((r, 0.0, 0.0), (r, 2 * r, 3 * r)).line_integral(
        (-99.0, 0, 0), (99.0, 0, 0)
    )
    np.testing.assert_allclose(jax.jit(jax.vmap(make))(jnp.array([1.0, 2.0])), [2.0, 4.0])
    np.testing.assert_allclose(
        jax.jit(lambda b, k: b.kspace(k))(_bodies()[0], np.zeros(3)), _bodies()[0].integral
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: shapes.Ellipsoid((0, 0, 0), (1, 0, 1)), "semi_axes"),
        (lambda: shapes.Ellipsoid((0, 0, 0), (1, -2, 1)), "above 0"),
        (lambda: shapes.Ellipsoid((0, np.nan, 0), 1.0), "centre has 1 NaN"),
        (lambda: shapes.Ellipsoid((0, 0), 1.0), r"centre has shape \(2,\)"),
        (lambda: shapes.Ellipsoid((0, 0, 0), (1, 1)), r"semi_axes has shape \(2,\)"),
        (lambda: shapes.Ellipsoid((0, 0, 0), 1.0, np.eye(3) * 2), "rotation"),
        (lambda: shapes.Ellipsoid((0, 0, 0), 1.0, np.diag([1.0, 1, -1])), "rotation_about"),
        (lambda: shapes.Ellipsoid((0, 0, 0), 1.0, None, np.inf), "value"),
        (lambda: shapes.Box((0, 0, 0), (1, 1, 0)), "size"),
        (lambda: shapes.Cylinder((0, 0, 0), -1.0, 2.0), "radius"),
        (lambda: shapes.Cylinder((0, 0, 0), 1.0, 0.0), "length"),
        (lambda: shapes.Gaussian((0, 0, 0), (1, 1, np.nan)), "sigma"),
        (lambda: shapes.rotation_about((0, 0, 0), 1.0), "axis"),
        (lambda: shapes.rotation_onto((0, 0, 0)), "axis"),
        (lambda: shapes.shepp_logan_3d(100.0, (1.0, 2.0)), "one per ellipsoid"),
        (lambda: shapes.shepp_logan_3d(-1.0), "half_edge"),
        (lambda: shapes.Sum(), "no shape"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("name", SOLIDS)
def test_refused_questions(name):
    body = BODIES[name]()
    line, kspace, voxelise = (
        unchecked(getattr(type(body), m)) for m in ("line_integral", "kspace", "voxelise")
    )
    with pytest.raises(InputError, match="last axis"):
        line(body, np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(InputError, match="NaN"):
        line(body, np.full(3, np.nan), np.zeros(3))
    with pytest.raises(InputError, match="broadcast"):
        line(body, np.zeros((4, 3)), np.zeros((5, 3)))
    with pytest.raises(InputError, match="last axis"):
        kspace(body, np.zeros(4))
    with pytest.raises(InputError, match="oversampling"):
        voxelise(body, Grid((4, 4, 4)), 0)
