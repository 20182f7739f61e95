"""Eddy currents: fields that changing gradients leave in the metal around them, decaying exponentially.

    g(t) = −a ∫ G'(s) exp(−(t − s) / τ) ds        from −∞ to t

For piecewise linear G all of this has a closed form. With E the integral above, E' = G' − E/τ, so that ∫E = τ (G − E):
moments need no more than E itself, which goes from corner to corner by one multiplication and one addition.
Source: Van Vaals and Bergman, J. Magn. Reson. 90 (1990) 52; Bernstein, King and Zhou, Handbook of MRI Pulse Sequences
(2004), ch. 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_range

from ..units import seconds
from .curve import Curve

Three = tuple[float, float, float] | list[float] | Float[np.ndarray | Array, "3"]


class EddyCurrent(eqx.Module):
    """One exponential component of the eddy currents of the three gradients.

    - `time_constant`: s. - `amplitude`: of the opposing gradient along x, y and z, as a fraction of the change of the
      gradient that drives it. - `offset`: of the uniform field, mm: a change of 1 mT/m leaves −offset µT.

    What is left after pre-emphasis may have either sign.

    Good values: `EddyCurrent(0.05, amplitude=(0.002, 0.002, 0.002))`; a well adjusted scanner has less than 0.001.
    """

    time_constant: Float[np.ndarray | Array, ""]
    amplitude: Float[np.ndarray | Array, "3"]
    offset: Float[np.ndarray | Array, "3"]

    def __init__(
        self,
        time_constant: float | Float[np.ndarray | Array, ""],
        amplitude: Three = (0.0, 0.0, 0.0),
        offset: Three = (0.0, 0.0, 0.0),
    ):
        require_range("time_constant", time_constant, 1e-6, 100.0, "s")
        self.time_constant = one_number(time_constant)
        self.amplitude = three_numbers("amplitude", amplitude)
        self.offset = three_numbers("offset", offset)
        require_range("amplitude", self.amplitude, -1.0, 1.0)
        require_range("offset", self.offset, -1e4, 1e4, "mm")


def three_numbers(name: str, values) -> Float[np.ndarray | Array, "3"]:
    """One number for each axis."""
    if np.shape(values) != (3,):
        raise InputError(
            f"{name} has shape {np.shape(values)}; it must be three numbers, for x, y and z: write (0.0, 0.0, 0.0)"
        )
    return values if isinstance(values, Array | np.ndarray) else np.array(values, float)


def one_number(value) -> Float[np.ndarray | Array, ""]:
    """An array, which is traced where a Python number would be compiled in."""
    return np.asarray(value, float) if is_concrete(value) else value


@dataclass(frozen=True, eq=False)
class Memory:
    """E of one curve for one time constant (s): what remains of its past changes."""

    curve: Curve
    time_constant: float

    def at(self, times) -> Float[np.ndarray, "..."]:
        """E at `times` (ps)."""
        index, elapsed, slope = self.curve.place(np.asarray(times))
        tau = self.time_constant
        elapsed = np.maximum(elapsed, 0.0)  # nothing has happened before the first corner
        gain = slope * tau * -np.expm1(-elapsed / tau)
        return self._states[index] * np.exp(-elapsed / tau) + gain

    def integral(self, times) -> Float[np.ndarray, "..."]:
        """∫E dt, value times s."""
        return self.time_constant * (self.curve.at(times) - self.at(times))

    def second_integral(self, times) -> Float[np.ndarray, "..."]:
        """∬E dt dt, value times s²."""
        return self.time_constant * (self.curve.integral(times) - self.integral(times))

    @cached_property
    def _states(self) -> Float[np.ndarray, " knot"]:
        """E right after each corner."""
        tau, steps = self.time_constant, np.asarray(seconds(np.diff(self.curve.times)))
        change = np.diff(self.curve.values)
        ramp = change / np.where(steps > 0, steps, 1.0) * tau * -np.expm1(-steps / tau)
        gain = np.where(steps > 0, ramp, change).tolist()
        states = [float(self.curve.values[0])]
        for factor, more in zip(np.exp(-steps / tau).tolist(), gain, strict=True):
            states.append(states[-1] * factor + more)
        return np.array(states)


@dataclass(frozen=True, eq=False)
class Induced:
    """A curve times `own` less its memories times their amplitudes: a gradient with its eddy currents, or these alone."""

    curve: Curve
    own: float
    memories: tuple[Memory, ...]
    amplitudes: tuple[float, ...]

    def at(self, times) -> Float[np.ndarray, "..."]:
        """The value at `times` (ps)."""
        return self._less("at", times)

    def integral(self, times) -> Float[np.ndarray, "..."]:
        """The integral up to `times` (ps), value times s."""
        return self._less("integral", times)

    def second_integral(self, times) -> Float[np.ndarray, "..."]:
        """The integral of `integral` up to `times` (ps), value times s²."""
        return self._less("second_integral", times)

    def _less(self, what: str, times):
        total = self.own * getattr(self.curve, what)(times)
        for memory, amplitude in zip(self.memories, self.amplitudes, strict=True):
            total = total - amplitude * getattr(memory, what)(times)
        return total
