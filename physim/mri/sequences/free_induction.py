"""Free induction decay and spin echo without encoding: the first experiments."""

from __future__ import annotations

import math

from ..sequence.blocks import Sequence, block
from ..sequence.events import Adc, Rf, Use
from ..units import picoseconds
from .limits import Limits, dwell_time
from .pulses import hard_pulse
from .timing import wait


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

    Times count between the middles of the pulses. Source: Meiboom and Gill, Rev. Sci. Instrum. 29 (1958) 688.
    """
    first = hard_pulse(excitation)
    second = hard_pulse(refocusing, phase=-math.pi / 2, use=Use.REFOCUSING)
    adc = Adc(samples, dwell_time(samples, dwell, limits))
    half = picoseconds(echo_spacing / 2)
    before = wait(half - (first.duration - first.centre) - second.centre, "echo_spacing")
    around = half - (second.duration - second.centre) - adc.end // 2
    after = wait(around, "echo_spacing")
    last = wait(half - (adc.end - adc.end // 2) - second.centre, "echo_spacing")
    train = [block(rf=second, raster=1), after, block(adc=adc, raster=1), last] * echoes
    return Sequence([block(rf=first, raster=1), before, *train])
