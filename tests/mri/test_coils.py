"""Fields of loops against Biot and Savart's integral, Maxwell's equations and the dipole far away; arrays and maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from physim import mri
from physim.mri.coils.loop_field import relative_field, relative_potential
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradient, nrmse, unchecked

TILTED = np.array([0.3, -0.5, 0.8]) / np.sqrt(0.98)


def one_loop(radius=50.0, normal=TILTED, centre=(10.0, -20.0, 5.0)):
    """Arguments of a single loop, in the precision in force."""
    made = (jnp.asarray([centre]), jnp.asarray([normal]), jnp.asarray([radius]))
    return tuple(part.astype(jnp.result_type(float)) for part in made)


def biot_savart(point, radius):
    """B/(μ₀I/2a) of a loop about z by numerical quadrature of dl × r / r³."""
    x, y, z = point

    def integrand(angle, part):
        r = np.array([x - radius * np.cos(angle), y - radius * np.sin(angle), z])
        dl = radius * np.array([-np.sin(angle), np.cos(angle), 0.0])
        return np.cross(dl, r)[part] / np.linalg.norm(r) ** 3

    options = {"epsabs": 1e-14, "epsrel": 1e-13, "limit": 400}
    return (
        np.array([quad(integrand, -np.pi, np.pi, args=(i,), **options)[0] for i in range(3)])
        * radius
        / (2 * np.pi)
    )


POINTS = [
    [1, 2, 3],
    [30, 0, 10],
    [0, 49, 2],
    [60, 20, -40],
    [0.01, 0.0, 20],
    [-300, 200, 500],
    [0.0, 51.0, -0.5],
]


@pytest.mark.parametrize(("precise", "tolerance"), [(True, 1e-11), (False, 2e-6)])
def test_equals_the_integral_everywhere(precise, tolerance):
    """Also at the wire, on the axis and far away, where textbook forms cancel."""
    with jax.enable_x64(precise):
        loop = one_loop(50.0, (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
        points = jnp.asarray(POINTS, jnp.result_type(float))
        made = np.asarray(relative_field(points, *loop))[:, 0].T
    for ours, point in zip(made, POINTS, strict=True):
        truth = biot_savart(np.array(point, float), 50.0)
        assert np.linalg.norm(ours - truth) < tolerance * np.linalg.norm(truth) * (
            8 if 48 < abs(point[1]) < 52 else 1
        )


@pytest.mark.usefixtures("x64")
def test_on_the_axis_it_is_the_school_formula():
    height = jnp.linspace(-400.0, 400.0, 9)
    centre, normal, radius = one_loop()
    points = centre + height[:, None] * normal
    made = np.asarray(relative_field(points, centre, normal, radius))[:, 0]
    truth = 50.0**3 / (50.0**2 + np.asarray(height) ** 2) ** 1.5 * np.asarray(normal).T
    np.testing.assert_allclose(made, truth, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("x64")
def test_far_away_it_is_a_dipole_and_nearer_it_converges_to_it_with_the_square():
    normal = TILTED
    direction = np.array([0.6, 0.0, 0.8])
    errors = []
    for distance in (1e3, 1e4):
        point = jnp.asarray([direction * distance])
        made = np.asarray(relative_field(point, *one_loop(centre=(0.0, 0.0, 0.0))))[:, 0, 0]
        dipole = (3 * direction * (direction @ normal) - normal) * 50.0**3 / (2 * distance**3)
        errors.append(np.linalg.norm(made - dipole) / np.linalg.norm(dipole))
    assert errors[1] < 5e-5
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.05)


@pytest.mark.usefixtures("x64")
def test_no_divergence_no_curl_and_the_curl_of_the_potential():
    loop = one_loop()
    field = lambda r: relative_field(r[None], *loop)[:, 0, 0]
    potential = lambda r: relative_potential(r[None], *loop)[:, 0, 0]
    on_axis = np.asarray(loop[0])[0] + 30 * TILTED
    for point in ([0.0, 0.0, 0.0], [70.0, -10.0, 30.0], on_axis, [10.0, -20.0, 5.0]):
        r = jnp.asarray(point)
        slope, curl = jax.jacobian(field)(r), jax.jacobian(potential)(r)
        assert abs(float(jnp.trace(slope))) < 1e-13
        np.testing.assert_allclose(slope, slope.T, atol=1e-13)
        turned = [curl[2, 1] - curl[1, 2], curl[0, 2] - curl[2, 0], curl[1, 0] - curl[0, 1]]
        np.testing.assert_allclose(turned, field(r), atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_flux_through_a_second_loop_is_the_same_either_way_round():
    """Reciprocity: the mutual inductance of two loops does not depend on which of them carries the current."""
    first, second = one_loop(), one_loop(30.0, (1.0, 0.0, 0.0), (60.0, 10.0, 20.0))

    def flux(of, through):
        angle = np.arange(400) * 2 * np.pi / 400
        centre, normal, radius = (np.asarray(a)[0] for a in through)
        u = np.cross(normal, [0.0, 1.0, 0.3])
        u /= np.linalg.norm(u)
        v = np.cross(normal, u)
        rim = centre + radius * (np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v)
        step = (-np.sin(angle)[:, None] * u + np.cos(angle)[:, None] * v) * radius * 2 * np.pi / 400
        a = np.asarray(relative_potential(jnp.asarray(rim), *of))[:, 0].T
        return np.sum(a * step) / np.asarray(of[2])[0]  # relative to μ₀I/2, no longer to the own radius

    assert flux(first, second) == pytest.approx(flux(second, first), rel=1e-12)


@pytest.mark.usefixtures("x64")
def test_sensitivity_is_what_reciprocity_says_and_has_derivatives():
    """A magnetisation m = Mx + i My that precesses clockwise induces, demodulated, (Bx − i By) m."""
    loops = mri.Loops([[0.0, 100.0, 0.0], [80.0, 0.0, 10.0]], [[0.0, 2.0, 0.0], [1.0, 0.0, 0.3]], 40.0)
    point = jnp.asarray([[10.0, 20.0, -15.0]])
    field = np.asarray(loops.field(point))[:, :, 0]
    m = 0.3 - 0.7j
    turn = np.arange(64) * 2 * np.pi / 64
    precessing = m * np.exp(-1j * turn)
    flux = field[0][:, None] * precessing.real + field[1][:, None] * precessing.imag
    demodulated = 2 * np.mean(flux * np.exp(1j * turn), axis=1)
    np.testing.assert_allclose(np.asarray(loops.sensitivity(point))[:, 0] * m, demodulated, rtol=1e-12)
    assert abs(loops.sensitivity(loops.centre[:1])[0, 0]) == pytest.approx(1.0)
    assert_gradient(lambda r: jnp.sum(jnp.abs(loops.sensitivity(r[None])) ** 2), point[0])
    place = lambda c: jnp.sum(mri.Loops(c, loops.normal, 40.0).sensitivity(point).imag)
    assert_gradient(place, loops.centre)


@pytest.mark.parametrize(
    "array", [mri.head_array(8), mri.head_array(32), mri.body_array(16), mri.body_array(5)]
)
def test_arrays_surround_and_are_scaled(array):
    middle = np.asarray(array.sensitivity(jnp.zeros((1, 3))))[:, 0]
    assert np.sqrt(np.sum(np.abs(middle) ** 2)) == pytest.approx(1.0, rel=1e-5)
    outward = np.sum(np.asarray(array.centre) * np.asarray(array.normal), axis=1)
    assert np.all(outward > 0)
    gap = np.linalg.norm(np.asarray(array.centre)[:, None] - np.asarray(array.centre), axis=-1)
    np.fill_diagonal(gap, np.inf)
    radius = float(array.radius[0])
    assert 0.8 * radius < gap.min() < 2.6 * radius


def test_a_ring_of_eight_is_the_same_from_each_side():
    array = mri.head_array(8, (120.0, 120.0, 120.0))
    angle = np.arange(8) * np.pi / 4 + 0.2
    ring = jnp.asarray(np.stack([60 * np.cos(angle), 60 * np.sin(angle), 0 * angle], axis=1), jnp.float32)
    seen = np.abs(np.asarray(array.sensitivity(ring)))
    for turn in range(8):
        np.testing.assert_allclose(np.roll(np.roll(seen, turn, 0), turn, 1), seen, rtol=2e-5)
    phase = np.angle(np.asarray(array.sensitivity(jnp.zeros((1, 3))))[:, 0])
    np.testing.assert_allclose(
        np.diff(np.unwrap(phase)), -np.pi / 4, atol=1e-5
    )  # exp(-i φ) of the coil's azimuth


def test_maps_are_interpolated_and_held_beyond():
    grid = Grid((4, 5, 6), (2.0, 3.0, 4.0), (1.0, 2.0, 3.0))
    x, y, z = np.moveaxis(np.asarray(grid.centres()), -1, 0)
    maps = mri.Maps(grid, np.stack([x + 2j * y, 1j * z - x * y]).astype(np.complex64))
    points = jnp.asarray([[2.5, 6.0, 8.0], [1.0, 2.0, 3.0], [7.0, 14.0, 23.0], [-50.0, 4.0, 5.0]])
    seen = np.asarray(maps.sensitivity(points))
    np.testing.assert_allclose(seen[0], [2.5 + 12j, 1 + 4j, 7 + 28j, 1 + 8j], atol=1e-5)
    np.testing.assert_allclose(seen[1], [8j - 15, 3j - 2, 23j - 98, 5j - 4], atol=1e-4)
    assert nrmse(mri.sensitivity_maps(maps, grid), maps.values) < 1e-6


def test_refusals():
    with pytest.raises(InputError, match="normal has 2 rows and centre 1"):
        mri.Loops([[0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]] * 2, 40.0)
    with pytest.raises(InputError, match="normal of loop 1 has no length"):
        mri.Loops([[0.0, 0.0, 0.0]] * 2, [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], 40.0)
    with pytest.raises(InputError, match="radius is -1"):
        mri.Loops([[0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]], -1.0)
    with pytest.raises(InputError, match="centre has 1 NaN"):
        mri.Loops([[0.0, np.nan, 0.0]], [[0.0, 1.0, 0.0]], 4.0)
    grid = Grid((2, 2, 2))
    with pytest.raises(InputError, match=r"write values\[None\]"):
        unchecked(mri.Maps)(grid, np.ones((2, 2, 2), complex))
    with pytest.raises(InputError, match="NaN"):
        mri.Maps(grid, np.full((1, 2, 2, 2), np.nan))
    with pytest.raises(InputError, match="count is 0"):
        mri.head_array(0)
