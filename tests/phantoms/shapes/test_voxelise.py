"""Anti-aliased voxels: exact where they can be, second order elsewhere, differentiable, and equal however they are made."""

import itertools

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from physim_phantoms import Grid, shapes
from physim_phantoms.shapes import coverage
from tests.helper import assert_gradient, assert_order, nrmse

from .bodies import BODIES, SOLIDS


def _share_behind_plane(distance, normal, edges):
    """Σ over a cube's corners of ± (distance of the corner)³ / 6 Π widths: inclusion and exclusion, for widths above 0."""
    widths = np.abs(normal @ edges)
    total = 0.0
    for corner in itertools.product((0, 1), repeat=3):
        total += (-1) ** sum(corner) * max(widths.sum() / 2 - distance - np.dot(corner, widths), 0) ** 3
    return total / (6 * np.prod(widths))


def test_a_plane_cuts_a_cell(x64):
    rng = np.random.default_rng(0)
    for _ in range(40):
        normal = rng.standard_normal(3)
        normal /= np.linalg.norm(normal)
        edges = np.diag(rng.uniform(0.5, 2, 3))
        distance = rng.uniform(-1, 1)
        widths = coverage.widths(tuple(jnp.asarray(n) for n in normal), jnp.asarray(edges))
        ours = coverage.plane(jnp.asarray(distance), widths)
        np.testing.assert_allclose(ours, _share_behind_plane(distance, normal, edges), atol=1e-11)


def test_a_plane_along_the_grid(x64):
    """Widths that vanish: a ramp in one dimension, a trapezium in two; with finite derivatives."""
    zero, one = jnp.asarray(0.0), jnp.asarray(1.0)
    d = jnp.linspace(-1, 1, 41)
    np.testing.assert_allclose(
        jax.vmap(lambda t: coverage.plane(t, (zero, one, zero)))(d), np.clip(0.5 - d, 0, 1), atol=1e-15
    )
    oblique = jax.vmap(lambda t: coverage.plane(t, (one, zero, one)))(d)
    np.testing.assert_allclose(oblique, np.where(d > 0, (1 - d) ** 2 / 2, 1 - (1 + d) ** 2 / 2), atol=1e-15)
    for extents in ((zero, one, zero), (one, zero, one), (one, one, one)):
        slopes = jax.vmap(jax.grad(lambda t, w: coverage.plane(t, w), argnums=(0, 1)), (0, None))(d, extents)
        assert all(np.all(np.isfinite(part)) for part in jax.tree.leaves(slopes))


def test_boxes_along_the_grid_are_exact(x64):
    """Each axis overlaps on its own; also for slabs thinner than a voxel and boxes that stick out of the grid."""
    grid = Grid((9, 8, 7), (1.0, 1.5, 2.0))
    for centre, size in (((0.3, -0.2, 0.4), (4.4, 0.3, 5.0)), ((3.0, 0.0, 0.0), (6.0, 20.0, 0.1))):
        overlaps = []
        for axis, middle, edge, spacing in zip(grid.axes(), centre, size, grid.spacing, strict=True):
            low = np.maximum(axis - spacing / 2, middle - edge / 2)
            high = np.minimum(axis + spacing / 2, middle + edge / 2)
            overlaps.append(np.maximum(high - low, 0) / spacing)
        truth = np.einsum("x,y,z->xyz", *overlaps)
        np.testing.assert_allclose(shapes.Box(centre, size).voxelise(grid, 1), truth, atol=1e-14)


# The other solids are compared voxel by voxel below.
@pytest.mark.parametrize(
    "name", [n if n == "ellipsoid" else pytest.param(n, marks=pytest.mark.slow) for n in SOLIDS]
)
def test_volume_converges(name, x64):
    """The sum of the voxels against the closed form, averaged over places of the shape so that chance does not decide."""
    shifts = np.random.default_rng(3).uniform(-0.5, 0.5, (6, 3))

    def error(n):
        grid = Grid((n, n, n), 14.0 / n)
        deviations = []
        for shift in shifts:
            body = BODIES[name](centre=shift)
            deviations.append(
                float(jnp.sum(body.voxelise(grid, 1))) * grid.voxel_volume / float(body.integral) - 1
            )
        return float(np.sqrt(np.mean(np.square(deviations))))

    assert error(25) < 1e-3
    assert_order(error, (10, 16, 25), order=2.0)


def _turned():
    turn = shapes.rotation_about((0.2, 0.1, 1.0), 0.4)
    return Grid((12, 11, 9), (1.1, 1.3, 1.5), origin=turn @ np.array([-6.0, -6.5, -6.0]), direction=turn)


@pytest.mark.parametrize("name", SOLIDS)
def test_voxels_are_means(name, x64):
    """Every voxel against the density sampled at 24³ places in it; on a rotated, anisotropic grid."""
    grid, body = _turned(), BODIES[name]()
    turn = np.asarray(grid.direction)
    offsets = (np.arange(24) + 0.5) / 24 - 0.5
    inner = np.stack(np.meshgrid(offsets, offsets, offsets, indexing="ij"), -1).reshape(-1, 3)
    centres = np.asarray(grid.centres()).reshape(-1, 3)
    steps = (inner * grid.spacing) @ turn.T
    truth = np.concatenate(
        [np.asarray(body.density(c[None] + steps)).mean(keepdims=True) for c in centres]
    ).reshape(grid.shape)
    assert nrmse(body.voxelise(grid, 2), truth) < 0.01
    assert np.max(np.abs(body.voxelise(grid, 2) - truth)) < 0.08 * 1.7


def test_voxels_of_a_gaussian(x64):
    """Products of differences of erf along the axes; fourth order."""
    from scipy.special import erf

    blob = shapes.Gaussian((0.2, 0.1, -0.3), (2.0, 1.5, 1.0), None, 1.7)

    def error(n):
        grid = Grid((n, n, n), 12.0 / n)
        means = []
        for axis, middle, sigma in zip(grid.axes(), blob.centre, blob.sigma, strict=True):
            cuts = (np.append(axis, axis[-1] + 12.0 / n) - 6.0 / n - middle) / (sigma * np.sqrt(2))
            means.append(np.diff(erf(cuts)) * sigma * np.sqrt(np.pi / 2) * n / 12.0)
        return nrmse(blob.voxelise(grid, 1), 1.7 * np.einsum("x,y,z->xyz", *means))

    assert_order(error, (12, 18), order=4.0)
    assert error(18) < 2e-4


def test_objects_thinner_than_a_voxel(x64):
    """A wire of 0.1 mm in voxels of 0.5 mm keeps its volume when the cells are finer than the wire."""
    wire = shapes.Cylinder((0.1, 0.2, 0.0), 0.05, 3.0)
    grid = Grid((6, 6, 8), 0.5)
    total = jnp.sum(wire.voxelise(grid, 32)) * grid.voxel_volume
    np.testing.assert_allclose(total, wire.volume, rtol=0.01)


@pytest.mark.parametrize(
    "name", [n if n == "ellipsoid" else pytest.param(n, marks=pytest.mark.slow) for n in BODIES]
)
def test_gradients_and_traced_places(name, x64):
    """A weighted sum of the voxels by every parameter; the traced shape visits all voxels, with the same numbers."""
    grid = Grid((10, 10, 10), 1.5)
    weight = np.random.default_rng(2).uniform(0, 1, grid.shape)
    body = BODIES[name]()
    flat, rebuild = jax.flatten_util.ravel_pytree(body)
    total = jax.jit(lambda x: jnp.sum(weight * rebuild(x).voxelise(grid, 1)))
    np.testing.assert_allclose(total(flat), jnp.sum(weight * body.voxelise(grid, 1)), rtol=1e-12)
    assert_gradient(total, flat, tolerance=1e-5, step=1e-6, directions=2)


def test_the_volume_knows_its_radius(x64):
    """d(sum of voxels)/d(radius) is the surface, 4πR², to second order: the gradient itself is accurate."""
    grid = Grid((20, 20, 20), 1.0)
    total = jax.jit(lambda radius: jnp.sum(shapes.Ellipsoid((0.1, 0.2, 0.3), radius).voxelise(grid, 1)))
    np.testing.assert_allclose(jax.grad(total)(7.3), 4 * np.pi * 7.3**2, rtol=5e-3)


@pytest.mark.parametrize("name", BODIES)
def test_single_precision(name):
    single = BODIES[name]().voxelise(_turned())
    assert single.dtype == jnp.float32
    with jax.enable_x64(True):
        double = np.asarray(BODIES[name]().voxelise(_turned(), 2))
    assert np.max(np.abs(single - double)) < 2e-5
    assert np.min(single) >= 0
    assert np.max(single) <= 1.7 * (1 + 1e-5)


def test_far_away_is_empty():
    assert np.all(np.asarray(shapes.Ellipsoid((100.0, 0, 0), 5.0).voxelise(Grid((8, 8, 8)))) == 0)
