"""Line integrals against closed forms, transposes, derivatives and refusals."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim import ct
from physim_phantoms import Grid
from tests.helper import assert_adjoint, assert_gradient, assert_order, nrmse

CENTRE, WIDTH = np.array([9.0, -5.0, 1.0]), 12.0


def gaussian(grid):
    """exp(−r² / 2σ²) on the voxel centres."""
    squared = np.sum((np.asarray(grid.centres(), np.float64) - CENTRE) ** 2, axis=-1)
    return np.exp(-squared / (2 * WIDTH**2))


def gaussian_integrals(geometry):
    """Its line integrals: √(2π) σ exp(−distance² / 2σ²)."""
    angles, rows, columns = (
        np.asarray(geometry.angles),
        np.asarray(geometry.rows),
        np.asarray(geometry.columns),
    )
    across = columns - (CENTRE[0] * np.cos(angles) + CENTRE[1] * np.sin(angles))[:, None]
    squared = across[:, None, :] ** 2 + (rows - CENTRE[2])[None, :, None] ** 2
    return np.sqrt(2 * np.pi) * WIDTH * np.exp(-squared / (2 * WIDTH**2))


def error(n):
    grid = Grid((n, n, n // 8), (128 / n, 120 / n, 128 / n))
    geometry = ct.parallel_beam(
        23, (n // 8 - 2, n), (128 / n, 120 / n), start=0.1, arc=2 * np.pi, offset=(40 / n, -2.0)
    )
    return nrmse(ct.project(gaussian(grid).astype(np.float32), grid, geometry), gaussian_integrals(geometry))


def test_gaussian_line_integrals_converge_with_order_two():
    assert_order(error, (32, 64, 128), 2.0)
    assert error(128) < 1e-3


def test_a_point_lands_where_the_convention_says():
    grid = Grid((9, 9, 3), 2.0, origin=(-6.0, -8.0, 10.0))
    volume = np.zeros(grid.shape, np.float32)
    volume[7, 2, 2] = 1.0  # at (8, -4, 14) mm
    geometry = ct.parallel_beam(2, (5, 15), (1.0, 2.0), centre=(0.0, 0.0, 12.0))
    sino = np.asarray(ct.project(volume, grid, geometry))
    # θ = 0 sees x = 8 mm, four columns from the middle; θ = 90° sees y = −4 mm; z = 14 is two rows above 12.
    assert np.unravel_index(sino[0].argmax(), sino[0].shape) == (4, 7 + 4)
    assert np.unravel_index(sino[1].argmax(), sino[1].shape) == (4, 7 - 2)
    np.testing.assert_allclose(
        sino[:, 4, :].max(axis=1), 2.0, rtol=1e-6
    )  # one voxel crossed along its edge: 2 mm


@settings(max_examples=15, deadline=None)
@given(
    angle=st.floats(-10, 10),
    turn=st.floats(-3, 3),
    offset=st.floats(-3, 3),
    shift=st.tuples(*[st.floats(-5, 5)] * 3),
)
def test_transpose_is_exact_for_any_geometry(angle, turn, offset, shift):
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
        grid = Grid((8, 6, 4), (1.0, 1.4, 2.0), shift, rotation)
        geometry = ct.parallel_beam(3, (5, 11), (1.7, 1.1), start=angle, offset=(0.2, offset))
        x, y = rng.standard_normal(grid.shape), rng.standard_normal(geometry.sinogram_shape)
        assert_adjoint(
            lambda v: ct.project(v, grid, geometry), lambda v: ct.backproject(v, grid, geometry), x, y, 1e-13
        )


def test_transpose_in_single_precision_and_by_linear_transpose():
    grid, geometry = Grid((40, 50, 6), 1.5), ct.parallel_beam(30, (6, 70), (1.5, 1.2))
    rng = np.random.default_rng(4)
    x = jnp.asarray(rng.standard_normal(grid.shape), jnp.float32)
    y = jnp.asarray(rng.standard_normal(geometry.sinogram_shape), jnp.float32)
    forward = lambda v: ct.project(v, grid, geometry)
    assert_adjoint(forward, lambda v: ct.backproject(v, grid, geometry), x, y, 1e-6)
    (turned,) = jax.linear_transpose(forward, x)(y)
    assert nrmse(turned, ct.backproject(y, grid, geometry)) < 1e-6


def test_jit_and_vmap_change_nothing():
    grid, geometry = Grid((16, 12, 3), 2.0), ct.parallel_beam(9, (3, 15), (2.0, 2.0))
    volumes = jnp.asarray(np.random.default_rng(5).standard_normal((2, *grid.shape)), jnp.float32)
    one = lambda v: ct.project(v, grid, geometry)
    stacked = jnp.stack([one(v) for v in volumes])
    np.testing.assert_allclose(jax.vmap(one)(volumes), stacked, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(one))(volumes), stacked, atol=1e-5)


def test_a_new_angle_or_pixel_size_does_not_recompile():
    grid = Grid((16, 12, 3), 2.0)
    count = 0

    @jax.jit
    def run(volume, geometry):
        nonlocal count
        count += 1
        return ct.project(volume, grid, geometry)

    volume = jnp.ones(grid.shape, jnp.float32)
    for start, pixel in ((0.0, 2.0), (0.3, 1.5), (0.7, 1.1)):
        run(volume, ct.parallel_beam(9, (3, 15), (2.0, pixel), start=start))
    assert count == 1


def smooth_loss(geometry_of):
    """Scalar of the sinogram of a smooth volume, of whatever the geometry is made of."""
    grid = Grid((24, 22, 4), 4.0)
    volume = jnp.asarray(gaussian(grid))
    weights = jnp.asarray(np.random.default_rng(6).uniform(size=(7, 4, 24)))

    @jax.jit
    def loss(number):
        return jnp.sum(weights * ct.project(volume, grid, geometry_of(number)) ** 2)

    return loss


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "geometry_of",
    [
        lambda a: replace(
            ct.parallel_beam(7, (4, 24), (4.1, 3.7), offset=(0.3, 0.2), centre=(1.0, 2.0, 0.0)), angles=a
        ),
        lambda p: ct.parallel_beam(7, (4, 24), p, start=0.2, offset=(0.3, 0.2)),
        lambda o: ct.parallel_beam(7, (4, 24), (4.1, 3.7), start=0.2, offset=o),
        lambda c: ct.parallel_beam(7, (4, 24), (4.1, 3.7), start=0.2, offset=(0.3, 0.2), centre=c),
    ],
    ids=["angles", "pixel_size", "offset", "centre"],
)
def test_geometry_gradient_against_central_differences(geometry_of, request):
    values = {
        "angles": np.linspace(0.13, 3.0, 7),
        "pixel_size": np.array([4.1, 3.7]),
        "offset": np.array([0.3, 0.2]),
        "centre": np.array([1.0, 2.0, 0.1]),
    }
    value = values[request.node.callspec.id]
    assert_gradient(smooth_loss(geometry_of), value, tolerance=1e-6, step=1e-7)


@pytest.mark.usefixtures("x64")
def test_volume_gradient_and_mixed_second_derivative():
    grid = Grid((10, 9, 2), 4.0)
    geometry = ct.parallel_beam(5, (2, 11), (4.0, 3.9), start=0.2)
    assert_gradient(jax.jit(lambda v: jnp.sum(jnp.sin(ct.project(v, grid, geometry)))), gaussian(grid))

    @jax.jit
    def slope(volume):
        turned = lambda s: jnp.sum(
            ct.project(volume, grid, ct.parallel_beam(5, (2, 11), (4.0, 3.9), start=s)) ** 3
        )
        return jax.grad(turned)(0.2)

    assert_gradient(slope, gaussian(grid), tolerance=1e-5)


@pytest.mark.parametrize("planes", [1, 2])
def test_grids_of_one_voxel_work(planes):
    grid = Grid((1, 1, planes), 2.0)
    sino = ct.project(
        np.full(grid.shape, 3.0, np.float32), grid, ct.parallel_beam(1, (planes, 1), (2.0, 2.0))
    )
    np.testing.assert_allclose(sino, np.full((1, planes, 1), 6.0), rtol=1e-6)


def test_bad_input_is_refused():
    grid, geometry = Grid((8, 8, 2), 1.0), ct.parallel_beam(4, (2, 9), (1.0, 1.0))
    volume = np.zeros(grid.shape, np.float32)
    with pytest.raises(ValueError, match="shape"):
        ct.project(volume[1:], grid, geometry)
    bad = volume.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        ct.project(bad, grid, geometry)
    with pytest.raises(ValueError, match="sino has shape"):
        ct.backproject(np.zeros((4, 9, 2), np.float32), grid, geometry)
    tilt = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    with pytest.raises(ValueError, match="tilted"):
        ct.project(volume, Grid(grid.shape, 1.0, direction=tilt), geometry)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (2, 9), (1.0, 1.0)), "n_views is 0"),
        ((4, (2,), (1.0, 1.0)), "rows, columns"),
        ((4, (2, 9), (1.0, -1.0)), "pixel_size"),
        ((4, (2, 9), (1.0, 1.0), np.nan), "arc"),
        ((4, (2, 9), (1.0,)), "2 numbers"),
    ],
)
def test_bad_geometry_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ct.parallel_beam(*arguments)
