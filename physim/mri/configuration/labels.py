"""Windings as whole numbers, so that configurations that meet again are recognised exactly.

The moments of a sequence are sums of a few: a crusher and its double, a read-out and its half. In float64, and more so after a
file format has rounded them, they differ in the last digits, and configurations that should meet would pass each other.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

QUANTUM = 1e-7  # of the unit of a winding: cycles across a voxel, or milliseconds of dephasing
ALIKE = 1e-5  # of the same: windings that differ by less are one
MULTIPLES = np.arange(1, 17)


def whole_windings(windings: Float[np.ndarray, "period axis"]) -> Int[np.ndarray, "period axis"]:
    """The windings in quanta: equal ones, sums and multiples of others are exactly that."""
    return np.stack([_of_axis(column) for column in windings.T], axis=1)


def _of_axis(values: np.ndarray) -> np.ndarray:
    size = np.abs(values)
    order = np.argsort(size)
    group = np.concatenate([[0], np.cumsum(np.diff(size[order]) > ALIKE)])
    means = np.bincount(group, size[order]) / np.bincount(group)
    wholes = _numbers(means)
    made = np.empty(len(values), np.int64)
    made[order] = wholes[group]
    return made * np.sign(values).astype(np.int64)


def _numbers(means: np.ndarray) -> np.ndarray:
    """Quanta of ascending sizes; each is looked for among multiples, sums and differences of those before."""
    found = np.zeros(len(means), np.int64)
    for index, mean in enumerate(means):
        if mean < ALIKE:
            continue
        known = found[:index][found[:index] > 0][:200]
        made = np.concatenate([np.outer(MULTIPLES, known).ravel(), np.add.outer(known, known).ravel()])
        close = np.abs(made * QUANTUM - mean) < ALIKE
        found[index] = made[close][0] if close.any() else 2 * round(mean / (2 * QUANTUM))
    return found
