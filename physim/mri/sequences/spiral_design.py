"""Archimedean spirals as fast as gradients and slew rate allow.

    k(θ) = c θ exp(iθ),       2π c: the distance of turns, interleaves over field of view

With θ(t) the speed is |k̇| = c θ̇ √(1 + θ²) and the acceleration |k̈|² = c² [(θ̈ − θ θ̇²)² + (θ θ̈ + 2θ̇²)²]. At every
time θ̈ is the largest with |k̈| at the slew limit, and θ̇ at most what the gradient limit allows.
Source: Glover, Magn. Reson. Med. 42 (1999) 412, integrated instead of approximated.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Complex

from physim_phantoms._checks import InputError

from ..units import RATE_PER_GRADIENT, seconds
from .limits import Limits

FINER = 20  # steps of the integration per raster
LONGEST = 0.2  # s
MARGIN = 0.995  # of the slew rate: corners of a polygon turn a little faster than the curve


def archimedean(spacing: float, largest: float, limits: Limits) -> Complex[np.ndarray, " corner"]:
    """Gx + i Gy in mT/m in the middle of every raster interval, from k = 0 out to `largest` cycles/mm.

    `spacing`: between turns, cycles/mm. Raises `ValueError` where the spiral would last more than 0.2 s.
    """
    scale, step = spacing / (2 * math.pi), float(seconds(limits.raster)) / FINER
    slew = MARGIN * limits.slew * RATE_PER_GRADIENT / scale
    top = limits.gradient * RATE_PER_GRADIENT / scale
    _require_time(largest**2 * math.pi / spacing / (limits.gradient * RATE_PER_GRADIENT), largest, spacing)
    angle, speed = 0.0, 0.0
    angles = [0.0]
    while scale * angle < largest:
        for _ in range(FINER):
            gained = speed + step * _acceleration(angle + 0.5 * step * speed, speed, slew)
            gained = min(gained, top / math.sqrt(1 + angle**2))
            angle, speed = angle + 0.5 * step * (speed + gained), gained
        angles.append(angle)
        _require_time(float(seconds(len(angles) * limits.raster)), largest, spacing)
    turned = np.array(angles)
    k = scale * turned * np.exp(1j * turned)
    return np.diff(k) / float(seconds(limits.raster)) / RATE_PER_GRADIENT


def _require_time(time: float, largest: float, spacing: float) -> None:
    if time > LONGEST:
        raise InputError(
            f"a spiral to {largest:g} cycles/mm with turns {spacing:g} cycles/mm apart lasts more than {LONGEST:g} s; "
            "use more interleaves, a smaller matrix or larger limits"
        )


def _acceleration(angle: float, speed: float, slew: float) -> float:
    """The largest θ̈ within the slew limit, or what slows down as fast as it can."""
    square = speed * speed
    linear = 2 * angle * square
    free = (angle**2 + 4) * square**2 - slew**2
    root = linear**2 / 4 - (1 + angle**2) * free
    return (-linear / 2 + math.sqrt(max(root, 0.0))) / (1 + angle**2)
