"""Lines sampled a vector at a time, against the same sum written out in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from physim_kernels.lanes import PAD, resample

# Weights as the projectors use them: Joseph and distance-driven, forward and transposed, by the size of a step.
WEIGHTS = {
    "linear": lambda size: (1.0, 1.0, 1.0),
    "footprint": lambda size: (0.5 * (1 + 1 / size), 1 / size, min(1.0, 1 / size)),
    "linear transposed": lambda size: (1.0, 1 / size, 1.0),
    "footprint transposed": lambda size: (0.5 * (1 + size), 1.0, min(1.0, size)),
}


@njit
def sample(target, line, begin, step, first, last, half, slope, top):
    resample(target, line, begin, step, first, last, half, slope, top)


def expected(values, begin, step, count, half, slope, top):
    away = np.abs(begin + step * np.arange(count)[:, None] - np.arange(values.size))
    return np.clip(half - slope * away, 0, top) @ values.astype(float)


def sampled(values, begin, step, count, half, slope, top):
    """The places that meet the line, sampled; the others are left at 0."""
    line, target = np.zeros(values.size + 2 * PAD, values.dtype), np.zeros(count + PAD, values.dtype)
    line[PAD:-PAD] = values
    places, reach = begin + step * np.arange(count), half / slope
    met = np.flatnonzero((places > -reach) & (places < values.size - 1 + reach))
    if met.size:
        sample(target, line, begin, step, met[0], met[-1], half, slope, top)
        target[met[-1] + 1 :] = 0
    return target[:count]


def assert_sampled(values, begin, step, count, weights):
    exact = expected(values, begin, step, count, *weights)
    tolerance = 200 * np.finfo(values.dtype).eps * max(1.0, weights[2] * weights[0] / weights[1])
    np.testing.assert_allclose(sampled(values, begin, step, count, *weights), exact, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", WEIGHTS)
@given(
    size=st.one_of(st.just(1.0), st.floats(0.1, 1.7), st.floats(1.0, 12.0)),
    backwards=st.booleans(),
    begin=st.floats(-20, 90),
    lengths=st.tuples(st.integers(1, 80), st.integers(1, 90)),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_a_line_is_sampled_as_the_sum_says(name, dtype, size, backwards, begin, lengths, seed):
    values = np.random.default_rng(seed).uniform(-1, 1, lengths[0]).astype(dtype)
    assert_sampled(values, begin, -size if backwards else size, lengths[1], WEIGHTS[name](size))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("step", [1.0, -1.0])
def test_places_that_round_onto_the_next_voxel_lose_nothing(name, dtype, step):
    # In the middle of a vector, single precision cannot tell such places from the whole number.
    values = np.random.default_rng(1).uniform(-1, 1, 40).astype(dtype)
    for begin in (1 - 2.0**-25, 2.0**-25, 1 - 2.0**-54, 0.5 - 2.0**-26, 2.0**-60):
        assert_sampled(values, begin if step > 0 else 39 - begin, step, 40, WEIGHTS[name](1.0))
