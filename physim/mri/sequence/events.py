"""What a block of a sequence can hold: a radio-frequency pulse, gradients, a read-out.

Times are whole picoseconds, gradients mT/m, radio-frequency amplitudes Hz of nutation (γB1/2π), phases rad. Every event
starts `delay` after its block does. Pulses, gradients and read-outs are plain numbers on the host; `compile_sequence`
turns them into what is traced. They are dataclasses, not pytrees: nothing here is traced, and a sequence has thousands.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from physim_phantoms._checks import InputError, require_finite

from ..units import seconds

Times = Int[np.ndarray, " knot"]
Values = Float[np.ndarray, " knot"]


class Use(enum.Enum):
    """What a pulse is for; reconstruction and phase graphs ask, the Bloch equations do not."""

    EXCITATION = "e"
    REFOCUSING = "r"
    INVERSION = "i"
    SATURATION = "s"
    PREPARATION = "p"
    OTHER = "o"
    UNDEFINED = "u"


@dataclass(frozen=True, eq=False)
class Rf:
    """A radio-frequency pulse: amplitude · magnitude(t) · exp(−i phase(t)), linear between samples, flat beyond the outer ones.

    The carrier adds `phase_offset + 2π frequency_offset t` to the phase, t from the end of `delay`. A positive
    frequency offset is resonant with spins of the same positive off-resonance.

    - `magnitude`, `phase`: relative amplitude and rad at `times`.
    - `times`: ps from the end of `delay`. - `duration`: ps. - `centre`: ps from the end of `delay`, where the pulse acts.
    - `frequency_ppm`, `phase_ppm`: offsets that scale with the scanner's field: Hz per MHz, and rad per MHz.
    """

    amplitude: float
    magnitude: Values
    phase: Values
    times: Times
    duration: int
    delay: int = 0
    centre: int = 0
    frequency_offset: float = 0.0
    phase_offset: float = 0.0
    frequency_ppm: float = 0.0
    phase_ppm: float = 0.0
    use: Use = Use.UNDEFINED

    def __post_init__(self):
        shape = np.shape(self.times)
        if not (np.shape(self.magnitude) == np.shape(self.phase) == shape) or not shape or not shape[0]:
            raise InputError(
                f"a pulse has {np.shape(self.magnitude)} magnitudes, {np.shape(self.phase)} phases and {shape} times; "
                "they must be three 1-D arrays of one length, of at least one sample"
            )
        require_finite("amplitude", self.amplitude)
        require_finite("magnitude", self.magnitude)
        require_finite("phase", self.phase)
        _require_rising("pulse", self.times, self.duration)
        _require_delay("pulse", self.delay)

    @property
    def end(self) -> int:
        """When the pulse ends, ps after its block began."""
        return self.delay + self.duration

    def at(self, times: Float[np.ndarray, "..."]) -> Float[np.ndarray, "... 2"]:
        """Real and imaginary part of the unit-amplitude pulse without its carrier at `times`, ps from the end of the delay."""
        wave = np.asarray(self.magnitude * np.exp(-1j * self.phase))
        return np.stack(
            [np.interp(times, self.times, np.real(wave)), np.interp(times, self.times, np.imag(wave))],
            axis=-1,
        )


@dataclass(frozen=True, eq=False)
class Trapezoid:
    """A trapezoid gradient: up to `amplitude` (mT/m) in `rise`, there for `flat`, down in `fall`."""

    amplitude: float
    rise: int
    flat: int
    fall: int
    delay: int = 0

    def __post_init__(self):
        require_finite("amplitude", self.amplitude)
        _require_delay("trapezoid", self.delay)
        if min(self.rise, self.flat, self.fall) < 0:
            raise InputError(
                f"a trapezoid has rise, flat and fall of {self.rise}, {self.flat} and {self.fall} ps; none may be negative"
            )

    @property
    def end(self) -> int:
        """When the gradient is back at zero, ps after its block began."""
        return self.delay + self.rise + self.flat + self.fall

    def knots(self) -> tuple[Times, Values]:
        """Corners of the piecewise linear gradient: ps after the block began, and mT/m."""
        times = self.delay + np.cumsum([0, self.rise, self.flat, self.fall])
        return times.astype(np.int64), self.amplitude * np.array([0.0, 1.0, 1.0, 0.0])

    @property
    def area(self) -> float:
        """mT/m · s."""
        return self.amplitude * float(seconds(self.flat + (self.rise + self.fall) / 2))


@dataclass(frozen=True, eq=False)
class Waveform:
    """An arbitrary gradient, linear between its corners; it may begin and end away from zero.

    - `values`: mT/m. - `times`: ps from the end of `delay`, rising.
    """

    values: Values
    times: Times
    delay: int = 0

    def __post_init__(self):
        if (
            np.ndim(self.times) != 1
            or np.shape(self.values) != np.shape(self.times)
            or np.size(self.times) < 2
        ):
            raise InputError(
                f"a gradient waveform has {np.shape(self.values)} values and {np.shape(self.times)} times; "
                "they must be two 1-D arrays of one length, of at least two corners"
            )
        require_finite("values", self.values)
        _require_rising("gradient waveform", self.times, int(self.times[-1]))
        _require_delay("gradient waveform", self.delay)

    @property
    def end(self) -> int:
        """When the last corner is, ps after the block began."""
        return self.delay + int(self.times[-1])

    def knots(self) -> tuple[Times, Values]:
        """Corners of the piecewise linear gradient: ps after the block began, and mT/m."""
        return self.delay + np.asarray(self.times, np.int64), np.asarray(self.values, float)


Gradient = Trapezoid | Waveform


@dataclass(frozen=True, eq=False)
class Adc:
    """A read-out: `samples` of length `dwell` (ps); sample n sits at delay + (n + ½) dwell.

    The receiver's phase is `phase_offset + 2π frequency_offset t (+ phase_modulation[n])`, t from the end of the delay.
    """

    samples: int
    dwell: int
    delay: int = 0
    frequency_offset: float = 0.0
    phase_offset: float = 0.0
    frequency_ppm: float = 0.0
    phase_ppm: float = 0.0
    phase_modulation: Float[np.ndarray, " sample"] | None = None

    def __post_init__(self):
        if self.samples < 1 or self.dwell < 1:
            raise InputError(
                f"a read-out has {self.samples} samples of {self.dwell} ps; both must be at least 1: "
                "leave the read-out away, or give it samples"
            )
        if self.phase_modulation is not None and np.shape(self.phase_modulation) != (self.samples,):
            raise InputError(
                f"phase_modulation has shape {np.shape(self.phase_modulation)}; it must have one phase for each of "
                f"{self.samples} samples"
            )
        _require_delay("read-out", self.delay)

    @property
    def end(self) -> int:
        """When the last sample ends, ps after the block began."""
        return self.delay + self.samples * self.dwell

    def times(self) -> Float[np.ndarray, " sample"]:
        """The middle of every sample, ps after the end of the delay."""
        return (np.arange(self.samples) + 0.5) * self.dwell


def _require_rising(what: str, times, duration: int) -> None:
    given = np.asarray(times)
    if not np.issubdtype(given.dtype, np.integer):
        raise InputError(
            f"the times of a {what} are {given.dtype}; they must be whole picoseconds: numpy.int64"
        )
    if given[0] < 0 or given[-1] > duration or np.any(np.diff(given) < 0):
        raise InputError(
            f"the times of a {what} run from {given[0]} to {given[-1]} ps; they must rise within 0 and its {duration} ps"
        )


def _require_delay(what: str, delay: int) -> None:
    if delay < 0:
        raise InputError(f"the delay of a {what} is {delay} ps; it must be 0 or more")
