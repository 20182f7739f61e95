"""From spins and a sequence to samples: pulses as maps, free precession in closed form, read-outs as sums."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, is_concrete

from .bloch.evolve import after_pulses
from .coils.receive import Receive
from .direct_sum import encode_directly
from .pulseq import from_pypulseq
from .scanner import Scanner
from .sequence.blocks import Sequence
from .sequence.compile import compile_sequence
from .sequence.program import Program
from .spins import Isochromats

CHUNK_BYTES = (
    64 * 2**20
)  # what one chunk of spins may keep: maps of the pulses and magnetisation after each of them


def simulate(
    spins: Isochromats, sequence: Sequence | Program | Any, scanner: Scanner
) -> Complex[Array, "coil sample"]:
    """The noise-free signal of every sample, in the order in which they are read.

    Sums over spins of pd · M⊥ times each coil's sensitivity, times the receiver's phase; a 90° pulse of phase zero leaves
    spins on resonance with phase +90°. Memory is bounded: spins go through in chunks. Differentiable in the spins, the
    coils and in a compiled program. The fields of the scanner are those of the spins: see `spins_in`.
    A `pypulseq.Sequence` is taken as well. Raises `ValueError` for a program that was compiled for another field.

    Good values: `mri.simulate(spins, sequence, mri.Scanner(field=3.0))`; for many runs that differ in numbers only, keep
    `program = mri.compile_sequence(sequence)` and give that.
    """
    return _simulated(spins, _program(sequence, scanner), scanner.receive)


def _program(sequence: Sequence | Program | Any, scanner: Scanner) -> Program:
    """The program to play in this scanner."""
    if not isinstance(sequence, Program):
        ours = sequence if isinstance(sequence, Sequence) else from_pypulseq(sequence)
        return compile_sequence(ours, float(scanner.field))
    if is_concrete(scanner.field) and abs(float(scanner.field) - sequence.field) > 1e-6 * sequence.field:
        raise InputError(
            f"the program was compiled for {sequence.field:g} T and the scanner has {float(scanner.field):g} T; offsets in "
            f"ppm differ: write mri.compile_sequence(sequence, field={float(scanner.field):g})"
        )
    return sequence


@eqx.filter_jit
def magnetisation(spins: Isochromats, program: Program) -> Float[Array, "3 period spin"]:
    """Magnetisation (x, y, z) of every spin after the pulse of each period.

    Good values: a compiled sequence of a few pulses; the result has 3 numbers for each spin and pulse.
    """
    return after_pulses(spins, program, 3)


@eqx.filter_jit
def _simulated(spins: Isochromats, program: Program, receive: Receive) -> Complex[Array, "coil sample"]:
    dtype = spins.t1.dtype
    chunk = _chunk(spins.count, program, dtype)
    whole = spins.count // chunk
    total = jnp.zeros((receive.count, 2, program.samples.phase.shape[0]), dtype)

    def one(total, some):
        return total + _signal(some, program, receive), None

    head = jax.tree.map(lambda a: a[: whole * chunk].reshape(whole, chunk, *a.shape[1:]), spins)
    if whole == 1:
        total = _signal(jax.tree.map(lambda a: a[0], head), program, receive)
    else:
        total, _ = jax.lax.scan(jax.checkpoint(one), total, head)
    if spins.count > whole * chunk:
        total = total + _signal(jax.tree.map(lambda a: a[whole * chunk :], spins), program, receive)
    angle = 2 * jnp.pi * jnp.asarray(program.samples.phase, dtype)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    real, imaginary = total[:, 0], total[:, 1]
    return jax.lax.complex(real * cosine - imaginary * sine, real * sine + imaginary * cosine)


def _chunk(spins: int, program: Program, dtype) -> int:
    """How many spins go through at a time: equal chunks within the memory allowed."""
    per_spin = jnp.dtype(dtype).itemsize * (12 * program.pulses + 2 * program.periods.phase.shape[0])
    most = max(1024, CHUNK_BYTES // per_spin)
    return -(-spins // -(-spins // most))


def _signal(spins: Isochromats, program: Program, receive: Receive) -> Float[Array, "coil 2 sample"]:
    """What these spins add to every sample of every coil."""
    real, imaginary = after_pulses(spins, program, 2)
    weight = receive.sensitivity(spins.position)

    def of_coil(a, b):
        seen = jnp.stack([real * a - imaginary * b, real * b + imaginary * a])
        return encode_directly(seen, program.samples, spins.position, spins.detuning, 1 / spins.t2)

    parts = (weight.real.astype(real.dtype), weight.imag.astype(real.dtype))
    return jnp.stack([of_coil(a, b) for a, b in zip(*parts, strict=True)])
