"""The conservative stencil: conservation, symmetry, order of convergence, kernel against reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

import physim_kernels
from physim import core
from physim_phantoms import InputError
from tests.helper import assert_adjoint, assert_gradients, assert_order, assert_same

SHAPE = (7, 9, 11)


def medium(seed: int = 0, dtype=np.float64, shape=SHAPE):
    """A random field, random faces that keep one step monotone, and a domain with holes."""
    rng = np.random.default_rng(seed)
    domain = rng.uniform(size=shape) > 0.2
    faces = core.face_coefficients(jnp.asarray(rng.uniform(0, 1, shape), dtype), (1.0, 1.5, 2.0), domain)
    return jnp.asarray(rng.uniform(0, 1, shape), dtype), faces, domain


@pytest.mark.usefixtures("x64")
def test_equals_a_dense_matrix():
    u, faces, _ = medium()
    matrix = np.eye(u.size)
    number = np.arange(u.size).reshape(SHAPE)
    for axis, face in enumerate((faces.x, faces.y, faces.z)):
        low, high = np.moveaxis(number, axis, 0)[:-1].ravel(), np.moveaxis(number, axis, 0)[1:].ravel()
        c = 0.1 * np.moveaxis(np.asarray(face), axis, 0)[:-1].ravel()
        for i, j, value in zip(low, high, c, strict=True):
            matrix[i, j] += value
            matrix[j, i] += value
            matrix[i, i] -= value
            matrix[j, j] -= value
    np.testing.assert_allclose(
        core.diffuse(u, faces, 0.1).ravel(), matrix @ np.asarray(u).ravel(), atol=1e-14
    )


@pytest.mark.usefixtures("x64")
def test_mass_is_conserved_and_constants_stay():
    u, faces, _ = medium(1)
    out = core.react_diffuse(u, faces, 0.0, 0.1, 200)
    assert abs(float(jnp.sum(out) / jnp.sum(u)) - 1) < 1e-13
    ones = jnp.ones_like(u)
    np.testing.assert_allclose(core.react_diffuse(ones, faces, 0.0, 0.1, 50), 1.0, rtol=1e-14)


@pytest.mark.usefixtures("x64")
def test_nothing_leaves_the_domain():
    u, faces, domain = medium(2)
    u = jnp.where(domain, u, 0)
    out = core.react_diffuse(u, faces, 0.05, 0.1, 100)
    np.testing.assert_array_equal(np.asarray(out)[~domain], 0)


@pytest.mark.usefixtures("x64")
def test_one_step_is_self_adjoint():
    u, faces, _ = medium(3)
    v = jnp.asarray(np.random.default_rng(9).standard_normal(SHAPE))
    step = lambda x: core.diffuse(x, faces, 0.1)
    assert_adjoint(step, step, u, v, 1e-14)
    (back,) = jax.linear_transpose(step, u)(v)
    np.testing.assert_allclose(back, step(v), atol=1e-15)


# Seven steps are two sweeps of the kernel, fewer are one: each precision meets both of these, and a rate and a map.
_SHORT = {(np.float32, 0.3, 1), (np.float64, "map", 1), (np.float32, "map", 2), (np.float64, 0.3, 2)}
_MARCHES = [
    pytest.param(t, r, n, marks=() if n == 7 or (t, r, n) in _SHORT else pytest.mark.slow)
    for t in (np.float32, np.float64)
    for r in (0.0, 0.3, "map")
    for n in (1, 2, 7)
]


@pytest.mark.parametrize(("dtype", "rate", "steps"), _MARCHES)
def test_kernel_equals_reference(dtype, rate, steps, x64):
    u, faces, _ = medium(4, dtype)
    rate = jnp.asarray(np.random.default_rng(5).uniform(0, 1, SHAPE), dtype) if rate == "map" else rate
    fast = core.react_diffuse(u, faces, rate, 0.1, steps)
    with physim_kernels.disabled():
        slow = jax.jit(lambda u: 1 * core.react_diffuse(u, faces, rate, 0.1, steps))(u)
    assert_same(fast, slow, 1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 2), (3, 1, 1), (2, 2, 1)])
def test_thin_grids(shape):
    u = jnp.asarray(np.random.default_rng(0).uniform(size=shape), jnp.float32)
    faces = core.face_coefficients(jnp.ones(shape), (1.0, 1.0, 1.0))
    fast = core.react_diffuse(u, faces, 0.1, 0.1, 3)
    with physim_kernels.disabled():
        assert_same(fast, core.react_diffuse(u + 0, faces, 0.1, 0.1, 3), 1e-6)


@pytest.mark.usefixtures("x64")
def test_reaction_alone_is_the_exact_logistic_curve():
    u = jnp.linspace(0.01, 0.99, 27).reshape(3, 3, 3)
    faces = core.face_coefficients(jnp.zeros((3, 3, 3)), (1.0, 1.0, 1.0))
    out = core.react_diffuse(u, faces, 0.4, 0.5, 12)
    truth = expit(np.log(u / (1 - u)) + 0.4 * 0.5 * 12)
    np.testing.assert_allclose(out, truth, rtol=1e-13)


@pytest.mark.usefixtures("x64")
def test_order_two_in_space():
    """A cosine mode decays as exp(-D k² t); the fine time step leaves the spatial error."""

    def error(n: int) -> float:
        h, k, t = 1.0 / n, np.pi, 0.05
        x = (np.arange(n) + 0.5) * h
        u = jnp.asarray(np.broadcast_to(np.cos(k * x)[:, None, None], (n, 2, 2)).copy())
        faces = core.face_coefficients(jnp.ones((n, 2, 2)), (h, h, h))
        steps = 40 * n * n // 16
        dt = t / steps
        # The explicit step multiplies a mode by 1 - λ dt; comparing with the exact semi-discrete time factor isolates space.
        out = core.react_diffuse(u, faces, 0.0, dt, steps)
        discrete = (1 - dt * k * k) ** steps
        return float(np.max(np.abs(np.asarray(out)[:, 0, 0] - discrete * np.cos(k * x))))

    assert_order(error, [8, 16, 32], 2.0)


@pytest.mark.usefixtures("x64")
def test_derivatives_of_many_steps():
    u, _, domain = medium(6, shape=(4, 5, 3))
    weight = jnp.asarray(np.random.default_rng(7).standard_normal(u.shape))
    loss = lambda v: jnp.sum(weight * v**2)

    def end(p):
        faces = core.face_coefficients(p["diffusivity"], (1.0, 1.5, 2.0), domain)
        return loss(core.react_diffuse(p["u"], faces, p["rate"], 0.1, 9))

    here = {"u": u, "rate": 0.2, "diffusivity": np.random.default_rng(8).uniform(0.2, 1, u.shape)}
    assert_gradients(end, here, dict.fromkeys(here, 1e-5), directions=3)


def test_vmap_over_patients(key):
    u = jax.random.uniform(key, (3, *SHAPE))
    _, faces, _ = medium(0, np.float32)
    batched = jax.vmap(lambda u: core.react_diffuse(u, faces, 0.1, 0.1, 4))(u)
    np.testing.assert_array_equal(batched, jnp.stack([core.react_diffuse(v, faces, 0.1, 0.1, 4) for v in u]))


def test_stable_steps_keep_the_bounds():
    rng = np.random.default_rng(3)
    u = jnp.asarray(rng.integers(0, 2, (8, 8, 8)), jnp.float32)
    faces = core.face_coefficients(jnp.asarray(rng.uniform(0, 3, (8, 8, 8)), jnp.float32), (1.0, 0.7, 1.3))
    steps = core.stable_steps(faces, 10.0)
    out = core.react_diffuse(u, faces, 0.05, 10.0 / steps, steps)
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1 + 1e-6
    # The bound is sharp: a step beyond it leaves [0, 1] on a checkerboard.
    checker = jnp.asarray(np.indices((8, 8, 8)).sum(0) % 2, jnp.float32)
    uniform = core.face_coefficients(jnp.ones((8, 8, 8)), (1.0, 1.0, 1.0))
    assert float(core.diffuse(checker, uniform, 1.2 / 6).max()) > 1


@pytest.mark.parametrize(
    ("diffusivity", "words"), [(-1.0, "must lie between 0"), (np.nan, "NaN"), (np.inf, "NaN or infinite")]
)
def test_bad_diffusivity_is_refused(diffusivity, words):
    with pytest.raises(InputError, match=words):
        core.face_coefficients(jnp.full((2, 2, 2), diffusivity), (1.0, 1.0, 1.0))
