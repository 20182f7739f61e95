"""Derivatives of the projectors in volume and in every number of a geometry, against central differences."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim_phantoms import Grid
from tests.ct.scanners import MODEL_NAMES, MODELS
from tests.helper import assert_gradient

GRID = Grid((12, 11, 10), 4.0, origin=(-21.7, -20.3, -18.6))
CONE = ct.circular_cone(3, 130.0, 220.0, (7, 9), (6.03, 6.51), start=0.3, offset=(1.17, 2.09))
CURVED = ct.circular_cone(3, 130.0, 220.0, (7, 9), (6.0, 6.5), start=0.3, curved=True)
NUMBERS = ("source", "detector_centre", "row_step", "column_step")

pytestmark = pytest.mark.usefixtures("x64")


def smooth_volume(grid=GRID):
    """A blob, smooth on the grid and zero at its edges."""
    squared = jnp.sum((grid.centres() - jnp.asarray([2.0, -3.0, 1.0])) ** 2, axis=-1)
    return jnp.exp(-squared / (2 * 8.0**2))


def loss(geometry, model, grid=GRID):
    """A scalar of the sinogram in which every ray counts differently."""
    weights = np.random.default_rng(6).uniform(0.5, 1.5, geometry.sinogram_shape)
    return jnp.sum(weights * ct.project(smooth_volume(grid), grid, geometry, model) ** 2)


def numbers_of(geometry):
    """Source, detector centre and steps of every view as one array."""
    return jnp.stack([jnp.asarray(getattr(geometry, name)) for name in NUMBERS])


def with_numbers(geometry, values):
    return replace(geometry, **dict(zip(NUMBERS, values, strict=True)))


@pytest.mark.parametrize("model", MODELS, ids=MODEL_NAMES)
def test_every_number_of_every_view(model):
    # Off the upright place, where the shadow of the distance-driven model changes its rule.
    tilted = ct.misaligned(CONE, roll=0.05, tilt=-0.03, slant=0.02)
    of = jax.jit(lambda v: loss(with_numbers(tilted, v), model))
    assert_gradient(of, numbers_of(tilted), 1e-6, step=1e-7)


@pytest.mark.slow
def test_every_number_of_an_upright_detector():
    of = jax.jit(lambda v: loss(with_numbers(CONE, v), ct.Joseph()))
    assert_gradient(of, numbers_of(CONE), 1e-6, step=1e-7)


def test_curvature_of_a_detector():
    of = jax.jit(lambda k: loss(replace(CURVED, curvature=k), ct.DistanceDriven()))
    assert_gradient(of, jnp.asarray(CURVED.curvature), 1e-6, step=1e-7)
    # A flat detector is where the formula of an arc is 0 / 0.
    assert_gradient(of, jnp.zeros(3), 1e-6, step=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=MODEL_NAMES)
def test_turns_of_the_detector(model):
    turned = lambda v: ct.misaligned(
        CONE, roll=v[0], tilt=v[1], slant=v[2], shift=v[3:6], source_shift=v[6:9]
    )
    values = jnp.asarray(np.random.default_rng(9).uniform(0.01, 0.06, (9, 3)))
    assert_gradient(jax.jit(lambda v: loss(turned(v), model)), values, 1e-6, step=1e-6)


@pytest.mark.parametrize(
    "model", [pytest.param(MODELS[0], marks=pytest.mark.slow), MODELS[1]], ids=MODEL_NAMES
)
def test_numbers_of_a_parallel_beam(model):
    beam = lambda v: ct.ParallelBeam(v[:3], v[3:5], v[5:7], v[7:10], jnp.asarray(1000.0), (7, 12))
    values = jnp.asarray([0.31, 1.37, 2.45, 4.1, 3.7, 0.31, 0.23, 1.07, 2.03, 0.11])
    assert_gradient(jax.jit(lambda v: loss(beam(v), model)), values, 1e-6, step=1e-7)


@pytest.mark.slow
def test_grid_spacing_and_origin():
    volume = smooth_volume()
    held = lambda grid: jnp.sum(ct.project(volume, grid, CONE) ** 2)
    assert_gradient(
        jax.jit(lambda o: held(replace(GRID, origin=o))), jnp.asarray(GRID.origin), 1e-6, step=1e-6
    )
    assert_gradient(
        jax.jit(lambda s: held(replace(GRID, spacing=s))), jnp.asarray(GRID.spacing), 1e-6, step=1e-6
    )


@pytest.mark.parametrize(
    "model", [MODELS[0], pytest.param(MODELS[1], marks=pytest.mark.slow)], ids=MODEL_NAMES
)
def test_second_derivatives(model):
    tilted = ct.misaligned(CONE, roll=0.05, tilt=-0.03, slant=0.02)
    given = numbers_of(tilted)
    direction = jnp.asarray(np.random.default_rng(7).standard_normal(given.shape))
    of = lambda v: loss(with_numbers(tilted, v), model)
    slope = jax.jit(lambda v: jnp.vdot(jax.grad(of)(v), direction))
    assert_gradient(slope, given, 1e-6, step=1e-8, directions=1)


def test_second_derivative_mixed_in_volume_and_geometry():
    volume = smooth_volume()

    def slope(v):
        of = lambda source: jnp.sum(ct.project(v, GRID, replace(CONE, source=source)) ** 3)
        return jnp.sum(jax.grad(of)(jnp.asarray(CONE.source)) * jnp.asarray([0.3, -0.7, 0.5]))

    assert_gradient(jax.jit(slope), volume, 1e-6, step=1e-5)


def test_the_transpose_has_geometry_derivatives_too():
    sino = jnp.asarray(np.random.default_rng(8).uniform(size=CONE.sinogram_shape))
    weight = smooth_volume()
    of = lambda s: jnp.sum(weight * ct.backproject(sino, GRID, replace(CONE, source=s)) ** 2)
    assert_gradient(jax.jit(of), jnp.asarray(CONE.source), 1e-6, step=1e-6)
