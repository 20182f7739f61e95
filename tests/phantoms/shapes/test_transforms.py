"""Disc and ball transforms against scipy, near zero, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from physim_phantoms.shapes.transforms import ball, disc

X = np.concatenate([np.linspace(1e-3, 60, 4001), np.geomspace(60, 5e3, 500)])


def test_disc_is_the_bessel_function(x64):
    ours = np.asarray(disc(jnp.asarray(X**2)))
    np.testing.assert_allclose(ours, 2 * scipy.special.j1(X) / X, atol=2e-15, rtol=0)
    np.testing.assert_allclose(X / 2 * ours, scipy.special.j1(X), atol=1e-13, rtol=0)


def test_ball_is_the_spherical_bessel_function(x64):
    np.testing.assert_allclose(
        ball(jnp.asarray(X**2)), 3 * scipy.special.spherical_jn(1, X) / X, atol=5e-15, rtol=0
    )


def test_derivatives_are_the_next_order(x64):
    """d/ds Λ_ν = −Λ_{ν+1} / (4(ν+1)), with Λ_2 = 8 J₂/x² and Λ_{5/2} = 15 j₂/x²; across the joints between formulas too."""
    x = np.concatenate([np.linspace(0.3, 40, 500), [2 - 1e-9, 2 + 1e-9, 25 - 1e-9, 25 + 1e-9]])
    s = jnp.asarray(x**2)
    slope = jax.vmap(jax.grad(disc))(s)
    np.testing.assert_allclose(slope, -scipy.special.jv(2, x) * 8 / x**2 / 8, atol=1e-14)
    slope = jax.vmap(jax.grad(ball))(s)
    np.testing.assert_allclose(slope, -scipy.special.spherical_jn(2, x) * 15 / x**2 / 10, atol=1e-14)


def test_zero_frequency_is_smooth(x64):
    """1 and −1/(4(ν+1)) at s = 0, and the second derivative 1/(16 (ν+1)(ν+2))."""
    for transform, order in ((disc, 1.0), (ball, 1.5)):
        assert transform(jnp.asarray(0.0)) == 1
        np.testing.assert_allclose(jax.grad(transform)(0.0), -1 / (4 * (order + 1)), rtol=1e-15)
        np.testing.assert_allclose(
            jax.grad(jax.grad(transform))(0.0), 1 / (16 * (order + 1) * (order + 2)), rtol=1e-15
        )


def test_single_precision():
    s = jnp.asarray(X**2, jnp.float32)
    assert disc(s).dtype == jnp.float32
    small = X < 100  # beyond, rounding the argument itself is the larger error
    np.testing.assert_allclose(np.asarray(disc(s))[small], (2 * scipy.special.j1(X) / X)[small], atol=1e-6)
    np.testing.assert_allclose(
        np.asarray(ball(s))[small], (3 * scipy.special.spherical_jn(1, X) / X)[small], atol=1e-6
    )
