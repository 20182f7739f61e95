"""The factory of operators: every rule on a toy operator whose derivatives are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.core import linear_pair
from tests.helper import assert_adjoint, assert_gradient

ROTATION = linear_pair(
    "toy_rotation",
    lambda static, p, x: jnp.stack([jnp.cos(p[0]) * x[0] - jnp.sin(p[0]) * x[1], jnp.sin(p[0]) * x[0] + jnp.cos(p[0]) * x[1]]),
    lambda static, p, y: jnp.stack([jnp.cos(p[0]) * y[0] + jnp.sin(p[0]) * y[1], jnp.cos(p[0]) * y[1] - jnp.sin(p[0]) * y[0]]),
)  # fmt: skip


def rotate(angle, x):
    return ROTATION.apply((), (angle,), x)


@pytest.fixture
def world(x64):
    rng = np.random.default_rng(0)
    return (
        jnp.asarray(0.7),
        jnp.asarray(rng.standard_normal((2, 5))),
        jnp.asarray(rng.standard_normal((2, 5))),
    )


def test_adjoint_and_linear_transpose(world):
    angle, x, y = world
    assert_adjoint(lambda x: rotate(angle, x), lambda y: ROTATION.transpose((), (angle,), y), x, y, 1e-15)
    (back,) = jax.linear_transpose(lambda x: rotate(angle, x), x)(y)
    np.testing.assert_allclose(back, ROTATION.transpose((), (angle,), y))


def test_first_derivatives(world):
    angle, x, y = world
    assert_gradient(lambda a: jnp.sum(y * jnp.sin(rotate(a, x))), angle)
    assert_gradient(lambda x: jnp.sum(y * jnp.sin(rotate(angle, x))), x)
    assert_gradient(lambda a: jnp.sum(x * jnp.sin(ROTATION.transpose((), (a,), y))), angle)


def test_second_and_mixed_derivatives(world):
    angle, x, y = world
    loss = lambda a, x: jnp.sum(y * jnp.sin(rotate(a, x)))
    assert_gradient(lambda a: jax.grad(loss)(a, x), angle)
    assert_gradient(lambda x: jax.grad(loss)(angle, x), x)
    assert_gradient(lambda a: jnp.sum(y * jax.grad(loss, 1)(a, x)), angle)
    hessian = jax.hessian(lambda x: loss(angle, x))(x)
    np.testing.assert_allclose(hessian, np.moveaxis(np.asarray(hessian), (2, 3), (0, 1)), atol=1e-12)


def test_vmap_in_every_argument(world):
    angle, x, _ = world
    angles, xs = jnp.linspace(0, 1, 4), jnp.stack([x, 2 * x, 3 * x, 4 * x])
    np.testing.assert_allclose(
        jax.vmap(rotate)(angles, xs), jnp.stack([rotate(a, v) for a, v in zip(angles, xs, strict=True)])
    )
    np.testing.assert_allclose(jax.vmap(rotate, (0, None))(angles, x)[2], rotate(angles[2], x))
    np.testing.assert_allclose(
        jax.vmap(rotate, (None, 1), 1)(angle, jnp.moveaxis(xs, 0, 1))[:, 3], rotate(angle, xs[3])
    )


def test_grad_of_vmap_and_vmap_of_grad_agree(world):
    angle, x, y = world
    xs = jnp.stack([x, -x, 2 * x])
    loss = lambda a, x: jnp.sum(y * jnp.sin(rotate(a, x)))
    outside = jax.grad(lambda a: jnp.sum(jax.vmap(loss, (None, 0))(a, xs)))(angle)
    inside = jnp.sum(jax.vmap(jax.grad(loss), (None, 0))(angle, xs))
    np.testing.assert_allclose(outside, inside)


def test_not_linear_in_the_parameters(world):
    angle, x, y = world
    with pytest.raises(Exception, match="linear"):
        jax.linear_transpose(lambda a: rotate(a, x), angle)(y)
