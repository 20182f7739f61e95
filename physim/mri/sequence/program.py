"""A compiled sequence: what the spins see, as arrays that can be traced, vmapped and differentiated.

A sequence becomes periods: a pulse, then free precession with or without samples. Pulses that are the same up to their
phase are kept once. Phases and moments are float64 on the host; where float32 would lose them they are pairs whose sum
they are.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..bloch.integrators import Integrator
from ..gradients.system import GradientSystem
from ..motion.motion import Motion, Still

Real = Float[np.ndarray | Array, "..."]


class Pair(eqx.Module):
    """A float64 number as a float32 number and the rest: their sum keeps 48 bits where only float32 is at hand."""

    high: Real
    low: Real

    @classmethod
    def of(cls, values) -> Pair:
        """Splits float64 values."""
        values = np.asarray(values, np.float64)
        high = values.astype(np.float32).astype(np.float64)
        return cls(high, np.asarray(values - high))

    @property
    def value(self) -> Real:
        """The sum, in whatever precision the parts have."""
        return self.high + self.low


class PulseShape(eqx.Module):
    """A pulse as its integrator wants it, and all amplitudes and carriers with which it is played.

    - `step`: length of each step, s; all steps are played 2^`doublings` times in a row. - `duration`: of all, s.
    - `b1`: unit-amplitude pulse at the nodes of each step, real and imaginary part, in the frame of the carrier.
    - `rate`: gradients at the nodes, Hz/mm. - `amplitudes`: Hz of nutation. - `carriers`: frequency offsets, Hz.
    """

    step: Float[np.ndarray | Array, " step"]
    b1: Float[np.ndarray | Array, "step node 2"]
    rate: Float[np.ndarray | Array, "step node axis"]
    amplitudes: Float[np.ndarray | Array, " pulse"]
    carriers: Pair
    duration: Pair
    doublings: int = eqx.field(static=True, default=0)


class Periods(eqx.Module):
    """One row for each pulse with the free precession after it.

    - `pulse`: index among the pulses of all shapes, in the order of the shapes and their amplitudes.
    - `phase`: of the pulse, cycles, in [-½, ½]. - `duration`: of the free precession, s.
    - `moment`: ∫ γ/2π G dt over it, cycles/mm.
    """

    pulse: Int[np.ndarray | Array, " period"]
    phase: Float[np.ndarray | Array, " period"]
    duration: Pair
    moment: Pair


class Samples(eqx.Module):
    """All samples, period by period.

    - `k`, `time`: since the pulse of the period ended, cycles/mm and s. - `phase`: of the receiver, cycles, in [-½, ½].
    - `offsets`: the samples of period p are offsets[p] to offsets[p + 1] − 1.
    """

    k: Pair
    time: Pair
    phase: Float[np.ndarray | Array, " sample"]
    offsets: Int[np.ndarray | Array, " bound"]

    @property
    def period(self) -> Int[np.ndarray | Array, " sample"]:
        """The period of each sample."""
        order = np if isinstance(self.offsets, np.ndarray) else jnp
        samples = order.arange(self.phase.shape[0])
        return order.searchsorted(self.offsets, samples, side="right").astype(order.int32) - 1


class Program(eqx.Module):
    """A sequence for one integrator, field, gradient system and motion; `mri.compile_sequence` makes it.

    Moments have one number for each function of position of `places`: x, y and z for spins at rest and gradients without
    concomitant fields.

    All numbers are traced: `jax.grad` with respect to `program.shapes[0].amplitudes` is the derivative in flip angles,
    and `eqx.tree_at` changes timings without another compilation.

    - `integrator`: of the pulses; their shapes hold the field at its nodes. - `field`: T, where offsets in ppm became Hz.
    """

    shapes: tuple[PulseShape, ...]
    periods: Periods
    samples: Samples
    integrator: Integrator
    field: float = eqx.field(static=True)
    gradients: GradientSystem = eqx.field(default_factory=GradientSystem)
    motion: Motion = eqx.field(default_factory=Still)

    def places(self, position: Float[Array, "spin 3"]) -> Float[Array, "spin axis"]:
        """What moments are multiplied by to give the phase of spins at `position`, mm."""
        seen, moved = self.gradients.places(position), self.motion.places(position)
        return jnp.concatenate([seen, moved], axis=1) if moved.shape[1] else seen

    @property
    def pulses(self) -> int:
        """How many different pulses there are."""
        return sum(shape.amplitudes.shape[0] for shape in self.shapes)
