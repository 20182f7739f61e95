"""Penalised weighted least squares against general optimisers and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from physim import ct
from physim.ct.reconstruction.cgls import CGLS
from physim.ct.reconstruction.priors import Huber, Quadratic, TotalVariation, slopes, slopes_transpose
from physim.ct.reconstruction.pwls import PWLS
from physim_phantoms import Grid
from physim_phantoms._checks import InputError
from tests.ct.test_iterative import matrix
from tests.helper import assert_adjoint, assert_gradient, nrmse

GRID = Grid((6, 5, 2), (2.0, 2.5, 3.0))
GEOMETRY = ct.parallel_beam(8, (2, 9), (3.0, 2.0), offset=(0.0, 0.4))
PRIORS = {"tv": TotalVariation(0.05), "huber": Huber(0.03), "quadratic": Quadratic()}
every_prior = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


def problem():
    """Matrix, noisy sinogram and weights of a box, in float64."""
    rng = np.random.default_rng(0)
    a = matrix(GEOMETRY, GRID)
    x = np.zeros(GRID.shape)
    x[1:4, 1:4] = 1.0
    sino = (a @ x.ravel()).reshape(GEOMETRY.sinogram_shape)
    return a, sino + 0.5 * rng.standard_normal(sino.shape), rng.uniform(0.5, 2.0, sino.shape)


def differences():
    """∇ as a matrix, from one-dimensional ones."""
    parts = []
    for axis, n in enumerate(GRID.shape):
        one = (np.eye(n, k=1) - np.eye(n)) / GRID.spacing[axis]
        one[-1] = 0
        factors = [np.eye(m) for m in GRID.shape]
        factors[axis] = one
        parts.append(np.kron(np.kron(factors[0], factors[1]), factors[2]))
    return np.stack(parts)


def potential(prior, length):
    if isinstance(prior, TotalVariation):
        return np.hypot(length, prior.epsilon) - prior.epsilon
    if isinstance(prior, Huber):
        return np.where(length < prior.delta, length**2 / 2 / prior.delta, length - prior.delta / 2)
    return length**2 / 2


def written_out(prior, strength):
    """The objective by matrices, and where it is least: a quasi-Newton method from SciPy."""
    a, sino, weights = problem()
    d = differences()

    def objective(x):
        length = np.sqrt(np.sum((d @ x) ** 2, axis=0))
        fit = np.sum(weights.ravel() * (a @ x - sino.ravel()) ** 2) / 2
        return fit + strength * GRID.voxel_volume * np.sum(potential(prior, length))

    return objective


@every_prior
@pytest.mark.usefixtures("x64")
def test_the_objective_falls_to_the_optimisers_minimum(prior):
    _, sino, weights = problem()
    strength = 0.5
    objective = written_out(prior, strength)
    found = scipy.optimize.minimize(
        objective,
        np.zeros(GRID.size),
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 10**6, "ftol": 1e-15, "gtol": 1e-9},
    )
    values = []
    for iterations in (*range(1, 12), 30, 100, 400):
        method = PWLS(strength, prior, iterations)
        made = method.solve(sino, GRID, GEOMETRY, weights)
        values.append(objective(np.ravel(made)))
        assert float(method.objective(made, sino, GRID, GEOMETRY, weights)) == pytest.approx(
            values[-1], rel=1e-12
        )
    assert np.all(np.diff(values) <= 1e-12 * values[0]), values
    assert values[-1] <= found.fun * (1 + 1e-10)
    assert nrmse(np.ravel(made), found.x) < 1e-3
    # At the minimum the gradient vanishes, against its size at zero.
    slope = jax.grad(lambda x: method.objective(x, sino, GRID, GEOMETRY, weights))
    assert jnp.linalg.norm(slope(made)) < 1e-6 * jnp.linalg.norm(slope(jnp.zeros_like(made)))


@pytest.mark.usefixtures("x64")
def test_quadratic_prior_has_a_closed_form_and_takes_the_steps_of_conjugate_gradients():
    a, sino, weights = problem()
    d = differences().reshape(-1, GRID.size)
    left = a.T @ (weights.ravel()[:, None] * a) + 2.0 * GRID.voxel_volume * d.T @ d
    truth = np.linalg.solve(left, a.T @ (weights * sino).ravel())
    made = PWLS(2.0, Quadratic(), 120).solve(sino, GRID, GEOMETRY, weights)
    assert nrmse(np.ravel(made), truth) < 1e-8
    few = PWLS(0.0, Quadratic(), 6).solve(sino, GRID, GEOMETRY, weights)
    assert nrmse(few, CGLS(6).solve(sino, GRID, GEOMETRY, weights)) < 1e-7


@pytest.mark.usefixtures("x64")
def test_total_variation_lowers_a_step_as_it_must():
    # One row of voxels, each seen by one ray: denoising. Two plateaus of n voxels move by strength / (w n chord) towards
    # each other, for φ = |t|: the sub-gradient of their difference.
    n, strength, weight = 5, 0.4, 1.3
    grid = Grid((2 * n, 1, 1), (2.0, 3.0, 1.0))
    geometry = ct.parallel_beam(1, (1, 2 * n), (1.0, 2.0))
    x = np.repeat([0.2, 1.0], n)
    sino = 3.0 * x.reshape(1, 1, -1)
    made = PWLS(strength, TotalVariation(1e-5), 400).solve(sino, grid, geometry, np.full_like(sino, weight))
    # ∫ |dx| dV is the step times the face of a voxel: dy dz = 3.
    move = strength * 3.0 / (weight * 3.0**2 * n)
    np.testing.assert_allclose(np.ravel(made), np.repeat([0.2 + move, 1.0 - move], n), atol=5e-3 * move)


@pytest.mark.usefixtures("x64")
def test_slopes_have_their_transpose():
    rng = np.random.default_rng(1)
    spacing = jnp.asarray(GRID.spacing)
    assert_adjoint(
        lambda x: slopes(jnp.asarray(x), spacing),
        lambda y: slopes_transpose(jnp.asarray(y), spacing),
        rng.standard_normal(GRID.shape),
        rng.standard_normal((3, *GRID.shape)),
        1e-14,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_gradients_are_those_of_the_minimum():
    _, sino, weights = problem()
    target = np.random.default_rng(5).random(GRID.shape)

    def loss(numbers):
        method = PWLS(numbers[0], TotalVariation(numbers[1]), 120)
        made = method.solve(sino * numbers[2], GRID, GEOMETRY, weights ** numbers[3])
        return jnp.sum(made * target) + jnp.sum(made**2)

    assert_gradient(jax.jit(loss), jnp.array([0.5, 0.2, 1.1, 0.9]), tolerance=1e-5, step=1e-4)


def test_a_good_start_needs_fewer_steps_and_single_precision_descends():
    grid, geometry = Grid((16, 16, 1), (2.0, 2.0, 2.0)), ct.parallel_beam(30, (1, 24), (2.0, 2.0))
    axes = np.linspace(-1, 1, 16)
    x = (np.hypot(axes[:, None], axes[None, :]) < 0.7).astype(np.float32)[..., None]
    clean = np.asarray(ct.project(x, grid, geometry))
    sino = clean + np.random.default_rng(0).normal(0, 0.5, clean.shape).astype(np.float32)
    weights = np.full_like(sino, 4.0)
    run = lambda n, start=None: PWLS(3.0, TotalVariation(0.01), n, start=start)
    cost = lambda method: float(
        method.objective(method.solve(sino, grid, geometry, weights), sino, grid, geometry, weights)
    )
    falling = np.array([cost(run(n)) for n in (2, 5, 20, 150)])
    assert np.all(np.diff(falling) <= 1e-6 * falling[0]), falling
    assert cost(run(5, CGLS(6))) < falling[1]
    error = lambda method: nrmse(method.solve(sino, grid, geometry, weights), x)
    assert error(run(150)) < 0.6 * error(CGLS(150))


def test_refusals_name_the_remedy():
    with pytest.raises(InputError, match="strength"):
        PWLS(-1.0)
    with pytest.raises(InputError, match="iterations is 0"):
        PWLS(1.0, iterations=0)
    with pytest.raises(InputError, match="epsilon"):
        TotalVariation(0.0)
    with pytest.raises(InputError, match="delta"):
        Huber(-1.0)
