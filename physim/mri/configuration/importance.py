"""What each configuration can still add to the samples, and the ones that are left out for it; on the host.

Going backwards from the last read-out, w² is the energy in all samples to come that a number of size 1 has, as if its parts
never met again with a phase. What is left out of a layer costs |F|² w², counted where it leaves a pair that stays; the root of
the sum of all that, relative to the energy of the samples, is the estimated error. It is not a bound: parts that are left
out may add up in phase, or cancel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .layers import Layer, Tissues


class Importance(NamedTuple):
    """Energies of all layers, relative to that of all samples: the largest among the voxels.

    - `parts`: of F_k, F_−k and Z_k before the pulse of a layer. - `seen`: of F_k and F_−k after it in the samples of its own
      period. - `lost`: of what was too weak to be followed up, an upper estimate.
    """

    parts: list[np.ndarray]
    seen: list[np.ndarray]
    lost: float


def importance_of(layers: list[Layer], tissues: Tissues, visible: list[np.ndarray]) -> Importance:
    """`visible`: Σ over the samples of a period of the squared weight with which they see F_k and F_−k."""
    seen = [layer.after[:2] * sight for layer, sight in zip(layers, visible, strict=True)]
    whole = float(np.mean(sum(part.sum((0, 1)) for part in seen))) or 1.0
    parts, lost, later = [], 0.0, None
    for period in range(len(layers) - 1, -1, -1):
        later = _before(tissues, period, _after(layers, tissues, visible, period, later))
        parts.append((layers[period].before * later).max(2) / whole)
        lost += layers[period].lost * float(later.max()) / whole
    return Importance(parts[::-1], [part.max(2) / whole for part in seen], lost)


def kept_pairs(layers: list[Layer], importance: Importance, budget: float) -> tuple[list[np.ndarray], float]:
    """Which pairs stay so that no more than `budget` of the energy goes, and what goes."""
    high = max(float(part.sum(0).max()) for part in importance.parts) + 1e-30
    low, keep, cost = 1e-30, *_without(layers, importance, 0.0)
    for _ in range(40):
        middle = np.sqrt(low * high)
        fewer, more_cost = _without(layers, importance, middle)
        if more_cost <= budget:
            low, keep, cost = middle, fewer, more_cost
        else:
            high = middle
    return keep, cost


def _without(layers: list[Layer], importance: Importance, threshold: float):
    """The pairs above a threshold, and the energy that flows from them to others."""
    keep = [part.sum(0) > threshold for part in importance.parts]
    for one in keep:
        one[0] = True
    cost, before = 0.0, None
    for layer, part, now in zip(layers, importance.parts, keep, strict=True):
        if before is not None:
            table = np.concatenate([before, before, [False]])
            came = np.stack([table[layer.plus], table[layer.minus], before[layer.z] & (layer.z >= 0)])
            cost += float((part * came)[:, ~now].sum())
        before = now
    return keep, cost


def _after(layers: list[Layer], tissues: Tissues, visible, period: int, later):
    """w² after the pulse of a period, [3, pair, voxel]."""
    pairs, voxels = layers[period].after.shape[1:]
    table = np.zeros((2 * pairs + 1, voxels))
    stored = np.zeros((pairs + 1, voxels))
    if later is not None:
        following = layers[period + 1]
        left = np.abs(tissues.transverse[period]) ** 2
        table[following.plus] += later[0] * left
        table[following.minus] += later[1] * left
        stored[following.z] = later[2] * tissues.along[period] ** 2
    made = np.stack([table[:pairs], table[pairs:-1], stored[:-1]])
    made[:2] += visible[period]
    return made


def _before(tissues: Tissues, period: int, weight):
    """w² before the pulse."""
    plus, minus, z = weight
    same, conjugate, excited, stored, kept = (np.abs(part[period]) ** 2 for part in tissues[:5])
    return np.stack(
        [
            same * plus + conjugate * minus + stored / 4 * z,
            same * minus + conjugate * plus + stored / 4 * z,
            excited * (plus + minus) + kept * z,
        ]
    )
