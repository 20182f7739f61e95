"""What the files of this folder share."""

import contextlib

import jax
import pytest


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions; the tolerance is of the caller."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param
