"""Crosstalk and lag against their closed forms: eigenvectors, exponentials, conservation, transposes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim.ct.detection import Crosstalk, Lag
from tests.helper import assert_adjoint, assert_gradient

RNG = np.random.default_rng(0)


def test_crosstalk_of_one_pixel_is_the_kernel():
    image = np.zeros((1, 5, 7), np.float32)
    image[0, 2, 3] = 1.0
    read = np.asarray(Crosstalk(row=0.01, column=0.04).apply(jnp.asarray(image)))[0]
    np.testing.assert_allclose(read[1:4, 2:5], np.outer([0.01, 0.98, 0.01], [0.04, 0.92, 0.04]), rtol=1e-6)
    assert np.count_nonzero(read) == 9


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("k", "m"), [(1, 0), (0, 3), (4, 6)])
def test_cosines_are_the_eigenvectors_of_crosstalk(k, m):
    """The cosines of the discrete cosine transform diagonalise diffusion between reflecting borders."""
    rows, columns, c, d = 5, 8, 0.03, 0.11
    wave = np.outer(
        np.cos(np.pi * k * (np.arange(rows) + 0.5) / rows),
        np.cos(np.pi * m * (np.arange(columns) + 0.5) / columns),
    )
    factor = (1 - 2 * c * (1 - math.cos(math.pi * k / rows))) * (
        1 - 2 * d * (1 - math.cos(math.pi * m / columns))
    )
    np.testing.assert_allclose(Crosstalk(c, d).apply(jnp.asarray(wave)), factor * wave, atol=1e-14)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.25), st.floats(0, 0.25), st.integers(1, 5), st.integers(1, 5))
def test_crosstalk_loses_nothing_and_is_its_own_transpose(row, column, rows, columns):
    x, y = (RNG.random((2, rows, columns)).astype(np.float32) for _ in range(2))
    apply = Crosstalk(row, column).apply
    assert np.sum(apply(jnp.asarray(x))) == pytest.approx(np.sum(x), rel=1e-5)
    assert_adjoint(apply, apply, jnp.asarray(x), jnp.asarray(y), 1e-6)


def pulse(views, at, lag, durations):
    signal = np.zeros((1, views, 1, 1))
    signal[0, at] = 1.0
    return np.asarray(lag.apply(jnp.asarray(signal), durations)).ravel()


@pytest.mark.usefixtures("x64")
def test_lag_of_one_view_is_a_sum_of_exponentials():
    step, fractions, constants = 1e-3, np.array([0.05, 0.02]), np.array([2e-3, 30e-3])
    made = pulse(200, 5, Lag(fractions, constants), jnp.full(200, step))
    later = np.arange(195)
    # Light that comes out between the views' borders, averaged over the view of its photons: a geometric series.
    ratio = np.exp(-step / constants)
    truth = ((1 - ratio) * fractions * ratio ** later[:, None]).sum(1) + (later == 0) * (1 - fractions.sum())
    np.testing.assert_allclose(made[:5], 0)
    np.testing.assert_allclose(made[5:], truth, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_all_light_comes_out_in_the_end():
    lag = Lag((0.3, 0.1), (1e-3, 5e-3))
    assert pulse(400, 0, lag, jnp.full(400, 1e-3)).sum() == pytest.approx(1.0, rel=1e-12)
    steady = lag.apply(jnp.ones((1, 400, 2, 2)), jnp.full(400, 1e-3))
    np.testing.assert_allclose(steady[0, -1], 1.0, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_lag_does_not_depend_on_how_time_is_cut():
    """Two half views of equal signal end in the same glow as one whole view."""
    lag = Lag((0.3,), (2e-3,))
    halves = lag.apply(jnp.asarray([1.0, 1.0, 0.0]).reshape(1, 3, 1, 1), jnp.asarray([1e-3, 1e-3, 2e-3]))
    whole = lag.apply(jnp.asarray([1.0, 0.0]).reshape(1, 2, 1, 1), jnp.asarray([2e-3, 2e-3]))
    assert float(halves[0, 2, 0, 0]) == pytest.approx(float(whole[0, 1, 0, 0]), rel=1e-12)


@pytest.mark.usefixtures("x64")
def test_the_light_of_each_view_is_found_again_from_what_was_read():
    lag, durations = Lag((0.3, 0.1), (1e-3, 5e-3)), jnp.linspace(1e-3, 2e-3, 6)
    light = RNG.random((2, 6, 2, 3))
    np.testing.assert_allclose(
        lag.undone(lag.apply(jnp.asarray(light), durations), durations), light, rtol=1e-12
    )


@pytest.mark.usefixtures("x64")
def test_lag_is_linear_and_differentiable():
    durations = jnp.linspace(1e-3, 2e-3, 6)
    x, y = (jnp.asarray(RNG.random((2, 6, 2, 3))) for _ in range(2))
    apply = lambda signal: Lag((0.2, 0.05), (2e-3, 9e-3)).apply(signal, durations)
    transpose = jax.linear_transpose(apply, x)
    assert_adjoint(apply, lambda v: transpose(v)[0], x, y, 1e-14)
    numbers = lambda p: jnp.sum(Lag(p[:2], p[2:] / 1000).apply(x, durations) ** 2)
    assert_gradient(numbers, jnp.asarray([0.2, 0.05, 2.0, 9.0]), tolerance=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Crosstalk(0.3, 0.0), "row is 0.3; it must lie between 0 and 0.25"),
        (lambda: Crosstalk(0.0, math.nan), "column is nan"),
        (lambda: Lag((0.1,), (1e-3, 2e-3)), "1 fractions and 2 time_constants"),
        (lambda: Lag((0.7, 0.6), (1e-3, 2e-3)), "sum of fractions is 1.3"),
        (lambda: Lag((0.1,), (0.0,)), "time_constants is 0"),
    ],
)
def test_bad_crosstalk_and_lag_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
