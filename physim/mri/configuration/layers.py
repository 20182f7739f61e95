"""All configurations that a sequence makes, pulse by pulse, with their sizes in a few of the voxels; on the host.

Configurations come in pairs of k and −k. The first pair of every layer is k = 0. An interval moves F of k to k + m and F of −k
to −k + m, and leaves Z: every new number has one source, so that nothing is ever added up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

NONE = -1  # the source of what begins with nothing


class Tissues(NamedTuple):
    """Some voxels, as arrays: mixing of the pulse and phase of each period, and what is left after each interval."""

    same: Complex[np.ndarray, "period voxel"]
    conjugate: Complex[np.ndarray, "period voxel"]
    excited: Complex[np.ndarray, "period voxel"]
    stored: Complex[np.ndarray, "period voxel"]
    kept: Float[np.ndarray, "period voxel"]
    transverse: Complex[np.ndarray, "period voxel"]
    along: Float[np.ndarray, "period voxel"]


class Layer(NamedTuple):
    """The pairs of one period.

    - `label`: the winding of k, in quanta. - `plus`, `minus`: row of the layer before, among F of k, then F of −k, from
      which F of k and of −k come. - `z`: the pair from which Z comes. - `before`, `after`: |F_k|², |F_−k|², |Z_k|² before
      and after the pulse. - `lost`: the largest Σ|.|² of what was too weak to be followed up.
    """

    label: Int[np.ndarray, "pair axis"]
    plus: Int[np.ndarray, " pair"]
    minus: Int[np.ndarray, " pair"]
    z: Int[np.ndarray, " pair"]
    before: Float[np.ndarray, "3 pair voxel"]
    after: Float[np.ndarray, "3 pair voxel"]
    lost: float


def layers_of(
    windings: Int[np.ndarray, "period axis"], tissues: Tissues, floor: float, most: int
) -> list[Layer]:
    """The layers of all periods; what is below `floor` (of the equilibrium) or beyond the `most` largest is left out."""
    voxels = tissues.kept.shape[1]
    multipliers = np.random.default_rng(7).integers(-(2**62), 2**62, windings.shape[1]) * 2 + 1
    key = np.zeros(1, np.int64)
    label = np.zeros((1, windings.shape[1]), np.int64)
    sources = (np.array([NONE]),) * 3
    values = np.concatenate([np.zeros((2, 1, voxels), complex), np.ones((1, 1, voxels), complex)])
    lost, made = 0.0, []
    for period, winding in enumerate(windings):
        before, values = values, _after_pulse(tissues, period, values)
        plus, minus, z = sources
        made.append(Layer(label, plus, minus, z, _squares(before), _squares(values), lost))
        key, label, sources, values = _moved(tissues, period, winding, multipliers, key, label, values)
        key, label, sources, values, lost = _strong(key, label, sources, values, floor, most)
    return made


def _squares(values):
    return (values.real**2 + values.imag**2).astype(np.float32)


def _after_pulse(tissues: Tissues, period: int, values):
    plus, minus, z = values
    same, conjugate, excited, stored, kept = (part[period] for part in tissues[:5])
    return np.stack(
        [
            same * plus + conjugate * minus + excited * z,
            same.conj() * minus + conjugate.conj() * plus + excited.conj() * z,
            (stored * plus + stored.conj() * minus) / 2 + kept * z,
        ]
    )


def _moved(tissues: Tissues, period: int, winding, multipliers, key, label, values):
    """The pairs after an interval: the key of a label is linear in it, so that sums of keys are keys of sums."""
    pairs = len(key)
    with np.errstate(over="ignore"):
        f_key = np.concatenate([key, -key[1:]]) + (winding * multipliers).sum()
    f_label = np.concatenate([label, -label[1:]]) + winding
    f_source = np.concatenate([np.arange(pairs), pairs + np.arange(1, pairs)])
    f = np.concatenate([values[0], values[1, 1:].conj()]) * tissues.transverse[period]
    new = np.unique(np.concatenate([np.abs(f_key), key]))
    place, up, down = np.searchsorted(new, np.abs(f_key)), f_key >= 0, f_key <= 0
    plus, minus, z = (np.full(len(new), NONE) for _ in range(3))
    labels = np.zeros((len(new), label.shape[1]), np.int64)
    moved = np.zeros((3, len(new), values.shape[2]), complex)
    plus[place[up]], minus[place[down]] = f_source[up], f_source[down]
    moved[0, place[up]], moved[1, place[down]] = f[up], f[down].conj()
    labels[place[up]], labels[place[down]] = f_label[up], -f_label[down]
    stays = np.searchsorted(new, key)
    z[stays], labels[stays] = np.arange(pairs), label
    moved[2, stays] = values[2] * tissues.along[period]
    moved[2, 0] += 1 - tissues.along[period]
    return new, labels, (plus, minus, z), moved


def _strong(key, label, sources, values, floor: float, most: int):
    """Without the pairs that are too weak everywhere; k = 0 stays."""
    size = _squares(values).sum(0).max(1)
    keep = size > floor**2
    if keep.sum() > most:
        keep &= size >= np.partition(size, -most)[-most]
    keep[0] = True
    lost = float(size[~keep].sum())
    return key[keep], label[keep], tuple(s[keep] for s in sources), values[:, keep], lost
