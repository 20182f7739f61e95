"""Segments through shapes against closed-form chords, numerical quadrature and symmetries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given, settings
from hypothesis import strategies as st

from physim_phantoms import shapes
from tests.helper import assert_gradient

from .bodies import BODIES, SOLIDS


def _rays(number, seed=1):
    """Segments from 30 mm away, through places near the origin, to the other side."""
    rng = np.random.default_rng(seed)
    away = rng.standard_normal((number, 3))
    away *= 30 / np.linalg.norm(away, axis=-1, keepdims=True)
    through = rng.uniform(-2, 2, (number, 3))
    return through - away, through + 0.9 * away


def test_sphere_chord(x64):
    """2 √(R² − b²) for a ray at distance b, from both near and far."""
    b = np.linspace(0, 9.9, 50)
    for far in (20.0, 600.0):
        source = np.stack([np.full(50, -far), b, 0 * b], -1)
        target = np.stack([np.full(50, far), b, 0 * b], -1)
        chord = shapes.Ellipsoid((0, 0, 0), 10.0).line_integral(source, target)
        np.testing.assert_allclose(chord, 2 * np.sqrt(100 - b**2), rtol=1e-12 if far < 100 else 1e-11)


def test_box_and_cylinder_chords(x64):
    box = shapes.Box((0, 0, 0), (2.0, 4.0, 6.0), value=3.0)
    np.testing.assert_allclose(box.line_integral((-10.0, 0, 0), (10.0, 0, 0)), 6.0, rtol=1e-14)
    # The cube's diagonal, and a ray at 45° that cuts a corner: |y| at x = −1 is 1.5, so it leaves through y = 2 at x = −0.5.
    np.testing.assert_allclose(
        shapes.Box((0, 0, 0), 2.0).line_integral((-5.0, -5, -5), (5.0, 5, 5)), 2 * np.sqrt(3), rtol=1e-14
    )
    np.testing.assert_allclose(
        box.line_integral((-3.0, -0.5, 0), (2.0, 4.5, 0)), 3 * 0.5 * np.sqrt(2), rtol=1e-13
    )
    rod = shapes.Cylinder((0, 0, 0), 2.0, 6.0)
    np.testing.assert_allclose(rod.line_integral((-9.0, 1, 1), (9.0, 1, 1)), 2 * np.sqrt(3), rtol=1e-14)
    np.testing.assert_allclose(rod.line_integral((1.0, 1, -9), (1.0, 1, 9)), 6.0, rtol=1e-14)
    # Nearly along the axis, where the plain quadratic formula cancels: only the ends cut the ray.
    np.testing.assert_allclose(rod.line_integral((1.0, 1, -9), (1.0 + 1e-7, 1, 9)), 6.0, rtol=1e-12)


@pytest.mark.parametrize("name", BODIES)
def test_against_quadrature(name, x64):
    """The density integrated numerically along the segment; its jumps are located by bisection on the density alone."""
    body = BODIES[name]()
    sources, targets = _rays(8)
    ours = np.asarray(body.line_integral(sources, targets))
    assert np.count_nonzero(ours) >= 6
    for source, target, value in zip(sources, targets, ours, strict=True):
        along = lambda t, a=source, b=target: body.density(a + np.asarray(t)[..., None] * (b - a))
        length = np.linalg.norm(target - source)
        if name == "gaussian":
            nodes, weights = np.polynomial.legendre.leggauss(400)
            truth = length / 2 * np.sum(weights * np.asarray(along((nodes + 1) / 2)))
        else:
            truth = _solid_quadrature(along) * length
        np.testing.assert_allclose(value, truth, rtol=1e-12, atol=1e-12)


def _solid_quadrature(along):
    """∫₀¹ of a function that is constant between two jumps: scan, then bisect each jump to the last bit."""
    t = np.linspace(0, 1, 4001)
    inside = np.asarray(along(t)) > 0
    if not inside.any():
        return 0.0
    edges = []
    for n in np.flatnonzero(np.diff(inside.astype(int))):
        low, high, state = t[n], t[n + 1], inside[n]
        for _ in range(55):
            middle = (low + high) / 2
            low, high = (middle, high) if (float(along(middle)) > 0) == state else (low, middle)
        edges.append(high)
    assert len(edges) == 2, "the segment must enter and leave"
    return (edges[1] - edges[0]) * float(along(np.mean(edges)))


@pytest.mark.parametrize("name", BODIES)
def test_segments_add_up(name, x64):
    """Cut anywhere, also inside the object, the pieces sum to the whole; beyond the detector nothing counts."""
    body = BODIES[name]()
    source, target = np.array([-20.0, 1.0, 0.5]), np.array([22.0, -1.0, 1.0])
    cuts = source + np.linspace(0, 1, 14)[:, None] * (target - source)
    pieces = body.line_integral(cuts[:-1], cuts[1:])
    whole = body.line_integral(source, target)
    assert whole > 1
    np.testing.assert_allclose(jnp.sum(pieces), whole, rtol=1e-12)
    if name in SOLIDS:
        near = np.array([0.7, -0.4, 0.3])
        np.testing.assert_allclose(
            body.line_integral(near, near + np.array([0.1, 0.2, 0.2])), 0.3 * 1.7, rtol=1e-12
        )
        np.testing.assert_array_equal(body.line_integral(near, near), 0.0)


@pytest.mark.parametrize("name", BODIES)
def test_turning_everything_changes_nothing(name, x64):
    """Rotation and translation covariance."""
    turn = shapes.rotation_about((-1.0, 0.3, 0.2), 1.1)
    shift = np.array([3.0, -8.0, 5.0])
    sources, targets = _rays(20, seed=2)
    body = BODIES[name]()
    moved = BODIES[name](centre=turn @ np.asarray(body.centre) + shift, turn=turn @ np.asarray(body.rotation))
    there = moved.line_integral(sources @ turn.T + shift, targets @ turn.T + shift)
    here = body.line_integral(sources, targets)
    assert np.count_nonzero(here) > 5
    np.testing.assert_allclose(there, here, atol=1e-12)


@pytest.mark.parametrize("name", BODIES)
def test_gradients(name, x64):
    """With respect to both ends (one inside), centre, size and rotation, against central differences."""
    body = BODIES[name]()
    dynamic, rebuild = jax.flatten_util.ravel_pytree(body)

    def outer(x):
        return rebuild(x[6:]).line_integral(x[:3], x[3:6])

    ends = jnp.concatenate([jnp.array([-20.0, 0.5, 0.2, 21.0, -0.3, 0.6]), dynamic])
    assert_gradient(outer, ends, tolerance=1e-6)
    inside = jnp.concatenate([jnp.array([-20.0, 0.5, 0.2, 1.0, -0.3, 0.6]), dynamic])
    assert_gradient(outer, inside, tolerance=1e-6)


@pytest.mark.parametrize("name", BODIES)
def test_gradients_never_nan(name):
    """Misses, touching rays, rays along axes, resting and coincident ends; in float32."""
    body = BODIES[name](centre=np.zeros(3), turn=None)
    sources = jnp.array(
        [[-9.0, 50, 0], [0, 0, 0], [-9, 0, 0], [0, 0, -9], [6, -9, 0], [3.5, 0, -9.0], [-9, 1.0, 2.0]]
    )
    targets = jnp.array(
        [[9.0, 50, 0], [0, 0, 0], [9, 0, 0], [0, 0, 9], [6, 9, 0], [3.5, 0, 9.0], [9, 1.0, 2.0]]
    )
    total = lambda b, s, t: jnp.sum(b.line_integral(s, t))
    gradients = jax.grad(total, argnums=(0, 1, 2))(jax.tree.map(jnp.asarray, body), sources, targets)
    for part in jax.tree.leaves(gradients):
        assert np.all(np.isfinite(part))


def test_single_precision_stays_single():
    body = BODIES["ellipsoid"]()
    sources, targets = _rays(200)
    single = body.line_integral(sources.astype(np.float32), targets.astype(np.float32))
    assert single.dtype == jnp.float32
    with jax.enable_x64(True):
        double = np.asarray(body.line_integral(sources, targets))
    assert np.sqrt(np.mean((single - double) ** 2)) < 3e-5 * double.max()


position = st.tuples(*[st.floats(-30, 30, allow_subnormal=False)] * 3).map(np.array)
size = st.floats(0.05, 20)
angle = st.floats(-3.2, 3.2)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SOLIDS), position, st.tuples(size, size, size), angle, position, position)
def test_any_segment_through_any_solid(name, centre, sizes, turn, source, target):
    """Positive volume, the same both ways, between nothing and value × length, nothing off the bounding sphere."""
    turn = shapes.rotation_about((1.0, 0.4, -0.2), turn)
    a, b, c = sizes
    body, radius = {
        "ellipsoid": (shapes.Ellipsoid(centre, (a, b, c), turn, 2.0), max(a, b, c)),
        "box": (shapes.Box(centre, (a, b, c), turn, 2.0), np.sqrt(a * a + b * b + c * c) / 2),
        "cylinder": (shapes.Cylinder(centre, a, b, turn, 2.0), np.sqrt(a * a + b * b / 4)),
    }[name]
    with jax.enable_x64(True):
        assert float(body.volume) > 0
        there, back = float(body.line_integral(source, target)), float(body.line_integral(target, source))
    length = np.linalg.norm(target - source)
    # A ray that grazes a surface loses half the digits: the chord goes as the square root of the depth.
    assert abs(there - back) <= 1e-6 * radius
    assert 0 <= there <= 2.0 * min(length, 2 * radius) * (1 + 1e-12)
    if _distance(np.asarray(body.centre), source, target) > radius * (1 + 1e-9):
        assert there == 0


def _distance(point, source, target):
    step = target - source
    t = np.clip(np.dot(point - source, step) / max(np.dot(step, step), 1e-300), 0, 1)
    return float(np.linalg.norm(source + t * step - point))


def test_gaussian_line_is_its_marginal(x64):
    """A line through everything, along an axis: the closed form √(2π) σ exp(−½ (b/σ)²)."""
    blob = shapes.Gaussian((0, 0, 0), (2.0, 3.0, 4.0), None, 1.5)
    value = blob.line_integral((-200.0, 2.0, 1.0), (200.0, 2.0, 1.0))
    truth = 1.5 * np.sqrt(2 * np.pi) * 2 * np.exp(-0.5 * (4 / 9 + 1 / 16))
    np.testing.assert_allclose(value, truth, rtol=1e-13)
    quad, _ = scipy.integrate.quad(
        lambda x: 1.5 * np.exp(-0.5 * (x * x / 4 + 4 / 9 + 1 / 16)), -1.0, 5.0, epsabs=1e-14
    )
    np.testing.assert_allclose(blob.line_integral((-1.0, 2.0, 1.0), (5.0, 2.0, 1.0)), quad, rtol=1e-12)
