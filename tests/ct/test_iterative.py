"""Iterative reconstruction against explicit matrices and solvers that know nothing of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg

from physim import ct
from physim.ct.reconstruction.cgls import CGLS
from physim.ct.reconstruction.cgls import _solve as solve_cgls
from physim.ct.reconstruction.os_sart import OSSART, subset_views
from physim_phantoms import Grid
from physim_phantoms._checks import InputError
from tests.helper import assert_gradient, nrmse, unchecked

GRID = Grid((9, 8, 2), (2.0, 2.5, 3.0))
GEOMETRIES = {
    "parallel": ct.parallel_beam(14, (2, 12), (3.0, 2.0), offset=(0.0, 0.4)),
    "cone": ct.circular_cone(13, 60.0, 100.0, (3, 12), (4.0, 4.0), curved=True),
}
every_geometry = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)


def matrix(geometry, grid=GRID):
    """The projector as a dense matrix, column by column, in float64."""
    return np.asarray(_columns(np.eye(grid.size).reshape(-1, *grid.shape), geometry, grid)).T


@jax.jit
def _columns(unit, geometry, grid):
    return jax.lax.map(lambda volume: ct.project(volume, grid, geometry).ravel(), unit)


def problem(geometry, noise=0.3, seed=0):
    """Matrix, volume, noisy sinogram and uneven weights, some of them zero."""
    rng = np.random.default_rng(seed)
    a, x = matrix(geometry), rng.random(GRID.shape)
    sino = (a @ x.ravel()).reshape(geometry.sinogram_shape)
    weights = rng.uniform(0.2, 2.0, sino.shape) * (rng.random(sino.shape) > 0.1)
    return a, x, sino + noise * rng.standard_normal(sino.shape), weights


@every_geometry
@pytest.mark.parametrize("steps", [3, 12])
@pytest.mark.usefixtures("x64")
def test_cgls_takes_the_steps_of_lsqr(geometry, steps):
    a, _, sino, weights = problem(geometry)
    root, damping = np.sqrt(weights).ravel(), 0.7
    # In exact arithmetic LSQR's iterates are those of conjugate gradients on the least squares (Paige and Saunders 1982).
    truth = scipy.sparse.linalg.lsqr(
        root[:, None] * a,
        root * sino.ravel(),
        damp=np.sqrt(damping),
        iter_lim=steps,
        atol=0,
        btol=0,
        conlim=0,
    )[0]
    ours = CGLS(steps, tikhonov=damping).solve(sino, GRID, geometry, weights)
    assert nrmse(np.ravel(ours), truth) < 1e-7


@every_geometry
@pytest.mark.usefixtures("x64")
def test_cgls_converges_to_the_least_squares(geometry):
    a, _, sino, weights = problem(geometry)
    left = a.T @ (weights.ravel()[:, None] * a) + 0.5 * np.eye(GRID.size)
    truth = np.linalg.solve(left, a.T @ (weights * sino).ravel())
    assert nrmse(np.ravel(CGLS(400, tikhonov=0.5).solve(sino, GRID, geometry, weights)), truth) < 1e-8


def test_cgls_in_single_precision_finds_the_volume():
    geometry = ct.parallel_beam(40, (2, 30), (3.0, 1.0))
    x = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    sino = ct.project(x, GRID, geometry)
    assert nrmse(CGLS(150).solve(sino, GRID, geometry, None), x) < 2e-3


def row_scaled(a, sino, geometry, weights):
    """v of OSSART: the weights, or one over the row sums."""
    sums = a.sum(axis=1)
    return np.where(sums > 0, 1 / np.where(sums > 0, sums, 1), 0) if weights is None else weights.ravel()


@every_geometry
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.usefixtures("x64")
def test_one_pass_of_ordered_subsets_is_that_of_explicit_matrices(geometry, weighted):
    a, _, sino, weights = problem(geometry)
    weights = weights if weighted else None
    v = row_scaled(a, sino, geometry, weights)
    views, pixels = geometry.sinogram_shape[0], np.prod(geometry.detector_shape)
    x = np.zeros(GRID.size)
    for _ in range(2):
        for subset in subset_views(views, 4):
            rows = (np.unique(subset)[:, None] * pixels + np.arange(pixels)).ravel()
            part, pull = a[rows], v[rows]
            below = part.T @ (pull * part.sum(axis=1))
            change = part.T @ (pull * (sino.ravel()[rows] - part @ x))
            x = np.maximum(x + 0.8 * np.where(below > 0, change / np.where(below > 0, below, 1), 0), 0.1)
    ours = OSSART(2, 4, relaxation=0.8, lower_bound=0.1).solve(sino, GRID, geometry, weights)
    assert nrmse(np.ravel(ours), x) < 1e-12


@pytest.mark.usefixtures("x64")
def test_one_subset_converges_to_the_bounded_least_squares():
    geometry = GEOMETRIES["parallel"]
    a, _, sino, _ = problem(geometry, noise=2.0)
    v = row_scaled(a, sino, geometry, None)
    truth = scipy.optimize.lsq_linear(
        np.sqrt(v)[:, None] * a, np.sqrt(v) * sino.ravel(), (0, np.inf), tol=1e-14
    )
    assert np.mean(truth.x < 1e-9) > 0.05, "the bound must matter"
    cost = lambda x: np.sum(v * (a @ np.ravel(x) - sino.ravel()) ** 2)
    ours = np.array(
        [
            cost(OSSART(n, 1, relaxation=1.9, lower_bound=0.0).solve(sino, GRID, geometry, None))
            for n in (100, 3000)
        ]
    )
    assert np.all(ours / (2 * truth.cost) - 1 >= -1e-12)
    assert ours[1] / (2 * truth.cost) - 1 < 1e-4


def test_every_view_is_in_one_subset():
    for views, subsets in ((11, 4), (12, 12), (7, 1), (360, 20)):
        taken = subset_views(views, subsets)
        assert sorted(np.unique(taken)) == list(range(views))
        assert all(len(set(a) & set(b)) == 0 for i, a in enumerate(taken) for b in taken[:i])
        # The first and second subset are far apart: by more than an eighth of the subsets.
        if subsets >= 4:
            apart = abs(int(taken[1, 0]) - int(taken[0, 0]))
            assert min(apart, subsets - apart) >= subsets / 8


def test_subsets_are_as_many_times_faster_at_first():
    grid, geometry = Grid((24, 24, 1), (2.0, 2.0, 2.0)), ct.parallel_beam(60, (1, 36), (2.0, 2.0))
    axes = np.linspace(-1, 1, 24)
    x = (np.hypot(axes[:, None], axes[None, :]) < 0.7).astype(np.float32)[..., None]
    sino = ct.project(x, grid, geometry)
    error = lambda passes, subsets: nrmse(OSSART(passes, subsets).solve(sino, grid, geometry, None), x)
    assert error(2, 10) < error(10, 1) < error(2, 1)


@pytest.mark.parametrize(
    "method", [CGLS(5, tikhonov=0.3), OSSART(2, 3, relaxation=0.7)], ids=["cgls", "os_sart"]
)
@pytest.mark.usefixtures("x64")
def test_gradients_are_those_of_the_iterate(method):
    geometry = GEOMETRIES["parallel"]
    _, _, sino, weights = problem(geometry)
    target = np.random.default_rng(5).random(GRID.shape)

    def loss(numbers):
        blurred = sino + numbers[2:].reshape(sino.shape)
        made = method.solve(blurred * numbers[0], GRID, geometry, weights ** numbers[1])
        return jnp.sum(made * target) + jnp.sum(made**2)

    start = jnp.concatenate([jnp.array([1.1, 1.2]), jnp.zeros(sino.size)])
    assert_gradient(jax.jit(loss), start, tolerance=1e-6)


def test_new_numbers_do_not_compile_again():
    geometry = GEOMETRIES["parallel"]
    sino = np.ones(geometry.sinogram_shape, np.float32)
    before = solve_cgls._cache_size()
    for damping in (0.0, 1.0, 2.0):
        moved = ct.parallel_beam(14, (2, 12), (3.0, 2.0), start=damping)
        CGLS(4, tikhonov=damping).solve(sino, GRID, moved, sino)
    assert solve_cgls._cache_size() == before + 1


@pytest.mark.parametrize("kind", [CGLS, lambda n: OSSART(n, 2)], ids=["cgls", "os_sart"])
def test_reverse_mode_keeps_few_states(kind):
    geometry = GEOMETRIES["parallel"]
    grid = Grid((40, 40, 2), (2.0, 2.0, 2.0))

    def memory(iterations):
        loss = lambda s: jnp.sum(kind(iterations).solve(s, grid, geometry, None) ** 2)
        sino = jax.ShapeDtypeStruct(geometry.sinogram_shape, jnp.float32)
        return jax.jit(jax.grad(loss)).lower(sino).compile().memory_analysis().temp_size_in_bytes

    # 100 states instead of 4 cost 25 times as much if all are kept, 5 times as the root.
    assert memory(100) < 7 * memory(4)


def test_refusals_name_the_remedy():
    geometry = GEOMETRIES["parallel"]
    sino = np.ones(geometry.sinogram_shape, np.float32)
    for method in (CGLS(2), OSSART(2, 3)):
        with pytest.raises(InputError, match="NaN"):
            unchecked(type(method).solve)(method, sino * np.nan, GRID, geometry)
        with pytest.raises(InputError, match="must have shape"):
            unchecked(type(method).solve)(method, sino[:-1], GRID, geometry)
        with pytest.raises(InputError, match=r"weight 0\.0"):
            unchecked(type(method).solve)(method, sino, GRID, geometry, -sino)
    with pytest.raises(InputError, match="write subsets=14"):
        OSSART(2, 15).solve(sino, GRID, geometry, None)
    with pytest.raises(InputError, match="iterations is 0"):
        CGLS(0)
    with pytest.raises(InputError, match="relaxation"):
        OSSART(1, 1, relaxation=2.5)
    with pytest.raises(InputError, match="tikhonov"):
        CGLS(1, tikhonov=-1.0)


def test_no_rays_are_refused_and_no_signal_gives_zero_and_not_nan():
    geometry = ct.parallel_beam(6, (1, 3), (3.0, 1.0), offset=(500.0, 0.0))
    sino = np.ones(geometry.sinogram_shape, np.float32)
    for method in (CGLS(3), OSSART(2, 3)):
        with pytest.raises(InputError, match="no ray meets the grid"):
            method.solve(sino, GRID, geometry, None)
        here = GEOMETRIES["parallel"]
        nothing = np.zeros(here.sinogram_shape, np.float32)
        assert np.all(np.asarray(method.solve(nothing, GRID, here, None)) == 0)
        slope = jax.jit(jax.grad(lambda s: jnp.sum(method.solve(s, GRID, here, None))))(nothing)  # noqa: B023
        assert np.all(np.isfinite(slope))
