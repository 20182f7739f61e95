"""Trilinear sampling: against SciPy, its transpose, its derivatives, and the kernel against its reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

import physim_kernels
from physim import core
from physim_phantoms import InputError
from tests.helper import assert_adjoint, assert_gradient, assert_gradients, assert_same, unchecked

SHAPE = (9, 11, 13)


def case(seed: int, count: int = 500, dtype=np.float64, shape=SHAPE, margin: float = 2.0):
    """A random volume, points that also lie outside it, and values at them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-margin, np.array(shape) - 1 + margin, (count, 3)).astype(dtype)
    points[:7] = np.round(points[:7])  # exactly on voxels
    return (
        jnp.asarray(rng.standard_normal(shape), dtype),
        jnp.asarray(points),
        jnp.asarray(rng.standard_normal(count), dtype),
    )


@pytest.mark.usefixtures("x64")
def test_equals_scipy():
    volume, points, _ = case(0)
    expected = map_coordinates(
        np.asarray(volume), np.asarray(points).T, order=1, mode="grid-constant", cval=0.0
    )
    np.testing.assert_allclose(core.sample(volume, points), expected, atol=1e-13)


@pytest.mark.usefixtures("x64")
def test_a_trilinear_function_is_reproduced():
    x, y, z = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    volume = jnp.asarray((1 + 2.0 * x) * (3 - y) * (0.5 + z))
    points = np.random.default_rng(1).uniform(0, np.array(SHAPE) - 1, (200, 3))
    expected = (1 + 2 * points[:, 0]) * (3 - points[:, 1]) * (0.5 + points[:, 2])
    np.testing.assert_allclose(core.sample(volume, jnp.asarray(points)), expected, rtol=1e-12)


@pytest.mark.parametrize("kernels", [True, False], ids=["kernel", "reference"])
@pytest.mark.usefixtures("x64")
def test_transpose_float64(kernels):
    volume, points, values = case(2)
    context = jax.enable_x64(True) if kernels else physim_kernels.disabled()
    with context:
        assert_adjoint(
            jax.jit(lambda v: core.sample(v, points)),
            jax.jit(lambda y: core.sample_transpose(y, points, SHAPE)),
            volume, values, 1e-13,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_transpose_float32(seed):
    volume, points, values = case(seed, 4000, np.float32)
    assert_adjoint(
        lambda v: core.sample(v, points),
        lambda y: core.sample_transpose(y, points, SHAPE),
        volume,
        values,
        1e-6,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernel_equals_reference(dtype, x64):
    volume, points, values = case(3, 3000, dtype)
    tolerance = 2e-6 if dtype == np.float32 else 1e-14
    fast = core.sample(volume, points), core.sample_transpose(values, points, SHAPE)
    with physim_kernels.disabled():
        slow = (
            jax.jit(lambda v, p: 1 * core.sample(v, p))(volume, points),
            jax.jit(lambda y, p: 1 * core.sample_transpose(y, p, SHAPE))(values, points),
        )
    for a, b in zip(fast, slow, strict=True):
        assert_same(a, b, tolerance)


@pytest.mark.usefixtures("x64")
def test_derivatives_in_volume_and_points():
    volume, points, values = case(4, 60, margin=-0.3)
    points = jnp.floor(points) + 0.2 + 0.6 * (points - jnp.floor(points))  # away from the kinks at the voxels
    assert_gradients(
        lambda p: jnp.sum((values + core.sample(p["volume"], p["points"])) ** 2),
        {"volume": volume, "points": points},
        {"volume": 1e-5, "points": 1e-5},
        directions=3,
    )
    assert_gradient(lambda p: jnp.sum(core.sample_transpose(values, p, SHAPE) ** 2), points)


@pytest.mark.usefixtures("x64")
def test_second_derivatives():
    volume, points, _ = case(5, 30, margin=-0.3)
    points = jnp.floor(points) + 0.25 + 0.5 * (points - jnp.floor(points))
    loss = lambda p: jnp.sum(core.sample(volume, p) ** 2)
    slope = lambda p: jnp.vdot(jax.grad(loss)(p), jnp.cos(jnp.arange(p.size).reshape(p.shape)))
    assert_gradient(slope, points)


def test_linear_transpose_and_vmap(key):
    volume, points, values = case(6, 50, np.float32)
    (back,) = jax.linear_transpose(lambda v: core.sample(v, points), volume)(values)
    np.testing.assert_array_equal(back, core.sample_transpose(values, points, SHAPE))
    many = jax.random.normal(key, (3, *SHAPE))
    batched = jax.vmap(core.sample, (0, None))(many, points)
    np.testing.assert_array_equal(batched, jnp.stack([core.sample(v, points) for v in many]))
    both = jax.vmap(core.sample)(many, jnp.stack([points, points + 1, points * 0.5]))
    assert both.shape == (3, 50)


def test_gradient_program_holds_no_scatter():
    volume, points, _ = case(7, 40, np.float32)
    with physim_kernels.disabled():
        text = jax.jit(jax.grad(lambda v: jnp.sum(core.sample(v, points) ** 2))).lower(volume).as_text()
    assert "scatter" not in text
    assert "gather" in text


@settings(max_examples=25, deadline=None)
@given(
    shape=st.sampled_from([(1, 1, 1), (1, 2, 6), (5, 1, 1), (2, 3, 1), (6, 5, 4)]),  # a compilation for each
    point=st.tuples(*[st.floats(-3, 9, width=32)] * 3),
)
def test_stays_between_the_neighbours_and_zero(shape, point):
    volume = jnp.asarray(np.random.default_rng(sum(shape)).uniform(1, 2, shape), jnp.float32)
    value = float(core.sample(volume, jnp.asarray([point], jnp.float32))[0])
    assert 0 <= value <= float(volume.max()) * (1 + 1e-6)


def test_points_outside_give_zero_and_empty_sets_work():
    volume = jnp.ones((4, 4, 4))
    far = jnp.asarray([[-1.0, 0, 0], [4.0, 0, 0], [1e9, 0, 0], [-1e9, 2, 2]])
    np.testing.assert_array_equal(core.sample(volume, far), 0)
    assert core.sample(volume, jnp.zeros((0, 3))).shape == (0,)


def test_bad_shapes_are_refused():
    with pytest.raises(InputError, match="volume has shape"):
        unchecked(core.sample)(jnp.ones((3, 3)), jnp.ones((1, 3)))
    with pytest.raises(InputError, match="points have shape"):
        unchecked(core.sample)(jnp.ones((3, 3, 3)), jnp.ones((1, 2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scattered", [False, True], ids=["grid", "scattered"])
def test_transpose_of_many_points_close_together_or_scattered(dtype, scattered, x64):
    """Both ways of finding the points of a slab, on more planes than one slab has, against sums by NumPy."""
    shape, rng = (70, 5, 6), np.random.default_rng(11)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    points = (index + rng.uniform(-0.6, 0.6, 3)).astype(dtype)
    points[::97] = np.nan  # belongs nowhere
    points = rng.permutation(points) if scattered else points
    values = rng.standard_normal(len(points)).astype(dtype)
    truth = np.zeros(shape)
    for offset in np.ndindex(2, 2, 2):
        place = np.floor(points) + offset
        inside = np.all((place >= 0) & (place < shape), axis=1)
        weight = np.prod(1 - np.abs(points - place), axis=1) * values
        np.add.at(truth, tuple(place[inside].astype(int).T), weight[inside])
    found = core.sample_transpose(jnp.asarray(values), jnp.asarray(points), shape)
    np.testing.assert_allclose(found, truth, atol=1e-6 if dtype == np.float32 else 1e-14)
