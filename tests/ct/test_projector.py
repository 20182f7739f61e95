"""Projectors under every geometry: kernels against references, transposes, closed forms, batches."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.geometry import rays, shifted_detector
from physim.ct.projector.operator import PROJECTOR, prepare
from physim_kernels import availability
from physim_phantoms import Grid
from tests.ct.scanners import GRID, MODEL_NAMES, MODELS, NAMES, scanners
from tests.helper import assert_adjoint, assert_order, assert_same, nrmse, unchecked


def both_ways(name, model, dtype):
    """Random volume and sinogram, and a compiled function that projects one and back-projects the other."""
    grid, geometry = scanners()[name]
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal(grid.shape), dtype)
    y = jnp.asarray(rng.standard_normal(geometry.sinogram_shape), dtype)
    scene, frame = prepare(grid, geometry, model, dtype)
    run = jax.jit(lambda x, y: (PROJECTOR.apply(scene, frame, x), PROJECTOR.transpose(scene, frame, y)))
    return run, x, y


def assert_pair(made, x, y, limit):
    """The two results are those of an operator and its transpose, and see something."""
    assert all(np.any(np.asarray(m) != 0) for m in made)
    assert_adjoint(lambda _: made[0], lambda _: made[1], x, y, limit)


@cache
def both_sides(name, number, precision):
    """What both directions of one scanner make of random numbers, and these."""
    with jax.enable_x64(precision == "float64"):
        run, x, y = both_ways(name, MODELS[number], np.dtype(precision))
        compiled = run.lower(x, y)
        assert f"physim_ray_project_{precision}" in compiled.as_text()
        return tuple(np.asarray(m) for m in compiled.compile()(x, y)), x, y


@pytest.mark.parametrize("model", [0, 1], ids=MODEL_NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_transposes_of_every_geometry_and_model_are_exact(name, model):
    assert_pair(*both_sides(name, model, "float64"), 1e-13)


# Of these a change of the arithmetic does not escape: parallel rays, an arc, and a view whose main axis is z; the rest is
# the same references compiled for other numbers of pixels.
_TELLING = {"parallel", "cone, cylindrical", "from below"}
_COMPARED = [pytest.param(n, marks=() if n in _TELLING else pytest.mark.slow) for n in NAMES]


@pytest.mark.parametrize("model", [0, 1], ids=MODEL_NAMES)
@pytest.mark.parametrize("name", _COMPARED)
def test_single_precision_is_double_rounded(name, model):
    rounded, x, y = both_sides(name, model, "float32")
    assert_pair(rounded, x, y, 1e-6)
    # Random voxels, and places known to 1e-5 of one in single precision.
    for ours, exact in zip(rounded, both_sides(name, model, "float64")[0], strict=True):
        assert_same(ours, np.asarray(exact, np.float32), 3e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("model", [0, 1], ids=MODEL_NAMES)
@pytest.mark.parametrize("name", _COMPARED)
def test_kernels_equal_references(name, model):
    made, x, y = both_sides(name, model, "float64")
    with availability.disabled():
        slow = both_ways(name, MODELS[model], np.float64)[0](x, y)
    assert_pair(slow, x, y, 1e-13)
    for ours, reference in zip(made, slow, strict=True):
        assert_same(ours, reference, 1e-13)


@pytest.mark.parametrize("model", MODELS, ids=MODEL_NAMES)
@pytest.mark.parametrize("name", ["cone, cylindrical", "misaligned"])
def test_references_in_single_precision(name, model):
    with availability.disabled():
        run, x, y = both_ways(name, model, np.float32)
        assert_pair(run(x, y), x, y, 1e-6)


CENTRE, WIDTH = np.array([9.0, -5.0, 1.0]), 12.0


def gaussian(grid):
    """exp(−r² / 2σ²) on the voxel centres."""
    squared = np.sum((np.asarray(grid.centres(), np.float64) - CENTRE) ** 2, axis=-1)
    return np.exp(-squared / (2 * WIDTH**2)).astype(np.float32)


@cache
def cube(n):
    """The Gaussian on n³ voxels over 128 mm, and their grid; a product of three."""
    grid = Grid((n, n, n), 128 / n)
    x, y, z = (np.exp(-((a - c) ** 2) / (2 * WIDTH**2)) for a, c in zip(grid.axes(), CENTRE, strict=True))
    return (x[:, None, None] * y[:, None] * z).astype(np.float32), grid


def gaussian_integrals(geometry):
    """Its line integrals: √(2π) σ exp(−distance² / 2σ²)."""
    with jax.enable_x64(True):
        seen = rays(geometry)
        ahead, pixels = np.asarray(seen.directions()), np.asarray(seen.pixels())
    ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
    to_centre = CENTRE - pixels
    squared = np.sum(to_centre**2, axis=-1) - np.sum(to_centre * ahead, axis=-1) ** 2
    return np.sqrt(2 * np.pi) * WIDTH * np.exp(-squared / (2 * WIDTH**2))


def scanners_for(n):
    """Pixels half as fine as the voxels at the axis, for a grid of n³ voxels over 128 mm."""
    pixel, shape = (200 / n, 220 / n), (n // 2, n // 2)
    cone = ct.circular_cone(7, 250.0, 400.0, shape, (2 * pixel[0], 2 * pixel[1]), start=0.2, curved=n < 0)
    return {
        "cone": cone,
        "helix": ct.helical_cone(5, 1.4, 30.0, 250.0, 400.0, shape, pixel),
        "misaligned": ct.misaligned(cone, roll=0.3, tilt=0.15, slant=0.1),
        "parallel": ct.parallel_beam(7, shape, (150 / n, 160 / n), start=0.1),
    }


# Every geometry's integrals are held against the closed form below; the order is one of the model's.
@pytest.mark.parametrize(
    "name", ["cone", "parallel", *(pytest.param(n, marks=pytest.mark.slow) for n in ("helix", "misaligned"))]
)
def test_joseph_converges_with_order_two(name):
    def error(n):
        geometry = scanners_for(n)[name]
        return nrmse(ct.project(*cube(n), geometry), gaussian_integrals(geometry))

    assert_order(error, (48, 96, 192), 2.0)


# Not the boxes of the distance-driven model under parallel rays: they meet every plane in the same phase along z, so the
# error of a box against a smooth function does not average out and is of first order: 0.102 %.
# Every geometry and every model once by default.
_SMOOTH = [
    pytest.param(n, m, marks=pytest.mark.slow if (n == "helix") == m.footprint else ())
    for n in ("cone", "helix", "misaligned")
    for m in MODELS
] + [("parallel", MODELS[0])]


@pytest.mark.parametrize(("name", "model"), _SMOOTH)
def test_a_smooth_phantom_of_256_voxels_a_side_is_right_to_a_thousandth(name, model):
    n = 256
    geometry = ct.some_views(scanners_for(n)[name], slice(0, 2))
    if name == "misaligned":
        geometry = ct.some_views(geometry, slice(0, 1))
    sino = ct.project(*cube(n), geometry, model)
    # The distance-driven model gives the mean over a pixel: two Gauss points each way.
    node = 0.5 / np.sqrt(3) if model.footprint else 0.0
    places = [(a, b) for a in (-node, node) for b in (-node, node)]
    truth = np.mean([gaussian_integrals(shifted_detector(geometry, *place)) for place in places], axis=0)
    assert nrmse(sino, truth) < 1e-3


def test_distance_driven_converges_with_order_two_where_pixels_shrink_with_voxels():
    def error(n):
        geometry = scanners_for(n)["cone"]
        sino = ct.project(*cube(n), geometry, ct.DistanceDriven())
        return nrmse(sino, gaussian_integrals(geometry))

    assert_order(error, (48, 96, 192), 2.0)


def test_distance_driven_sees_every_voxel_where_joseph_misses_some():
    # A single voxel between the rays of pixels four voxels wide.
    grid = Grid((16, 16, 16), 1.0)
    volume = np.zeros(grid.shape, np.float32)
    volume[8, 8, 8] = 1.0  # at (0.5, 0.5, 0.5) mm
    geometry = ct.parallel_beam(1, (4, 4), (4.0, 4.0))
    assert float(jnp.sum(ct.project(volume, grid, geometry, ct.Joseph()))) == 0
    # Its volume of 1 mm³ spread over pixels of 16 mm².
    total = float(jnp.sum(ct.project(volume, grid, geometry, ct.DistanceDriven())))
    assert total == pytest.approx(1 / 16, rel=1e-6)


def test_a_point_of_a_cone_beam_lands_where_the_convention_says():
    grid = Grid((9, 9, 5), 2.0, origin=(-8.0, -8.0, -4.0))
    volume = np.zeros(grid.shape, np.float32)
    volume[6, 4, 3] = 1.0  # at (4, 0, 2) mm
    geometry = ct.circular_cone(2, 100.0, 200.0, (9, 21), (2.0, 2.0), arc=np.pi)
    sino = np.asarray(ct.project(volume, grid, geometry))
    # θ = 0: magnified twice, x = 8 mm is 4 columns and z = 4 mm 2 rows from the middle. θ = 90° looks along −x from
    # (100, 0, 0): the point is on the middle column, nearer to the source, and magnified by 200 / 96.
    assert np.unravel_index(sino[0].argmax(), sino[0].shape) == (4 + 2, 10 + 4)
    assert np.unravel_index(sino[1].argmax(), sino[1].shape) == (4 + 2, 10)


@pytest.mark.parametrize("model", MODELS, ids=MODEL_NAMES)
def test_batches_and_linear_transpose_change_nothing(model):
    grid, geometry = scanners()["cone, flat"]
    volumes = jnp.asarray(np.random.default_rng(5).standard_normal((2, *grid.shape)), jnp.float32)
    one = lambda v: ct.project(v, grid, geometry, model)
    stacked = jnp.stack([one(v) for v in volumes])
    np.testing.assert_allclose(jax.jit(jax.vmap(one))(volumes), stacked, atol=1e-5)
    (turned,) = jax.linear_transpose(one, volumes[0])(stacked[0])
    assert nrmse(turned, ct.backproject(stacked[0], grid, geometry, model)) < 1e-6


def test_a_batch_of_geometries_is_projected_in_one_call():
    grid, _ = scanners()["cone, flat"]
    volume = jnp.asarray(np.random.default_rng(5).standard_normal(grid.shape), jnp.float32)
    turned = lambda start: ct.circular_cone(2, 100.0, 180.0, (9, 14), (2.0, 2.1), start=start)
    starts = jnp.asarray([0.1, 0.8])
    made = jax.vmap(lambda s: ct.project(volume, grid, turned(s)))(starts)
    for sino, start in zip(made, starts, strict=True):
        np.testing.assert_allclose(sino, ct.project(volume, grid, turned(float(start))), atol=2e-4)


def test_a_new_geometry_does_not_recompile():
    count = 0

    @jax.jit
    def run(volume, geometry):
        nonlocal count
        count += 1
        return ct.project(volume, GRID, geometry)

    for distance in (100.0, 110.0, 120.0):
        run(jnp.ones(GRID.shape), ct.circular_cone(3, distance, 200.0, (4, 5), (2.0, 2.0)))
    assert count == 1


def test_a_turned_grid_sees_the_same_object():
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    geometry = ct.circular_cone(3, 250.0, 400.0, (24, 24), (6.0, 6.0))
    for direction in (np.eye(3), turn, turn[:, [1, 2, 0]]):
        grid = Grid((64, 64, 64), 2.0, direction=direction)
        sino = ct.project(gaussian(grid), grid, geometry)
        assert nrmse(sino, gaussian_integrals(geometry)) < 0.02


def test_a_reference_that_would_miss_neighbours_of_a_traced_geometry_says_nan_and_the_kernel_is_right():
    grid = Grid((16, 16, 16), 1.0)
    wide = lambda size: ct.parallel_beam(1, (2, 2), (8.0, size))
    value = lambda size: jnp.sum(ct.project(jnp.ones(grid.shape), grid, wide(size), ct.DistanceDriven()))
    assert float(jax.jit(value)(9.0)) == pytest.approx(float(value(9.0)), rel=1e-6)
    with availability.disabled():
        assert np.isfinite(jax.jit(lambda: value(9.0))())
        assert np.isnan(jax.jit(lambda size: value(size))(9.0))


@pytest.mark.parametrize("planes", [1, 2])
def test_grids_of_one_voxel_work(planes):
    grid = Grid((1, 1, planes), 2.0)
    geometry = ct.parallel_beam(1, (planes, 1), (2.0, 2.0))
    sino = ct.project(np.full(grid.shape, 3.0, np.float32), grid, geometry)
    np.testing.assert_allclose(sino, np.full((1, planes, 1), 6.0), rtol=1e-6)


def test_bad_input_is_refused():
    grid, geometry = scanners()["cone, flat"]
    volume = np.zeros(grid.shape, np.float32)
    with pytest.raises(ValueError, match="volume has shape"):
        unchecked(ct.project)(volume[1:], grid, geometry)
    bad = volume.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        ct.project(bad, grid, geometry)
    with pytest.raises(ValueError, match="sino has shape"):
        unchecked(ct.backproject)(np.zeros((4, 9, 2), np.float32), grid, geometry)
