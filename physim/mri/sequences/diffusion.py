"""Diffusion weighting: echo-planar imaging of a spin echo between two strong gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from typing import Any

import numpy as np

from physim_phantoms._checks import InputError, require_range

from ..sequence.blocks import Block, Sequence
from ..sequence.events import Trapezoid, Use
from ..units import RATE_PER_GRADIENT, seconds
from .echo_planar import echo_train
from .gradient_echo import described
from .limits import Limits
from .lines import Slice, Whole, excitation, over, require_matrix
from .preparations import Preparation, prepared
from .repetition import Lobes
from .timing import require_raster, wait


def diffusion_echo_planar(
    matrix: Several[int] = (64, 64),
    field_of_view: Several[float] = (220.0, 220.0),
    b_value: float = 1000.0,
    direction: Several[float] = (1.0, 0.0, 0.0),
    te: float = 90e-3,
    *,
    region: Slice | Whole = Slice(),
    dwell: float = 4e-6,
    preparation: Preparation | None = None,
    crushers: float = 4.0,
    limits: Limits = Limits(),
) -> Sequence:
    """Spin-echo EPI with a pulsed gradient on either side of the refocusing pulse, as long as TE allows.

        b = (2π)² g² [δ² (Δ − δ/3) + ε³/30 − δ ε²/6]        g: γ/2π G, cycles/mm/s

    with δ from the start of the ramp up to that of the ramp down, ε the ramp and Δ from gradient to gradient. `b_value` is that
    of the two gradients, exactly; `b_matrix` gives what the imaging gradients add.

    - `b_value`: s/mm². - `direction`: of the gradients; its length does not matter. - `te`: s, a multiple of 20 µs.
    - `crushers`: cycles across the slice on each side of the refocusing pulse, 0 for none. - others: see `echo_planar`.

    Source: Stejskal and Tanner, J. Chem. Phys. 42 (1965) 288; ramps: Bernstein, King and Zhou (2004), section 9.1. Raises
    `ValueError` where TE is too short for b within the limits.

    Good values: `diffusion_echo_planar((96, 96), (220.0, 220.0), 1000.0, (0.0, 0.0, 1.0), te=90e-3)`.
    """
    (columns, lines), (width, height) = require_matrix(matrix, field_of_view)
    along = _unit(direction)
    half = require_raster("te", te, 2 * limits.raster) // 2
    pulse = excitation(region, math.pi / 2, limits)
    refocusing = excitation(region, math.pi, limits, -math.pi / 2, Use.REFOCUSING)
    train = echo_train((columns, lines), (width, height), dwell, half - refocusing.after_centre, limits)
    lobes = Lobes(limits)
    crusher = crushers / (region.thickness if isinstance(region, Slice) else width / columns)
    crushing = lobes.block((0.0, 0.0, crusher), lobes.length(crusher)) if crusher else Block(0)
    rephasing = lobes.block((0.0, 0.0, pulse.rephasing), lobes.length(pulse.rephasing))
    encoding = lobes.block(train.before, lobes.length(train.before))
    beside = crushing.duration
    early = half - pulse.after_centre - rephasing.duration - beside - refocusing.before_centre
    late = half - refocusing.after_centre - beside - encoding.duration - train.echo
    between = refocusing.duration + 2 * beside
    lobe = _weighting(b_value, early, late, between, limits)
    weighting = _along(lobe, along)
    blocks = [
        *prepared(preparation, pulse.before_centre, limits),
        *(pulse.play(), rephasing, wait(early - weighting.duration, "te", limits), weighting),
        *(crushing, refocusing.play(), crushing, weighting),
        *(wait(late - weighting.duration, "te", limits), encoding, *train.blocks),
    ]
    definitions = described("DiffusionEchoPlanar", (columns, lines), (width, height), te)
    weighted = {"bValue": b_value, "DiffusionDirection": tuple(along.tolist())}
    return Sequence(blocks, over(region, {**definitions, **weighted}))


def _unit(direction: Several[float]) -> np.ndarray:
    """The direction with length 1."""
    given = np.asarray(direction, float)
    length = float(np.linalg.norm(given)) if given.shape == (3,) else 0.0
    if not (math.isfinite(length) and length > 0):
        raise InputError(
            f"direction is {tuple(direction)}; it must be three numbers that are not all zero, like (0.0, 0.0, 1.0)"
        )
    return given / length


def _weighting(b_value: float, early: int, late: int, between: int, limits: Limits) -> Trapezoid:
    """The gradient, as long as both sides allow, whose amplitude gives b."""
    require_range("b_value", b_value, 0.0, 1e6, "s/mm²")
    ramp = limits.ramp(limits.gradient)
    length = min(early, late) // limits.raster * limits.raster
    if length < 2 * ramp:
        lacking = max(2 * ramp - early, 2 * ramp - late)
        raise InputError(
            f"te is too short by {2 * lacking / 1e9:.4g} ms for the pulses, the read-out and diffusion gradients; raise te"
        )
    rise, flat = float(seconds(ramp)), float(seconds(length - 2 * ramp))
    delta = rise + flat
    apart = float(seconds(length + between))
    per_square = (2 * math.pi * RATE_PER_GRADIENT) ** 2 * (
        delta**2 * (apart - delta / 3) + rise**3 / 30 - delta * rise**2 / 6
    )
    amplitude = math.sqrt(b_value / per_square)
    if amplitude > limits.gradient * (1 + 1e-9):
        raise InputError(
            f"b_value is {b_value:g} s/mm²; at {limits.gradient:g} mT/m this TE allows {per_square * limits.gradient**2:.4g}: "
            "raise te, or give a larger Limits(gradient=...)"
        )
    return Trapezoid(amplitude, ramp, length - 2 * ramp, ramp)


def _along(lobe: Trapezoid, direction: np.ndarray) -> Block:
    """The gradient on all axes that it has a part on."""
    parts: dict[str, Any] = {
        axis: Trapezoid(lobe.amplitude * float(part), lobe.rise, lobe.flat, lobe.fall)
        for axis, part in zip(("gx", "gy", "gz"), direction, strict=True)
        if part and lobe.amplitude
    }
    return Block(lobe.end, **parts)
