"""From spins and a sequence to samples: pulses as maps, free precession in closed form, read-outs as sums."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError

from .bloch.integrators import FourthOrder, Integrator
from .bloch.pulses import play, pulse_maps
from .direct_sum import encode_directly
from .motion.motion import Motion, Still
from .phase import wrapped, wrapped_product
from .scanner import Scanner
from .sequence.blocks import Sequence
from .sequence.compile import compile_sequence
from .sequence.program import Pair, Program
from .spins import Isochromats

CHUNK_BYTES = (
    64 * 2**20
)  # what one chunk of spins may keep: maps of the pulses and magnetisation after each of them


def simulate(
    spins: Isochromats,
    sequence: Sequence | Program,
    scanner: Scanner,
    integrator: Integrator = FourthOrder(),
    motion: Motion = Still(),
) -> Complex[Array, "coil sample"]:
    """The noise-free signal of every sample, in the order in which they are read.

    Sums over spins of pd · M⊥, times the receiver's phase; a 90° pulse of phase zero leaves spins on resonance with
    phase +90°. Memory is bounded: spins go through in chunks. Differentiable in the spins, in displacements of a `motion` and
    in a compiled program. Raises `ValueError` for a program that was compiled for another gradient system or motion.

    Good values: `mri.simulate(spins, sequence, mri.Scanner(field=3.0))`; for many runs that differ in numbers only, keep
    `program = mri.compile_sequence(sequence)` and give that.
    """
    if isinstance(sequence, Sequence):
        sequence = compile_sequence(sequence, float(scanner.field), integrator, scanner.gradients, motion)
    else:
        _require_compiled_for(sequence, scanner, motion)
    return _simulated(spins, sequence, integrator)


def _require_compiled_for(program: Program, scanner: Scanner, motion: Motion) -> None:
    """A program has gradients and motion in its moments: others than those cannot be put in any more."""
    if not isinstance(motion, Still) and motion is not program.motion:
        raise InputError(
            "motion is given with a compiled program, which has its own; write compile_sequence(sequence, motion=motion)"
        )
    if not program.gradients.same(scanner.gradients):
        raise InputError(
            "the program was compiled for another gradient system than the scanner's; "
            "write compile_sequence(sequence, gradients=scanner.gradients)"
        )


def _placed(spins: Isochromats, program: Program) -> Isochromats:
    """The spins with what their phase is made of in place of their positions."""
    return eqx.tree_at(lambda one: one.position, spins, program.places(spins.position))


@eqx.filter_jit
def magnetisation(
    spins: Isochromats, program: Program, integrator: Integrator = FourthOrder()
) -> Float[Array, "3 period spin"]:
    """Magnetisation (x, y, z) of every spin after the pulse of each period.

    Good values: a compiled sequence of a few pulses; the result has 3 numbers for each spin and pulse.
    """
    return _after_pulses(_placed(spins, program), program, integrator, 3)


@eqx.filter_jit
def _simulated(spins: Isochromats, program: Program, integrator: Integrator) -> Complex[Array, "1 sample"]:
    spins = _placed(spins, program)
    dtype = spins.t1.dtype
    chunk = _chunk(spins.count, program, dtype)
    whole = spins.count // chunk
    total = jnp.zeros((2, program.samples.phase.shape[0]), dtype)

    def one(total, some):
        return total + _signal(some, program, integrator), None

    head = jax.tree.map(lambda a: a[: whole * chunk].reshape(whole, chunk, *a.shape[1:]), spins)
    if whole == 1:
        total = _signal(jax.tree.map(lambda a: a[0], head), program, integrator)
    else:
        total, _ = jax.lax.scan(jax.checkpoint(one), total, head)
    if spins.count > whole * chunk:
        total = total + _signal(jax.tree.map(lambda a: a[whole * chunk :], spins), program, integrator)
    angle = 2 * jnp.pi * jnp.asarray(program.samples.phase, dtype)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jax.lax.complex(total[0] * cosine - total[1] * sine, total[0] * sine + total[1] * cosine)[None]


def _chunk(spins: int, program: Program, dtype) -> int:
    """How many spins go through at a time: equal chunks within the memory allowed."""
    per_spin = jnp.dtype(dtype).itemsize * (12 * program.pulses + 2 * program.periods.phase.shape[0])
    most = max(1024, CHUNK_BYTES // per_spin)
    return -(-spins // -(-spins // most))


def _signal(spins: Isochromats, program: Program, integrator: Integrator) -> Float[Array, "2 sample"]:
    """What these spins add to every sample."""
    transverse = _after_pulses(spins, program, integrator, 2)
    return encode_directly(transverse, program.samples, spins.position, spins.detuning, 1 / spins.t2)


def _after_pulses(
    spins: Isochromats, program: Program, integrator: Integrator, components: int
) -> Float[Array, "component period spin"]:
    """The first components of every spin's magnetisation after each pulse."""
    maps = pulse_maps(spins, program.shapes, integrator)
    dtype = spins.t1.dtype
    periods = program.periods

    def one(m, period):
        pulse, phase, duration, moment = period
        after = play(m, maps[pulse], phase)
        return _precess(spins, after, duration, moment), jnp.stack(after[:components])

    at_rest = (jnp.zeros(spins.count, dtype), jnp.zeros(spins.count, dtype), spins.pd)
    rows = (
        jnp.asarray(periods.pulse),
        jnp.asarray(periods.phase, dtype),
        jax.tree.map(lambda a: jnp.asarray(a, dtype), periods.duration),
        jax.tree.map(lambda a: jnp.asarray(a, dtype), periods.moment),
    )
    _, transverse = jax.lax.scan(one, at_rest, rows)
    return jnp.moveaxis(transverse, 0, 1)


def _precess(spins: Isochromats, m, duration: Pair, moment: Pair):
    """Free precession, relaxation and recovery over a whole period."""
    cycles = wrapped_product(duration, spins.detuning)
    for axis in range(spins.position.shape[1]):
        along = Pair(moment.high[axis], moment.low[axis])
        cycles = cycles + wrapped_product(along, spins.position[:, axis])
    angle = 2 * jnp.pi * wrapped(cycles)
    time = duration.value
    size = jnp.exp(-time / spins.t2)
    cosine, sine = size * jnp.cos(angle), size * jnp.sin(angle)
    recovered = spins.pd - (spins.pd - m[2]) * jnp.exp(-time / spins.t1)
    return m[0] * cosine + m[1] * sine, m[1] * cosine - m[0] * sine, recovered
