"""Pulses of one nanosecond, and sequences of them: what closed forms speak of."""

import numpy as np

from physim import mri

NANOSECOND = 1000  # ps


def instant(flip: float, phase: float = 0.0, use: mri.Use = mri.Use.EXCITATION) -> mri.Rf:
    """A rectangular pulse so short that nothing else happens during it."""
    amplitude = flip / (2 * np.pi) / 1e-9
    corners = np.array([0, NANOSECOND], np.int64)
    return mri.Rf(amplitude, np.ones(2), np.zeros(2), corners, NANOSECOND, phase_offset=phase, use=use)


def pulse(flip: float, phase: float = 0.0) -> mri.Block:
    """A block with an instant pulse and nothing after it."""
    return mri.Block(NANOSECOND, rf=instant(flip, phase))


def pause(seconds: float, moment: float = 0.0) -> mri.Block:
    """Free precession, with a gradient moment along x in cycles/mm."""
    duration = round(seconds * 1e12)
    if not moment:
        return mri.Block(duration)
    amplitude = moment / (42.577478518 * seconds)
    return mri.Block(duration, gx=mri.Trapezoid(amplitude, 0, duration, 0))


def read(seconds: float = 2e-9, phase: float = 0.0) -> mri.Block:
    """One sample in the middle of a very short block."""
    dwell = round(seconds * 1e12)
    return mri.Block(dwell, adc=mri.Adc(1, dwell, phase_offset=phase))
