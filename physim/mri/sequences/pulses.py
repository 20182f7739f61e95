"""Radio-frequency pulses: hard, windowed sinc, Gaussian, hyperbolic secant."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from physim_phantoms._checks import require_range

from ..sequence.events import Rf, Trapezoid, Use
from ..units import RATE_PER_GRADIENT, on_raster
from .limits import Limits

RF_RASTER = 1_000_000  # ps


def hard_pulse(
    flip_angle: float, duration: float = 100e-6, phase: float = 0.0, use: Use = Use.EXCITATION
) -> Rf:
    """A rectangular pulse: flip angle and phase in rad, duration in s.

    Good values: 100 µs; its bandwidth is 1.2 / duration.
    """
    _require_pulse(flip_angle, duration)
    length = on_raster(duration, RF_RASTER)
    amplitude = flip_angle / (2 * math.pi) / (length / 1e12)
    corners = np.array([0, length], np.int64)
    return Rf(
        amplitude, np.ones(2), np.zeros(2), corners, length, centre=length // 2, phase_offset=phase, use=use
    )


def sinc_pulse(
    flip_angle: float,
    duration: float = 3e-3,
    time_bandwidth: float = 4.0,
    phase: float = 0.0,
    use: Use = Use.EXCITATION,
) -> Rf:
    """A sinc under a Hann window: flip angle and phase in rad, duration in s.

        B₁(t) ∝ sinc(b t / T) (1 + cos(2π t / T)) / 2,       |t| < T/2, b: time-bandwidth product

    Source: Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004), section 2.2.
    Good values: 3 ms and 4 for slices, 8 for slabs.
    """
    _require_pulse(flip_angle, duration)
    require_range("time_bandwidth", time_bandwidth, 1.0, 100.0)
    length = on_raster(duration, 2 * RF_RASTER)
    times = np.arange(0, length + 1, RF_RASTER, dtype=np.int64)
    x = times / length - 0.5
    shape = np.sinc(time_bandwidth * x) * (0.5 + 0.5 * np.cos(2 * np.pi * x))
    area = float(np.trapezoid(shape, times / 1e12))
    amplitude = flip_angle / (2 * math.pi) / area
    magnitude, sign = np.abs(shape), np.where(shape < 0, math.pi, 0.0)
    return Rf(amplitude, magnitude, sign, times, length, centre=length // 2, phase_offset=phase, use=use)


def gaussian_pulse(
    flip_angle: float,
    duration: float = 4e-3,
    time_bandwidth: float = 3.0,
    phase: float = 0.0,
    use: Use = Use.EXCITATION,
    frequency_ppm: float = 0.0,
) -> Rf:
    """A Gaussian: flip angle and phase in rad, duration in s, frequency relative to water in ppm.

        B₁(t) ∝ exp(−(π b t / T)² / (4 ln 2)),       |t| < T/2, b: full width at half maximum in frequency times T

    Source: Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004), section 4.1.
    Good values: 8 ms and 3 for the saturation of fat at 3 T.
    """
    _require_pulse(flip_angle, duration)
    require_range("time_bandwidth", time_bandwidth, 1.0, 100.0)
    length = on_raster(duration, 2 * RF_RASTER)
    times = np.arange(0, length + 1, RF_RASTER, dtype=np.int64)
    x = times / length - 0.5
    shape = np.exp(-((math.pi * time_bandwidth * x) ** 2) / (4 * math.log(2)))
    amplitude = flip_angle / (2 * math.pi) / float(np.trapezoid(shape, times / 1e12))
    return Rf(
        *(amplitude, shape, np.zeros(len(times)), times, length),
        centre=length // 2,
        phase_offset=phase,
        frequency_ppm=frequency_ppm,
        use=use,
    )


def hyperbolic_secant(
    amplitude: float = 575.0, duration: float = 10.24e-3, beta: float = 4.0, mu: float = 5.0
) -> Rf:
    """An adiabatic inversion: amplitude in Hz of nutation, duration in s, from high to low frequency.

        B₁(t) ∝ sech(β τ)^(1 + iμ),      τ = 2t/T, |t| < T/2;   bandwidth 2 μ β / (π T)

    Source: Silver, Joseph and Hoult, Phys. Rev. A 31 (1985) 2753.
    Good values: the defaults at 3 T; inverts wherever B₁ is above the adiabatic threshold.
    """
    require_range("amplitude", amplitude, 1e-3, 1e6, "Hz")
    _require_pulse(math.pi, duration)
    length = on_raster(duration, 2 * RF_RASTER)
    times = np.arange(0, length + 1, RF_RASTER, dtype=np.int64)
    tau = 2 * times / length - 1
    magnitude = 1 / np.cosh(beta * tau)
    phase = mu * np.log(magnitude)
    return Rf(amplitude, magnitude, phase, times, length, centre=length // 2, use=Use.INVERSION)


def slice_gradient(pulse_bandwidth: float, thickness: float, rf: Rf, limits: Limits) -> tuple[Rf, Trapezoid]:
    """The pulse delayed onto the flat part of the gradient that selects a slice of `thickness` mm along an axis.

    `pulse_bandwidth` is in Hz: time-bandwidth product over duration.
    """
    require_range("thickness", thickness, 1e-3, 1e4, "mm")
    amplitude = pulse_bandwidth / thickness / RATE_PER_GRADIENT
    flat = on_raster(rf.duration / 1e12, limits.raster)
    gradient = limits.flat(amplitude, flat)
    return replace(rf, delay=gradient.rise), gradient


def _require_pulse(flip_angle: float, duration: float) -> None:
    require_range("flip_angle", flip_angle, -4 * math.pi, 4 * math.pi, "rad")
    require_range("duration", duration, 1e-6, 1.0, "s")
