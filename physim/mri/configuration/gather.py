"""Rows of one array as rows of another: linear maps whose transposes are gathers too."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from physim.core.linear_pair import linear_pair


def _with_nothing(x):
    """The rows and one of zeros behind them, to which an index one beyond the last points."""
    return jnp.concatenate([x, jnp.zeros((1, *x.shape[1:]), x.dtype)])


def _forward(static, parameters, x):
    return _with_nothing(x)[parameters[0]]


def _transpose(static, parameters, y):
    return _with_nothing(y)[parameters[1]].sum(1)


GATHER = linear_pair("configuration_gather", _forward, _transpose)


def inverse_of(index: np.ndarray, count: int, width: int = 0) -> np.ndarray:
    """For each of `count` rows the places of `index` that name it, [row, use], filled up with the length of `index`.

    `width`: how many uses there is room for at least.
    """
    order = np.argsort(index, kind="stable")
    bounds = np.searchsorted(index[order], np.arange(count + 1))
    uses = np.diff(bounds)
    width = max(width, int(uses.max(initial=0)), 1)
    made = np.full((count, width), len(index), np.int32)
    rows = np.repeat(np.arange(count), uses)
    made[rows, np.arange(bounds[-1]) - bounds[rows]] = order[: bounds[-1]]
    return made
