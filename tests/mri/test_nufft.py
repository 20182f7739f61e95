"""The non-uniform transform against the sum that it stands for, its adjoint, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from physim_phantoms import Grid, InputError
from tests.helper import nrmse

GRIDS = [Grid((24, 15, 1), (3.0, 4.0, 5.0)), Grid((12, 9, 10), (3.0, 4.0, 2.5))]


def problem(grid: Grid, samples: int = 60):
    """A random image, and places in and somewhat beyond the k-space of its voxels."""
    rng = np.random.default_rng(3)
    image = rng.standard_normal(grid.shape) + 1j * rng.standard_normal(grid.shape)
    k = rng.uniform(-0.6, 0.6, (samples, 3)) / np.asarray(grid.spacing)
    return image, k * np.array([1.0, 1.0, grid.shape[2] > 1])


def summed(image, grid: Grid, k):
    """Σ m exp(−2πi k·r) over voxel centres measured from the middle of the box."""
    axes = [
        (np.arange(n) - (n - 1) / 2) * h for n, h in zip(grid.shape, np.asarray(grid.spacing), strict=True)
    ]
    place = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.exp(-2j * np.pi * k @ place.T) @ image.ravel()


@pytest.mark.parametrize("grid", GRIDS, ids=["plane", "volume"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_single_precision_keeps_the_tolerance(grid, tolerance):
    image, k = problem(grid)
    made = mri.Nufft(tolerance)(jnp.asarray(image, jnp.complex64), grid, k)
    assert nrmse(np.asarray(made), summed(image, grid, k)) < tolerance


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-11])
def test_double_precision_keeps_the_tolerance(tolerance):
    image, k = problem(GRIDS[1])
    made = mri.Nufft(tolerance)(jnp.asarray(image), GRIDS[1], k)
    assert nrmse(np.asarray(made), summed(image, GRIDS[1], k)) < tolerance


@pytest.mark.usefixtures("x64")
def test_adjoint():
    image, k = problem(GRIDS[1])
    nufft, rng = mri.Nufft(1e-4), np.random.default_rng(4)
    s = jnp.asarray(rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k)))
    there = jnp.vdot(s, nufft(jnp.asarray(image), GRIDS[1], k))
    back = jnp.vdot(nufft.adjoint(s, GRIDS[1], k), jnp.asarray(image))
    assert abs(there - back) < 1e-12 * abs(there)


@pytest.mark.usefixtures("x64")
def test_derivative_in_the_places():
    """Against d/dk of the sum: each voxel weighted by −2πi r."""
    image, k = problem(GRIDS[0], 7)
    weights = np.random.default_rng(5).standard_normal(7)

    def loss(moved):
        return (weights * mri.Nufft(1e-11)(jnp.asarray(image), GRIDS[0], moved).real).sum()

    got = np.asarray(jax.grad(loss)(jnp.asarray(k)))
    for axis, (count, spacing) in enumerate(zip(GRIDS[0].shape, np.asarray(GRIDS[0].spacing), strict=True)):
        along = (np.arange(count) - (count - 1) / 2) * spacing
        weighted = -2j * np.pi * along.reshape([-1 if a == axis else 1 for a in range(3)]) * image
        exact = weights * summed(weighted, GRIDS[0], k).real
        assert np.abs(got[:, axis] - exact).max() <= 1e-8 * max(1.0, np.abs(exact).max())


def test_what_does_not_fit_is_refused():
    image, k = problem(GRIDS[0])
    with pytest.raises(InputError, match="must be the grid's"):
        mri.Nufft()(jnp.asarray(image[:-1]), GRIDS[0], k)
    with pytest.raises(InputError, match="one k for each sample"):
        mri.Nufft().adjoint(jnp.zeros(3, jnp.complex64), GRIDS[0], k)
    with pytest.raises(ValueError, match="k"):
        mri.Nufft()(jnp.asarray(image), GRIDS[0], np.full((2, 3), np.nan))
    assert jax.eval_shape(lambda m: mri.Nufft()(m, GRIDS[0], k), image).shape == (60,)
