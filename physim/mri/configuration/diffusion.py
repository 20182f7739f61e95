"""What diffusion sees of a configuration: the exact integral of k² on its way.

    b = (2π)² ∫ (k_s + k(t))² dt = (2π)² (k_s² T + 2 k_s·∫k dt + ∫k² dt)

or, where voxels have tensors, of its six parts with k kᵀ in place of k².

Source: Weigel, Schwenk, Kiselev et al., J. Magn. Reson. 205 (2010) 276.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..sequence.blocks import Sequence
from ..sequence.program import Program
from ..sequence.waveforms import gradients_of
from ..units import seconds
from .diffusing import Product
from .intervals import Intervals


class Clock(NamedTuple):
    """The middles of the pulses, ps, the gradients that are played, their corners, ps, and the products of k that count."""

    middles: Float[np.ndarray, " period"]
    moment: object
    corners: Float[np.ndarray, " corner"]
    product: Product


def clock_of(sequence: Sequence, program: Program, intervals: Intervals, product: Product) -> Clock:
    """When the pulses of a sequence are played."""
    asked = gradients_of(sequence).axes
    played = program.gradients.played(asked, program.field)
    first = next(
        (start + one.rf.delay for start, one in zip(sequence.starts(), sequence, strict=False) if one.rf), 0
    )
    halves, pulse = intervals.halves, intervals.pulse
    silent = not len(np.asarray(program.shapes[0].b1).nonzero()[0]) and pulse[0] == 0
    start = 0.0 if silent else float(first)
    middles = start + 1e12 * (halves.before[pulse[0]] + np.cumsum([0, *intervals.time[:-1]]))
    corners = np.unique(np.concatenate([np.asarray(curve.times, float) for curve in asked]))
    return Clock(middles, played.moment, corners, product)


def transverse_b(
    clock: Clock, period: int, time: float, k: Float[np.ndarray, "state 3"]
) -> Float[np.ndarray, "state part"]:
    """b of states that begin with k at the middle of a pulse, after `time` s, s/mm².

    Gradients are linear between corners: three Gauss-Legendre nodes are exact for k², of degree 4.
    """
    start = clock.middles[period]
    stop = start + 1e12 * time
    inside = clock.corners[
        np.searchsorted(clock.corners, start, "right") : np.searchsorted(clock.corners, stop)
    ]
    edges = np.concatenate([[start], inside, [stop]])
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    nodes, weights = np.polynomial.legendre.leggauss(3)
    path = clock.moment(middle[:, None] + half[:, None] * nodes) - clock.moment(np.array([start]))  # type: ignore[operator]
    spent = seconds(half)[:, None] * weights
    first = np.einsum("en,eni->i", spent, path)
    second = np.einsum("en,enp->p", spent, clock.product(path, path))
    return (2 * np.pi) ** 2 * (clock.product(k, k) * time + 2 * clock.product(k, first) + second)


def longitudinal_b(
    clock: Clock, time: float, k: Float[np.ndarray, "state 3"]
) -> Float[np.ndarray, "state part"]:
    """b of stored states, whose k rests, after `time` s, s/mm²."""
    return (2 * np.pi) ** 2 * clock.product(k, k) * time
