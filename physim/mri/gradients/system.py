"""The gradient system of a scanner, and what it makes of the gradients that a sequence asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_range

from ..units import picoseconds
from .concomitant import ConcomitantFields, Products
from .curve import Curve
from .eddy_currents import EddyCurrent, Induced, Memory, Three, three_numbers
from .nonlinearity import GradientNonlinearity

Axes = tuple[Curve | Induced, Curve | Induced, Curve | Induced]


@dataclass(frozen=True, eq=False)
class Played:
    """What spins see of the gradients, on the host.

    - `axes`: Hz/mm along x, y and z. - `products`: those of concomitant fields. - `uniform`: fields that are the same
      everywhere, Hz. - `repeats`: whether equal events make equal fields, whatever came before.
    """

    axes: Axes
    products: Products | None = None
    uniform: tuple[Induced, ...] = ()
    repeats: bool = field(default=True)

    def rate(self, times) -> Float[np.ndarray, "... axis"]:
        """Hz/mm at `times` (ps); at a jump, what comes after it."""
        plain = np.stack([curve.at(times) for curve in self.axes], axis=-1)
        return plain if self.products is None else np.concatenate([plain, self.products.rate(times)], axis=-1)

    def moment(self, times) -> Float[np.ndarray, "... axis"]:
        """The integral of `rate` up to `times` (ps, fractions allowed), cycles/mm."""
        plain = np.stack([curve.integral(times) for curve in self.axes], axis=-1)
        return (
            plain if self.products is None else np.concatenate([plain, self.products.moment(times)], axis=-1)
        )

    def common(self, times) -> Float[np.ndarray, "..."]:
        """The phase that uniform fields have given all spins alike up to `times` (ps), cycles."""
        total = np.zeros(np.shape(times))
        for one in self.uniform:
            total = total + one.integral(times)
        return total


class GradientSystem(eqx.Module):
    """What the gradients of a scanner do that a sequence does not ask for; the default is ideal.

    - `delays`: how much later x, y and z gradients play than asked, s. - `eddy_currents`: exponential components.
    - `nonlinearity`: None for fields that are linear in space. - `concomitant`: None leaves out the Maxwell terms.

    Delays, eddy currents and concomitant fields act on the host, in float64, on what `compile_sequence` integrates:
    moments stay exact, and derivatives in these numbers are differences of two compilations. The coefficients of a
    nonlinearity are traced. Delays count in whole picoseconds.

    Good values: `GradientSystem(delays=(2e-6, 2e-6, 0.0))`, `GradientSystem(concomitant=ConcomitantFields())` below 1.5 T.
    """

    delays: Float[np.ndarray | Array, "3"] | None
    eddy_currents: tuple[EddyCurrent, ...]
    nonlinearity: GradientNonlinearity | None
    concomitant: ConcomitantFields | None

    def __init__(
        self,
        delays: Three = (0.0, 0.0, 0.0),
        eddy_currents: tuple[EddyCurrent, ...] = (),
        nonlinearity: GradientNonlinearity | None = None,
        concomitant: ConcomitantFields | None = None,
    ):
        late = three_numbers("delays", delays)
        require_range("delays", late, -1e-2, 1e-2, "s")
        # An ideal system has no numbers: it stays recognisable where a scanner is an argument of jit.
        self.delays = None if is_concrete(late) and not np.any(np.asarray(late)) else late
        self.eddy_currents = _all_eddy_currents(eddy_currents)
        self.nonlinearity, self.concomitant = nonlinearity, concomitant

    def same(self, other: GradientSystem) -> bool:
        """Whether another system is like this one up to rounding.

        Where this one is traced, as in a program that is an argument of jit, numbers cannot be compared; where only the
        other one is, it cannot be this one.
        """
        mine, theirs = jax.tree.flatten(self), jax.tree.flatten(other)
        return mine[1] == theirs[1] and all(
            not is_concrete(a) or (is_concrete(b) and np.allclose(a, b, rtol=1e-5, atol=0))
            for a, b in zip(mine[0], theirs[0], strict=True)
        )

    def places(self, position: Float[Array, "spin 3"]) -> Float[Array, "spin axis"]:
        """What the moments are multiplied by to give a phase: seeming positions and concomitant functions, mm."""
        seen = position if self.nonlinearity is None else self.nonlinearity.places(position)
        if self.concomitant is None:
            return seen
        return jnp.concatenate([seen, self.concomitant.places(position)], axis=1)

    def played(self, asked: tuple[Curve, Curve, Curve], strength: float) -> Played:
        """What becomes of the gradients that a sequence asks for (Hz/mm), in a field of `strength` T."""
        for name, values in (("delays", [self.delays]), ("eddy_currents", self._numbers())):
            if not all(is_concrete(value) for value in values):
                raise InputError(
                    f"the {name} of the gradient system are traced; they act on the host: "
                    "compile the sequence outside jit and grad"
                )
        delays = np.zeros(3) if self.delays is None else np.asarray(self.delays)
        late = [picoseconds(float(delay)) for delay in delays]
        curves = tuple(
            curve.delayed(delay) if delay else curve for curve, delay in zip(asked, late, strict=True)
        )
        products = None if self.concomitant is None else Products.of(curves, strength)  # type: ignore[arg-type]
        axes, uniform = self._induced(curves)
        return Played(axes, products, uniform, not any(late) and not self.eddy_currents)

    def _numbers(self):
        return [
            number for one in self.eddy_currents for number in (one.time_constant, one.amplitude, one.offset)
        ]

    def _induced(self, curves) -> tuple[Axes, tuple[Induced, ...]]:
        """The gradients with their eddy currents, and the uniform fields of these."""
        axes, uniform = [], []
        for axis, curve in enumerate(curves):
            amplitudes = [float(np.asarray(one.amplitude)[axis]) for one in self.eddy_currents]
            offsets = [float(np.asarray(one.offset)[axis]) for one in self.eddy_currents]
            memories = [Memory(curve, float(one.time_constant)) for one in self.eddy_currents]
            axes.append(_with(curve, 1.0, memories, amplitudes) if any(amplitudes) else curve)
            if any(offsets):
                uniform.append(_with(curve, 0.0, memories, offsets))
        return tuple(axes), tuple(uniform)


def _all_eddy_currents(given) -> tuple[EddyCurrent, ...]:
    if not isinstance(given, tuple | list) or not all(isinstance(one, EddyCurrent) for one in given):
        raise InputError(
            f"eddy_currents is {given!r}; it must be a tuple of EddyCurrent: write eddy_currents=(mri.EddyCurrent(0.05, "
            "amplitude=(0.002, 0.002, 0.002)),)"
        )
    return tuple(given)


def _with(curve: Curve, own: float, memories, amplitudes) -> Induced:
    used = [(m, a) for m, a in zip(memories, amplitudes, strict=True) if a]
    return Induced(curve, own, tuple(m for m, _ in used), tuple(a for _, a in used))
