"""Marks for tests in both precisions of which only one is quick: the other runs among the slow tests."""

import pytest

SLOW = pytest.mark.slow
float32_quickly = pytest.mark.parametrize(
    "precision", ["float32", pytest.param("float64", marks=SLOW)], indirect=True
)
float64_quickly = pytest.mark.parametrize(
    "precision", [pytest.param("float32", marks=SLOW), "float64"], indirect=True
)
