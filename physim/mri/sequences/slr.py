"""Shinnar-Le Roux design: a slice profile becomes a filter, and the filter a pulse, exactly.

N hard pulses of flip φ_j about axes in the plane, with equal free precession between them, turn spins by the rotation whose
Cayley-Klein parameters are polynomials in z⁻¹, z = exp(2πi f Δt):

    A_j = C A_{j−1} − S* z⁻¹ B_{j−1},       B_j = S A_{j−1} + C z⁻¹ B_{j−1},       C = cos φ_j/2, S = i exp(iθ_j) sin φ_j/2

B is designed as a filter of the flip angle's sine, A is the minimum-phase polynomial with |A|² + |B|² = 1, and the
recursion backwards gives the pulses. Source: Pauly, Le Roux, Nishimura and Macovski, IEEE Trans. Med. Imaging 10 (1991) 53.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from physim_phantoms._checks import InputError, require_range

from ..sequence.events import Rf, Use
from ..units import on_raster
from .pulses import RF_RASTER

STEPS = 251  # hard pulses in a design: the profile repeats at STEPS / duration
FINER = 32  # zeros about a polynomial where its logarithm is transformed


class Phase(abc.ABC):
    """How the phase of the profile goes through the slice."""

    @abc.abstractmethod
    def filter(
        self, steps: int, time_bandwidth: float, ripples: tuple[float, float]
    ) -> Float[np.ndarray, " step"]:
        """Coefficients of a low-pass filter with gain 1; ripples are those of passband and stopband."""


@dataclass(frozen=True, eq=False)
class LinearPhase(Phase):
    """Linear phase: a gradient of half the area rephases the slice."""

    def filter(
        self, steps: int, time_bandwidth: float, ripples: tuple[float, float]
    ) -> Float[np.ndarray, " step"]:
        """Equal ripples."""
        return _low_pass(steps, time_bandwidth, *ripples, _transition(*ripples) / time_bandwidth)


@dataclass(frozen=True, eq=False)
class MinimumPhase(Phase):
    """Minimum phase: sharper edges for inversion and saturation, where phase does not matter."""

    def filter(
        self, steps: int, time_bandwidth: float, ripples: tuple[float, float]
    ) -> Float[np.ndarray, " step"]:
        """The spectral factor of a linear-phase filter of twice the length."""
        from scipy.signal import minimum_phase

        doubled = 2 * ripples[0], ripples[1] ** 2 / 2
        width = 0.5 * _transition(*doubled) / time_bandwidth
        squared = _low_pass(2 * steps - 1, 2 * time_bandwidth, *doubled, width)
        # Raised until no ripple of the stopband is negative: only then has it a square root.
        centred = np.exp(2j * np.pi * np.arange(FINER * steps) * (steps - 1) / (FINER * steps))
        squared[steps - 1] -= 1.01 * np.real(np.fft.fft(squared, FINER * steps) * centred).min()
        return minimum_phase(squared, n_fft=FINER * len(squared))


def slr_pulse(
    flip_angle: float,
    duration: float = 3e-3,
    time_bandwidth: float = 4.0,
    *,
    passband_ripple: float = 0.01,
    stopband_ripple: float = 0.01,
    profile: Phase = LinearPhase(),
    phase: float = 0.0,
    use: Use = Use.EXCITATION,
) -> Rf:
    """A slice-selective pulse by the Shinnar-Le Roux transform: flip angle and phase in rad, duration in s.

    - `passband_ripple`, `stopband_ripple`: of what the pulse is for (transverse magnetisation, inverted, refocused), relative.
    - `profile`: `LinearPhase()` or `MinimumPhase()`. - `use`: sets how ripples of the magnetisation become those of the filter.

    Raises `ValueError` for flip angles beyond 180° and for ripples that a transition within the slice cannot have.

    Good values: `slr_pulse(math.pi, 3e-3, 6.0, use=Use.REFOCUSING)`;
    `slr_pulse(math.pi, 6e-3, 8.0, profile=MinimumPhase(), use=Use.INVERSION)`.
    """
    require_range("flip_angle", flip_angle, 1e-6, math.pi * (1 - 1e-9) + 1e-6, "rad")
    require_range("duration", duration, STEPS * 1e-6, 1.0, "s")
    require_range("time_bandwidth", time_bandwidth, 1.0, 60.0)
    require_range("passband_ripple", passband_ripple, 1e-6, 0.5)
    require_range("stopband_ripple", stopband_ripple, 1e-6, 0.5)
    ripples = _filter_ripples(use, flip_angle, passband_ripple, stopband_ripple)
    taps = profile.filter(STEPS, time_bandwidth, ripples)
    # The largest |B| is that of the nominal angle: |A|² = 1 − |B|² must not fall below zero anywhere.
    response = np.abs(np.fft.fft(taps, FINER * STEPS))
    beyond = max(1.0, float(response.max())) if flip_angle > 0.9 * math.pi else 1.0
    b = taps * min(math.sin(flip_angle / 2), 1 - 1e-7) / beyond
    flips = np.real(hard_pulses(1j * b))
    length = on_raster(duration, 2 * RF_RASTER)
    times = np.arange(0, length + 1, RF_RASTER, dtype=np.int64)
    middles = (np.arange(STEPS) + 0.5) * length / STEPS
    shape = np.interp(times, middles, flips)
    shape *= flips.sum() / float(np.trapezoid(shape, times / 1e12)) / (2 * math.pi)
    amplitude = float(np.abs(shape).max())
    centre = length // 2 if isinstance(profile, LinearPhase) else int(times[np.argmax(np.abs(shape))])
    sign = np.where(shape < 0, math.pi, 0.0)
    return Rf(
        *(amplitude, np.abs(shape) / amplitude, sign, times, length),
        centre=centre,
        phase_offset=phase,
        use=use,
    )


def hard_pulses(b: Complex[np.ndarray, " step"]) -> Complex[np.ndarray, " step"]:
    """The inverse transform: flips φ exp(iθ), rad, of the pulses whose polynomial B is given; |B| must stay below 1."""
    a = _minimum_phase_partner(b)
    b = np.array(b, complex)
    made = np.zeros(len(b), complex)
    for step in range(len(b) - 1, -1, -1):
        ratio = b[0] / a[0]
        flip = 2 * math.atan(abs(ratio))
        turn = np.exp(1j * np.angle(-1j * ratio))
        c, s = math.cos(flip / 2), 1j * turn * math.sin(flip / 2)
        made[step] = flip * turn
        a, b = c * a + np.conj(s) * b, -s * a + c * b
        a, b = a[:step], b[1 : step + 1]
    return made


def polynomials(flips: Complex[np.ndarray, " step"]) -> tuple[np.ndarray, np.ndarray]:
    """The transform: coefficients of A and B in z⁻¹ of pulses φ exp(iθ), rad."""
    a, b = np.array([1.0 + 0j]), np.array([0.0 + 0j])
    for number, flip in enumerate(flips):
        c = math.cos(abs(flip) / 2)
        s = 1j * np.exp(1j * np.angle(flip)) * math.sin(abs(flip) / 2)
        late = np.concatenate([[0], b]) if number else np.zeros(1, complex)
        early = np.concatenate([a, [0]]) if number else a
        a, b = c * early - np.conj(s) * late, s * early + c * late
    return a, b


def _minimum_phase_partner(b: Complex[np.ndarray, " step"]) -> Complex[np.ndarray, " step"]:
    """A with |A|² = 1 − |B|² and all zeros inside the unit circle: the exponential of an analytic logarithm."""
    size = FINER * len(b)
    squared = 1 - np.abs(np.fft.fft(b, size)) ** 2
    if squared.min() <= 0:
        raise InputError(
            f"the filter reaches {np.sqrt(1 - squared.min()):.6g}, beyond 1, so no rotation has it; use smaller ripples"
        )
    cepstrum = np.fft.ifft(0.5 * np.log(squared))
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum)))[: len(b)]


def _filter_ripples(use: Use, flip_angle: float, passband: float, stopband: float) -> tuple[float, float]:
    """Ripples of B from those of the magnetisation; table II of the source."""
    if use is Use.INVERSION:
        return passband / 8, math.sqrt(stopband / 2)
    if use is Use.REFOCUSING:
        return passband / 4, math.sqrt(stopband)
    if use is Use.SATURATION:
        return passband / 2, math.sqrt(stopband)
    if flip_angle > math.pi / 4:
        return math.sqrt(passband / 2), stopband / math.sqrt(2)
    return passband, stopband


def _transition(passband: float, stopband: float) -> float:
    """D∞: width of the transition times the length of the best filter; source as above, equation 20."""
    p, s = math.log10(passband), math.log10(stopband)
    return (5.309e-3 * p * p + 7.114e-2 * p - 4.761e-1) * s + (-2.66e-3 * p * p - 5.941e-1 * p - 4.278e-1)


def _low_pass(steps: int, time_bandwidth: float, passband: float, stopband: float, width: float):
    """A linear-phase filter with equal ripples (Parks and McClellan), passband to (1 − w) b/2, stopband from (1 + w) b/2."""
    from scipy.signal import remez

    if not 0 < width < 1:
        raise InputError(
            f"ripples of {passband:.3g} and {stopband:.3g} need a transition of {width:.3g} times the slice; "
            "raise time_bandwidth or the ripples"
        )
    edges = np.array([0, (1 - width) * time_bandwidth / 2, (1 + width) * time_bandwidth / 2, steps / 2])
    return remez(steps, edges, [1, 0], weight=[1, passband / stopband], fs=steps, maxiter=200)
