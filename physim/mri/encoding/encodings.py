"""The choice of how samples are computed from spins: exactly, by fast transforms within a tolerance, or whichever is quicker."""

from __future__ import annotations

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, require_range

from ..direct_sum import encode_directly
from ..sequence.program import Samples
from .nonuniform import NONUNIFORM, Numbers
from .plan import SLACK, Extremes, Sizes, cost, direct_cost, extremes, is_known, negligible, planned
from .segments import Segments

TOGETHER = 32  # numbers that coils and segments together may have on each point of the grids
QUICK = 1e9  # nanoseconds of one core that are not worth the second that planning takes


class Encoding(eqx.Module):
    """How samples are computed from the magnetisation of spins after each pulse."""

    @abc.abstractmethod
    def prepared(
        self,
        samples: Samples,
        position: Float[Array, "spin axis"],
        detuning: Float[Array, " spin"],
        r2: Float[Array, " spin"],
        chunks: int = 1,
    ) -> Encoding:
        """What suits these spins and samples: looks at their values where they are known, before anything is traced.

        `chunks`: the equal parts in which spins will go through `encode`.
        """

    @abc.abstractmethod
    def encode(
        self,
        transverse: Float[Array, "2 period spin"],
        sensitivity: Float[Array, "coil 2 spin"],
        samples: Samples,
        position: Float[Array, "spin axis"],
        detuning: Float[Array, " spin"],
        r2: Float[Array, " spin"],
    ) -> Float[Array, "coil 2 sample"]:
        """All samples of all coils before the receiver's phase; positions in mm, detuning in Hz, rates in 1/s."""


class Direct(Encoding):
    """The sum over all spins, exact to rounding: eight operations for each spin and sample of a line of k-space.

    Good values: `mri.Direct()`, below some 10⁹ spins times samples and wherever there is doubt.
    """

    def prepared(self, samples, position, detuning, r2, chunks=1) -> Encoding:
        """Nothing to prepare."""
        return self

    def encode(
        self, transverse, sensitivity, samples, position, detuning, r2
    ) -> Float[Array, "coil 2 sample"]:
        """The sum, of one coil after another."""
        of_coil = lambda own: encode_directly(seen_by(own, transverse), samples, position, detuning, r2)
        return jnp.stack([of_coil(own) for own in sensitivity])


class Nonuniform(Encoding):
    """Non-uniform fast Fourier transforms over segments of time, one for each period.

    - `tolerance`: error of the samples relative to their root-mean-square, for spins whose phases are not all alike, and of
      each sample relative to Σ|m| in any case; 1e-12 to 0.1. Float32 reaches about 2e-6.

    Sizes of grids depend on values, so that spins and program must be known. Inside `jax.jit` or `jax.grad` give
    `encoding = mri.Nonuniform(1e-4).prepared(...)` or `mri.prepare_encoding(encoding, spins, program)`, made outside.
    Raises `InputError` where they are not known, and where detunings spread so far that time takes more than 64 segments.

    Good values: `mri.Nonuniform(1e-4)`, from some 10⁵ spins and 10⁴ samples in a period.
    """

    tolerance: float = eqx.field(static=True)

    def __init__(self, tolerance: float = 1e-4):
        require_range("tolerance", tolerance, 1e-12, 0.1, "")
        self.tolerance = float(tolerance)

    def prepared(self, samples, position, detuning, r2, chunks=1) -> Encoding:
        """Grids and segments for these spins and samples."""
        if position.shape[1] != 3:
            raise InputError(
                f"phases here depend on {position.shape[1]} functions of position (concomitant fields or free motion), and "
                "the transform knows x, y and z; write mri.Direct()"
            )
        if not is_known(samples, position, detuning, r2):
            raise InputError(
                "Nonuniform() has to look at the spins and samples, which are traced here; prepare it outside jit and "
                "grad: encoding = mri.prepare_encoding(mri.Nonuniform(1e-4), spins, program), or use mri.Direct()"
            )
        if not samples.phase.shape[0]:
            return Direct()
        found = extremes(samples, position, detuning, r2, chunks)
        made = planned(self.tolerance, found, position.dtype == jnp.float64)
        if made is None:
            low, high = found.detuning
            raise InputError(
                f"detunings from {low:.4g} to {high:.4g} Hz and R2 up to {found.r2[1]:.4g} 1/s over "
                f"{found.times[1] - found.times[0]:.3g} s need too many time segments; use mri.Direct()"
            )
        return _prepared(found, *made)

    def encode(
        self, transverse, sensitivity, samples, position, detuning, r2
    ) -> Float[Array, "coil 2 sample"]:
        """Prepares and encodes."""
        ready = self.prepared(samples, position, detuning, r2)
        return ready.encode(transverse, sensitivity, samples, position, detuning, r2)


class Automatic(Encoding):
    """Whichever of `Direct()` and `Nonuniform(tolerance)` is quicker by a count of operations.

    Where spins or samples are traced, within `jax.jit` or `jax.grad`, it is `Direct()`: the same within the tolerance.

    Good values: `mri.Automatic()`; a tolerance of 1e-6 where samples are compared with other codes.
    """

    tolerance: float = eqx.field(static=True)

    def __init__(self, tolerance: float = 1e-4):
        require_range("tolerance", tolerance, 1e-12, 0.1, "")
        self.tolerance = float(tolerance)

    def prepared(self, samples, position, detuning, r2, chunks=1) -> Encoding:
        """The quicker one."""
        known = is_known(samples, position, detuning, r2)
        if not known or position.shape[1] != 3 or not samples.phase.shape[0]:
            return Direct()
        found = extremes(samples, position, detuning, r2, chunks)
        if direct_cost(found) < QUICK:
            return Direct()
        made = planned(self.tolerance, found, position.dtype == jnp.float64)
        if made is None or direct_cost(found) <= cost(made[0], found):
            return Direct()
        return _prepared(found, *made)

    def encode(
        self, transverse, sensitivity, samples, position, detuning, r2
    ) -> Float[Array, "coil 2 sample"]:
        """Prepares and encodes."""
        ready = self.prepared(samples, position, detuning, r2)
        return ready.encode(transverse, sensitivity, samples, position, detuning, r2)


class Prepared(Encoding):
    """A `Nonuniform` encoding whose grids and time segments are decided: usable under jit, grad and vmap.

    Samples of spins or places outside what it was prepared for are NaN. Make it with `mri.prepare_encoding`.
    """

    sizes: Sizes = eqx.field(static=True)
    middle: np.ndarray | Array
    reach: np.ndarray | Array
    k: np.ndarray | Array
    times: np.ndarray | Array
    centre: np.ndarray | Array
    spread: np.ndarray | Array
    table: np.ndarray | Array

    def prepared(self, samples, position, detuning, r2, chunks=1) -> Encoding:
        """Itself."""
        return self

    def encode(
        self, transverse, sensitivity, samples, position, detuning, r2
    ) -> Float[Array, "coil 2 sample"]:
        """Samples, by the transforms prepared: coils share the windows of spins as far as memory allows."""
        parameters = tuple(self._numbers(transverse.dtype, samples, position, detuning, r2))
        coils = sensitivity.shape[0]
        together = max(
            n
            for n in range(1, coils + 1)
            if coils % n == 0 and (n == 1 or n * self.sizes.segments <= TOGETHER)
        )

        def of_some(own):
            seen = jnp.moveaxis(jax.vmap(seen_by, (0, None))(own, transverse), 1, 0)
            return jnp.moveaxis(NONUNIFORM.apply(self.sizes, parameters, seen), 0, 1)

        groups = sensitivity.reshape(-1, together, *sensitivity.shape[1:])
        made = of_some(groups[0])[None] if len(groups) == 1 else jax.lax.map(of_some, groups)
        return made.reshape(coils, 2, -1)

    def _numbers(self, dtype, samples, position, detuning, r2) -> Numbers:
        """What the transform needs to know of spins, samples and the plan."""
        axes = list(self.sizes.axes)
        own = lambda a: jnp.asarray(a, dtype)
        fixed = lambda a: jax.lax.stop_gradient(own(a))
        limit = SLACK * jnp.maximum(own(self.k), 1e-9)
        return Numbers(
            own(samples.k.high)[:, axes],
            own(samples.k.low)[:, axes],
            own(samples.time.high),
            own(samples.time.low),
            jnp.asarray(samples.offsets, jnp.int32),
            position.T[axes, :],
            detuning,
            r2,
            fixed(self.middle),
            fixed(SLACK * own(self.reach) + 1e-6),
            fixed(2 * self.sizes.window.oversampling * limit),
            fixed(limit),
            fixed(self.times),
            fixed(self.centre),
            fixed(self.spread),
            fixed(self.table),
        )


def seen_by(
    sensitivity: Float[Array, "2 spin"], transverse: Float[Array, "2 period spin"]
) -> Float[Array, "2 period spin"]:
    """Sensitivity times magnetisation, as complex numbers."""
    (a, b), (real, imaginary) = sensitivity, transverse
    return jnp.stack([real * a - imaginary * b, real * b + imaginary * a])


def _prepared(found: Extremes, sizes: Sizes, segments: Segments) -> Prepared:
    axes = list(sizes.axes)
    low, high = found.detuning
    # Along an axis without a window k may vary by as much as the plan neglects.
    neglected = negligible(sizes.tolerance) / np.maximum(found.reach, 1e-9)
    flat = np.array(sizes.points)[np.argsort(axes)] == 1
    return Prepared(
        sizes,
        found.middle[axes],
        found.reach[axes],
        np.where(flat, neglected, found.k)[axes],
        np.array([segments.start, segments.length, segments.step]),
        np.array([segments.detuning, segments.r2]),
        np.array([SLACK * (high - low) / 2 + 1e-3, found.r2[1] - found.r2[0]]),
        segments.table,
    )
