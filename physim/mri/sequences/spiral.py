"""Spiral gradient echoes: from the middle of k-space outwards, in interleaves."""

from __future__ import annotations

import cmath
import math

import numpy as np

from physim_phantoms._checks import InputError

from ..sequence.blocks import Block, Sequence
from ..sequence.events import Adc, Waveform
from ..units import RATE_PER_GRADIENT, seconds
from .gradient_echo import described
from .limits import Limits, dwell_time
from .lines import Slice, Whole, excitation, over, require_matrix
from .repetition import Readout, gradient_echoes, spoiling_phases
from .spiral_design import archimedean


def spiral(
    matrix: int = 128,
    field_of_view: float = 256.0,
    flip_angle: float = math.radians(15),
    tr: float = 20e-3,
    te: float = 3e-3,
    *,
    interleaves: int = 16,
    region: Slice | Whole = Slice(),
    dwell: float = 2e-6,
    rf_spoiling: float = math.radians(117),
    spoiling: float = 1.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A spiral spoiled gradient echo: one Archimedean interleaf per TR, as fast as the limits allow.

    Samples are read every `dwell` s until k reaches matrix / (2 field_of_view); then the gradients run out, k goes back to
    zero, and a spoiler along z follows. `kspace_of` tells where the samples lie.

    - `matrix`, `field_of_view` (mm): in both directions. - `te`: s, from the middle of the pulse to the start at k = 0.
    - `interleaves`: turned by 2π over their number each. - `spoiling`: cycles/mm along z. - others: see `spoiled_gradient_echo`.

    Source: Ahn, Kim and Cho, IEEE Trans. Med. Imaging 5 (1986) 2, and Glover, Magn. Reson. Med. 42 (1999) 412. Raises
    `ValueError` where times are too short, samples lie further apart than the field of view allows, or a gradient is
    beyond the limits.

    Good values: `spiral(128, 220.0, interleaves=16, region=Slice(3.0))`.
    """
    (samples, _), (length, _) = require_matrix((matrix, 1), (field_of_view, 1.0))
    pulse = excitation(region, flip_angle, limits)
    readouts = interleaved(samples, length, interleaves, dwell, spoiling, limits)
    readouts = [readouts[0]] * dummies + readouts
    count = len(readouts)
    phases = spoiling_phases(count, rf_spoiling).tolist()
    reads = [number >= dummies for number in range(count)]
    blocks = gradient_echoes([pulse] * count, phases, readouts, reads, te, tr, limits)
    definitions = described("Spiral", (samples, samples), (length, length), te, tr)
    return Sequence(blocks, over(region, definitions))


def interleaved(
    matrix: int, field_of_view: float, interleaves: int, dwell: float, spoiling: float, limits: Limits
) -> list[Readout]:
    """One read-out for each interleaf."""
    if interleaves < 1:
        raise InputError(f"interleaves is {interleaves}; it must be at least 1")
    wave = archimedean(interleaves / field_of_view, matrix / 2 / field_of_view, limits)
    _require_dwell(dwell, float(np.abs(wave).max()), field_of_view)
    down = _run_out(wave[-1], limits)
    length = dwell_time(1, dwell, limits)
    adc = Adc(max(1, len(wave) * limits.raster // length), length)
    made = []
    for number in range(interleaves):
        turn = cmath.exp(2j * math.pi * number / interleaves)
        corners = np.concatenate([wave, down]) * turn
        gx, gy = (_waveform(part, limits) for part in (corners.real, corners.imag))
        after = (-_moment(gx), -_moment(gy), spoiling)
        made.append(Readout((Block(gx.end, gx=gx, gy=gy, adc=adc),), (0.0, 0.0, 0.0), after, 0))
    return made


def _run_out(last: complex, limits: Limits) -> np.ndarray:
    """The way down to zero at the slew limit, in the middles of the raster intervals."""
    count = math.ceil(abs(last) / (limits.slew * float(seconds(limits.raster))) + 1)
    return last * (1 - (np.arange(count) + 1) / (count + 0.5))


def _waveform(middles: np.ndarray, limits: Limits) -> Waveform:
    """Corners in the middles of the raster intervals, as files hold them, from zero to zero."""
    count = len(middles)
    times = np.concatenate(
        [[0], np.arange(count) * limits.raster + limits.raster // 2, [count * limits.raster]]
    )
    return Waveform(np.concatenate([[0.0], middles, [0.0]]), times.astype(np.int64))


def _moment(gradient: Waveform) -> float:
    """cycles/mm."""
    times, values = gradient.knots()
    return float(np.trapezoid(values, np.asarray(seconds(times)))) * RATE_PER_GRADIENT


def _require_dwell(dwell: float, largest: float, field_of_view: float) -> None:
    if largest * RATE_PER_GRADIENT * dwell * field_of_view > 1 + 1e-9:
        longest = 1 / (largest * RATE_PER_GRADIENT * field_of_view)
        raise InputError(
            f"dwell is {dwell * 1e6:g} µs; at {largest:.4g} mT/m samples then lie further apart than a field of view of "
            f"{field_of_view:g} mm allows: write dwell={longest:.3g} or less"
        )
