"""Free induction decay and spin echo without encoding: the first experiments."""

from __future__ import annotations

import math
from dataclasses import replace

from physim_phantoms._checks import InputError

from ..sequence.blocks import Block, Sequence, block
from ..sequence.events import Adc, Rf, Use
from ..units import MICROSECOND
from .limits import Limits, dwell_time
from .lines import without_gradient
from .pulses import hard_pulse
from .timing import require_raster, wait


def free_induction_decay(
    samples: int = 512,
    dwell: float = 100e-6,
    flip_angle: float = math.pi / 2,
    *,
    pulse: Rf | None = None,
    limits: Limits = Limits(),
) -> Sequence:
    """A pulse and a read-out right behind it: `samples` at intervals of `dwell` s."""
    rf = hard_pulse(flip_angle) if pulse is None else pulse
    return Sequence([block(rf=rf), block(adc=Adc(samples, dwell_time(samples, dwell, limits)))])


def spin_echo_train(
    echoes: int = 8,
    echo_spacing: float = 10e-3,
    samples: int = 64,
    dwell: float = 20e-6,
    *,
    excitation: float = math.pi / 2,
    refocusing: float = math.pi,
    limits: Limits = Limits(),
) -> Sequence:
    """Carr-Purcell-Meiboom-Gill: 90°ₓ, then 180°ᵧ pulses `echo_spacing` s apart, a read-out about each echo, no gradients.

    Times count between the middles of the pulses; the spacing is a multiple of 20 µs.
    Source: Meiboom and Gill, Rev. Sci. Instrum. 29 (1958) 688.
    """
    spacing = require_raster("echo_spacing", echo_spacing, 2 * limits.raster)
    first = without_gradient(hard_pulse(excitation), limits)
    second = without_gradient(hard_pulse(refocusing, phase=-math.pi / 2, use=Use.REFOCUSING), limits)
    adc = Adc(samples, dwell_time(samples, dwell, limits))
    before = wait(spacing // 2 - first.after_centre - second.before_centre, "echo_spacing", limits)
    delay = spacing // 2 - second.after_centre - adc.end // 2
    around = wait(spacing - second.duration, "echo_spacing", limits)
    if delay < 0:
        raise InputError(
            f"echo_spacing is too short by {-delay / 5e8:.4g} ms for {samples} samples and the pulses; raise echo_spacing"
        )
    late = round(delay / MICROSECOND) * MICROSECOND
    read = Block(around.duration, adc=replace(adc, delay=late))
    return Sequence([first.play(), before, *[second.play(), read] * echoes])
