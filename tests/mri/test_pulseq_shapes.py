"""Shapes: the examples of the specification, and what comes out is what went in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim.mri.pulseq.rotations import quaternion_of, rotation_matrix
from physim.mri.pulseq.shapes import compress, decompress

RAMPS = np.array([0, 0.1, 0.25, 0.5, 1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0])
EXAMPLES = {
    "ramps": (RAMPS, [0, 0.1, 0.15, 0.25, 0.5, 0, 0, 4, -0.25, -0.25, 2]),
    "zeros": (np.zeros(100), [0, 0, 98]),
    "ones": (np.ones(100), [1, 0, 0, 97]),
}


@pytest.mark.parametrize(("samples", "stored"), EXAMPLES.values(), ids=EXAMPLES)
def test_examples_of_the_specification(samples, stored):
    np.testing.assert_allclose(compress(samples), stored, atol=1e-15)
    np.testing.assert_allclose(
        decompress(np.array(stored, float), len(samples), "shape 1"), samples, atol=1e-15
    )


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, -0.25, 1 / 3, 1.0, 0.125]), st.integers(1, 6)),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_what_comes_out_is_what_went_in(runs, sums):
    samples = np.concatenate([np.full(length, value) for value, length in runs])
    if sums:
        samples = np.cumsum(samples) / 64
    stored = compress(samples)
    assert len(stored) <= len(samples)
    assert np.abs(decompress(stored, len(samples), "shape") - samples).max() < 1.1e-12
    # Compressed shapes are never as long as their samples: that would mean uncompressed.
    assert stored is samples or len(stored) < len(samples)


def test_long_shapes_do_not_drift():
    samples = np.concatenate([np.linspace(0, 1, 50_001), np.ones(50_000)])
    stored = compress(samples)
    assert len(stored) < 100
    assert np.abs(decompress(stored, len(samples), "shape") - samples).max() < 1e-11


def test_large_numbers_are_kept_as_they_are():
    times = np.arange(10) * 1e9
    assert compress(times) is times


def test_equal_counts_mean_compression_in_old_files_only():
    stored = np.array([0.125, 0.25, 0.25, 1.0])
    assert decompress(stored, 4, "shape") is stored
    np.testing.assert_allclose(decompress(stored, 4, "shape", always=True), [0.125, 0.375, 0.625, 0.875])


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1))
@settings(max_examples=200, deadline=None)
def test_quaternions(numbers):
    unit = np.array(numbers) / np.linalg.norm(numbers)
    matrix = rotation_matrix(unit, "rotation 1")
    assert np.abs(matrix @ matrix.T - np.eye(3)).max() < 1e-14
    assert np.linalg.det(matrix) == pytest.approx(1)
    again = quaternion_of(matrix, "block 1")
    assert min(np.abs(again - unit).max(), np.abs(again + unit).max()) < 1e-14


def test_rotation_about_an_axis_is_counterclockwise():
    half = np.radians(90) / 2
    turned = rotation_matrix(np.array([np.cos(half), 0, 0, np.sin(half)]), "rotation 1") @ np.array(
        [1.0, 0, 0]
    )
    np.testing.assert_allclose(turned, [0, 1, 0], atol=1e-15)
