"""Resampling and warping between grids, also rotated ones."""

import jax.numpy as jnp
import numpy as np
import pytest

from physim import core
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradient, assert_order


def affine_field(grid: Grid) -> np.ndarray:
    """1 + 0.02 x - 0.03 y + 0.05 z at the voxel centres."""
    return 1 + np.asarray(grid.centres(), np.float64) @ np.array([0.02, -0.03, 0.05])


def turned(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    "target",
    [
        Grid((6, 7, 5), 1.0),
        Grid((9, 9, 9), 0.5),
        Grid((3, 3, 2), (2.0, 3.0, 2.5)),
        Grid((5, 5, 5), 1.0, direction=turned(0.4)),
    ],
    ids=["same", "finer", "coarser", "rotated"],
)
@pytest.mark.usefixtures("x64")
def test_affine_fields_survive_resampling(target):
    source = Grid((20, 22, 24), (1.0, 0.9, 0.8))
    out = core.resample(jnp.asarray(affine_field(source)), source, target)
    np.testing.assert_allclose(out, affine_field(target), rtol=1e-12)


def test_coarse_voxels_are_means():
    source, target = Grid((8, 8, 8), 1.0), Grid((4, 4, 4), 2.0)
    volume = np.random.default_rng(0).uniform(size=source.shape).astype(np.float32)
    expected = volume.reshape(4, 2, 4, 2, 4, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(core.resample(jnp.asarray(volume), source, target), expected, atol=1e-6)


def test_outside_is_zero():
    source, target = Grid((4, 4, 4), 1.0), Grid((4, 4, 4), 1.0, origin=(50.0, 0.0, 0.0))
    assert not np.any(core.resample(jnp.ones(source.shape), source, target))


@pytest.mark.usefixtures("x64")
def test_a_shift_is_a_shift():
    grid = Grid((12, 12, 12), (1.0, 2.0, 0.5), direction=turned(0.3))
    volume = jnp.asarray(affine_field(grid))
    step = np.array([0.4, -0.6, 0.3])
    moved = core.warp(volume, grid, jnp.broadcast_to(jnp.asarray(step), (*grid.shape, 3)))
    inner = (slice(2, -2),) * 3
    expected = np.asarray(volume) + step @ np.array([0.02, -0.03, 0.05])
    np.testing.assert_allclose(np.asarray(moved)[inner], expected[inner], rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_order_two_on_a_smooth_field():
    def error(n: int) -> float:
        grid = Grid((n, n, n), 8.0 / n)
        points = np.asarray(grid.centres())
        smooth = lambda p: np.exp(-np.sum(p**2, axis=-1) / 8)
        displacement = 0.5 * np.sin(points / 2)
        moved = core.warp(jnp.asarray(smooth(points)), grid, jnp.asarray(displacement))
        inner = (slice(n // 6, -(n // 6)),) * 3
        return float(np.sqrt(np.mean((np.asarray(moved) - smooth(points + displacement))[inner] ** 2)))

    assert_order(error, [24, 48, 96], 2.0)


@pytest.mark.usefixtures("x64")
def test_derivative_in_the_displacement():
    grid = Grid((5, 6, 7), (1.0, 2.0, 0.5))
    rng = np.random.default_rng(1)
    volume = jnp.asarray(rng.standard_normal(grid.shape))
    displacement = jnp.asarray(rng.uniform(0.1, 0.2, (*grid.shape, 3)))
    assert_gradient(lambda d: jnp.sum(core.warp(volume, grid, d) ** 2), displacement)


def test_wrong_shapes_are_refused():
    from tests.helper import unchecked

    grid = Grid((3, 3, 3), 1.0)
    with pytest.raises(InputError, match="must have shape"):
        unchecked(core.resample)(jnp.ones((3, 3, 4)), grid, grid)
    with pytest.raises(InputError, match="displacement has shape"):
        unchecked(core.warp)(jnp.ones((3, 3, 3)), grid, jnp.ones((3, 3, 3)))
