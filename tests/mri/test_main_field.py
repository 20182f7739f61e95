"""The field of susceptibility against spheres, cylinders and one voxel; shims against the harmonics they take out."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from physim.mri.main_field.dipole import _box_kernel
from physim_phantoms import Grid, InputError, Phantom, shapes
from tests.helper import assert_gradient, assert_order, unchecked

SKEW = np.array([0.36, -0.48, 0.8])
FIELD = unchecked(mri.susceptibility_field)


def sphere_error(count: int, direction=(0.0, 0.0, 1.0), margin: float = 4.0) -> float:
    """Largest error inside and outside a sphere of 20 mm, `margin` mm off its surface, of the dipole there."""
    grid = Grid((count, count, count), 64.0 / count)
    chi = shapes.Ellipsoid((1.0, -2.0, 0.5), (20.0, 20.0, 20.0)).voxelise(grid)
    made = np.asarray(FIELD(chi, grid, direction, 0.0))
    r = np.asarray(grid.centres()) - np.array([1.0, -2.0, 0.5])
    distance = np.linalg.norm(r, axis=-1)
    cosine = (r @ np.asarray(direction)) / distance
    truth = (20.0 / distance) ** 3 * (3 * cosine**2 - 1) / 3
    outside = distance > 20.0 + margin
    inside = distance < 20.0 - margin
    worst = max(np.abs(made - truth)[outside].max(), np.abs(made)[inside].max())
    return float(worst / (2 / 3))


@pytest.mark.parametrize(("precise", "tolerance"), [(True, 0.012), (False, 0.012)])
def test_a_sphere_is_a_dipole_outside_and_nothing_inside(precise, tolerance):
    """Lorentz: the field in a uniform sphere is the outer field."""
    with jax.enable_x64(precise):
        assert sphere_error(32) < tolerance
        assert sphere_error(32, tuple(SKEW)) < tolerance


@pytest.mark.usefixtures("x64")
def test_the_error_at_a_sphere_falls_with_the_voxel():
    assert_order(lambda n: sphere_error(n, margin=8.0), [8, 16, 32], 2.0)


@pytest.mark.parametrize("axis", [0, 2])
def test_a_long_cylinder_across_and_along_the_field(axis):
    """Across: χ/2 (a/r)² cos 2φ outside and −χ/6 inside; along: 0 outside and χ/3 inside (infinite length)."""
    shape = [24, 24, 24]
    shape[axis] = 256
    grid = Grid(tuple(shape), 1.0)
    r = np.asarray(grid.centres())
    across = [i for i in range(3) if i != axis]
    radius = np.hypot(r[..., across[0]], r[..., across[1]])
    # The part of each voxel that is inside, from 6 x 6 sub-positions: only its profile across matters.
    sub = (np.arange(6) + 0.5) / 6 - 0.5
    chi = np.mean(
        [
            np.hypot(r[..., across[0]] + u, r[..., across[1]] + v) < 6.0
            for u, v in itertools.product(sub, sub)
        ],
        axis=0,
    )
    made = np.take(np.asarray(FIELD(chi.astype(np.float32), grid, background=0.0)), 128, axis)
    at = np.take(radius, 128, axis)
    outside, inside = at > 8.5, at < 4.0
    if axis == 2:
        truth = np.where(inside, 1 / 3, 0.0)
    else:
        y, z = (np.take(r[..., i], 128, axis) for i in (1, 2))
        truth = np.where(inside, -1 / 6, 0.5 * (6.0 / at) ** 2 * (z**2 - y**2) / at**2)
    assert np.abs(made - truth)[outside | inside].max() < 0.005


@pytest.mark.usefixtures("x64")
def test_one_voxel_is_the_field_of_a_box():
    """Against the far field summed over 40³ dipoles: 1/4π ∫ (3 cos² − 1)/r³, and the theorem that the N's trace is 1."""
    spacing = np.array([1.0, 2.0, 3.0])
    offsets = np.array([[2.0, 0.0, 0.0], [1.0, -2.0, 3.0], [-1.0, 4.0, 0.0], [0.0, 0.0, 6.0]])
    node = (np.arange(40) + 0.5) / 40 - 0.5
    cell = np.stack(np.meshgrid(node, node, node, indexing="ij"), axis=-1).reshape(-1, 3) * spacing
    for offset in offsets:
        r = offset - cell
        square = np.sum(r**2, axis=1)
        truth = np.mean((3 * (r @ SKEW) ** 2 / square - 1) / square**1.5) * spacing.prod() / (4 * np.pi)
        assert _box_kernel(offset, spacing, SKEW) == pytest.approx(truth, abs=2e-5)
    axes = np.eye(3)
    for offset in [np.zeros(3), *offsets]:
        assert sum(float(_box_kernel(offset, spacing, axis)) for axis in axes) == pytest.approx(
            0.0, abs=1e-12
        )


@pytest.mark.usefixtures("x64")
def test_equals_the_sum_over_voxels_and_is_turned_with_the_grid():
    """Nothing wraps round; a turned grid sees the same world."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    grid = Grid((7, 6, 9), (1.0, 2.0, 1.5), direction=turn)
    chi = rng.standard_normal(grid.shape)
    made = np.asarray(FIELD(chi, grid, tuple(SKEW), 0.0))
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    for place in [(0, 0, 0), (6, 5, 8), (3, 2, 7)]:
        kernel = _box_kernel(
            (np.array(place) - index) * np.asarray(grid.spacing), np.asarray(grid.spacing), turn.T @ SKEW
        )
        # Beyond four voxels the convolution takes eight dipoles for a voxel.
        assert made[place] == pytest.approx(np.sum(chi * kernel), abs=2e-4)


@pytest.mark.usefixtures("x64")
def test_is_linear_with_exact_derivatives_and_has_no_field_of_the_background():
    grid = Grid((6, 5, 4), 2.0)
    chi = jnp.asarray(np.random.default_rng(1).standard_normal(grid.shape))
    weight = jnp.asarray(np.random.default_rng(2).standard_normal(grid.shape))
    assert_gradient(lambda c: jnp.sum(weight * FIELD(c, grid) ** 2), chi)
    assert np.abs(FIELD(jnp.full(grid.shape, 0.36), grid)).max() < 1e-14


@pytest.mark.usefixtures("x64")
def test_shims_take_out_what_they_are():
    grid = Grid((12, 10, 8), 10.0, (-40.0, -70.0, -20.0))
    x, y, z = np.moveaxis(np.asarray(grid.centres()), -1, 0)
    mask = (np.hypot(x, y) < 45).astype(float)
    field = 30 + 0.4 * x - 0.3 * z + 1e-3 * x * y + 2e-3 * (2 * z**2 - x**2 - y**2)
    assert np.abs(np.asarray(mri.Shim(2).applied(field, grid, mask))).max() < 1e-9
    for order in (0, 1):
        left = np.asarray(mri.Shim(order).applied(field, grid, mask))
        basis = np.asarray(mri.Shim(order).harmonics(grid)).reshape(1 + 3 * order, -1)
        np.testing.assert_allclose(basis @ (mask * left).ravel(), 0, atol=1e-8)  # what is left is orthogonal
    slab = Grid((12, 10, 1), 10.0)
    assert np.all(np.isfinite(mri.Shim(2).applied(np.ones(slab.shape), slab, np.ones(slab.shape))))


def test_a_patient_shifts_its_spins_in_hertz():
    grid = Grid((24, 24, 24), 4.0)
    ball = shapes.Ellipsoid((0.0, 0.0, 0.0), (20.0, 20.0, 20.0)).voxelise(grid)
    patient = Phantom.from_fractions(grid, {"water": ball}, background="air")
    points = jnp.asarray([[0.0, 0.0, 32.0], [32.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    made = mri.SusceptibilityField(mri.Shim(0)).off_resonance(patient, 3.0, points)
    unit = (-9.05 - 0.36) / 3 * (20 / 32) ** 3 * 42.577478518 * 3.0
    assert np.asarray(made - made[2]) == pytest.approx([2 * unit, -unit, 0.0], abs=0.04 * abs(unit))
    double = mri.SusceptibilityField(mri.Shim(0)).off_resonance(patient, 6.0, points)
    np.testing.assert_allclose(double, 2 * made, rtol=1e-4)


def test_refusals():
    grid = Grid((3, 3, 3))
    with pytest.raises(InputError, match="needs to know where it is"):
        FIELD(np.zeros((3, 3, 3)))
    with pytest.raises(InputError, match="NaN"):
        FIELD(np.full((3, 3, 3), np.nan), grid)
    with pytest.raises(InputError, match="direction is"):
        FIELD(np.zeros((3, 3, 3)), grid, (0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="must have shape"):
        FIELD(np.zeros((3, 3, 2)), grid)
    with pytest.raises(InputError, match="order is 3"):
        mri.Shim(3)
    with pytest.raises(InputError, match="field map has"):
        mri.FieldMap(grid, np.full((3, 3, 3), np.inf))
