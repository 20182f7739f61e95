"""From spins and a sequence to samples: pulses as maps, free precession in closed form, read-outs as sums."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, is_concrete

from .bloch.evolve import after_pulses
from .bloch.evolve_pools import decaying_modes, pools_after_pulses, transverse_modes
from .coils.receive import Receive, Uniform
from .configuration import ConfigurationGraph, PhaseGraph, graph_of, signal_of
from .encoding import Automatic, Encoding
from .many_pools import ManyPools
from .motion.motion import Motion, Still
from .pools import Pools
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
    spins: Isochromats | Pools | ManyPools | PhaseGraph,
    sequence: Sequence | Program | ConfigurationGraph | Any,
    scanner: Scanner,
    encoding: Encoding = Automatic(),
    motion: Motion = Still(),
) -> Complex[Array, "coil sample"]:
    """The noise-free signal of every sample, in the order in which they are read.

    Sums over spins of pd · M⊥ times each coil's sensitivity, times the receiver's phase; a 90° pulse of phase zero leaves
    spins on resonance with phase +90°. Memory is bounded: spins go through in chunks. Differentiable in the spins, the
    coils, displacements and in a compiled program. The fields of the scanner are those of the spins: see `spins_in`.
    `encoding` says how samples are summed: exactly, or by fast transforms within a tolerance, which `Automatic()` does where
    they are quicker. A `pypulseq.Sequence` is taken as well. A compiled program has its gradient system and motion in it.
    Raises `ValueError` for a program that was compiled for another field, gradient system or motion, and for spins that
    move past coils which do not see them everywhere alike.

    Good values: `mri.simulate(spins, sequence, mri.Scanner(field=3.0))`; for many runs that differ in numbers only, keep
    `program = mri.compile_sequence(sequence)` and give that.
    """
    if isinstance(spins, PhaseGraph):
        graph = configuration_graph(spins, sequence, scanner, motion)
        return signal_of(spins, graph, scanner.receive, encoding)
    program = checked_program(sequence, scanner, motion)
    return simulated(spins, program, scanner.receive, prepare_encoding(encoding, spins, program))


def configuration_graph(
    spins: PhaseGraph,
    sequence: Sequence | Program | ConfigurationGraph | Any,
    scanner: Scanner,
    motion: Motion = Still(),
) -> ConfigurationGraph:
    """The configurations that `simulate` keeps for these voxels, to look at or to use in place of the sequence.

    Raises `ValueError` where voxels or program are traced, for motion, concomitant fields and nonlinear gradients, and for a
    program with voxels that diffuse: only the sequence has the course of the gradients.

    Good values: `graph = mri.configuration_graph(spins, sequence, scanner)` before a loop of gradient steps.
    """
    if isinstance(sequence, ConfigurationGraph):
        _program(sequence.program, scanner, motion)
        return sequence
    if not isinstance(sequence, Program | Sequence):
        sequence = from_pypulseq(sequence)
    program = _program(sequence, scanner, motion)
    return graph_of(spins, program, sequence if isinstance(sequence, Sequence) else None)


def prepare_encoding(
    encoding: Encoding, spins: Isochromats | Pools | ManyPools, program: Program
) -> Encoding:
    """The encoding with all that it must know of spins and samples, for use under `jax.jit` and `jax.grad`.

    Samples of spins that leave the range of positions, detunings and rates of these ones are NaN.

    Good values: `encoding = mri.prepare_encoding(mri.Nonuniform(1e-4), spins, program)` before a loop of gradient steps.
    """
    chunks = -(-spins.count // _chunk(spins, program))
    return encoding.prepared(program.samples, *_encoded(_placed(spins, program), program), chunks)


def checked_program(
    sequence: Sequence | Program | Any, scanner: Scanner, motion: Motion = Still()
) -> Program:
    """The program to play in this scanner."""
    program = _program(sequence, scanner, motion)
    _require_still_or_uniform(program, scanner)
    return program


def _program(sequence: Sequence | Program | Any, scanner: Scanner, motion: Motion) -> Program:
    """The program, compiled or found to be compiled for this scanner."""
    if not isinstance(sequence, Program):
        ours = sequence if isinstance(sequence, Sequence) else from_pypulseq(sequence)
        return compile_sequence(ours, float(scanner.field), gradients=scanner.gradients, motion=motion)
    if is_concrete(scanner.field) and abs(float(scanner.field) - sequence.field) > 1e-6 * sequence.field:
        raise InputError(
            f"the program was compiled for {sequence.field:g} T and the scanner has {float(scanner.field):g} T; offsets in "
            f"ppm differ: write mri.compile_sequence(sequence, field={float(scanner.field):g})"
        )
    _require_compiled_for(sequence, scanner, motion)
    return sequence


def _require_compiled_for(program: Program, scanner: Scanner, motion: Motion) -> None:
    """A program has gradients and motion in its moments: others than those cannot be put in any more."""
    if not isinstance(motion, Still) and motion is not program.motion:
        raise InputError(
            "motion is given with a compiled program, which has its own; write compile_sequence(sequence, motion=motion)"
        )
    if not program.gradients.same(scanner.gradients):
        raise InputError(
            "the program was compiled for another gradient system than the scanner's, or the scanner's is traced and the "
            "program's is not; write compile_sequence(sequence, gradients=scanner.gradients)"
        )


def _require_still_or_uniform(program: Program, scanner: Scanner) -> None:
    """Coils stay where they are, and their sensitivity is that of a spin's first place."""
    if not isinstance(program.motion, Still) and not isinstance(scanner.receive, Uniform):
        raise InputError(
            f"the spins move past {type(scanner.receive).__name__}, whose sensitivity differs from place to place; that is "
            "not simulated: write Scanner(receive=mri.Uniform()), or leave out motion"
        )


def _placed(spins: Isochromats | Pools | ManyPools, program: Program) -> Isochromats | Pools | ManyPools:
    """The spins with what their phase is made of in place of their positions."""
    return eqx.tree_at(lambda one: one.position, spins, program.places(spins.position))


@eqx.filter_jit
def magnetisation(
    spins: Isochromats | Pools | ManyPools, program: Program
) -> Float[Array, "component period spin"]:
    """Magnetisation (x, y, z) of every spin after the pulse of each period.

    Of pools x, y and z of the first, then of the second or of each other one; a semisolid pool has z alone.
    Good values: a compiled sequence of a few pulses; the result has 3 numbers or more for each spin and pulse.
    """
    placed = _placed(spins, program)
    return (
        pools_after_pulses(placed, program)
        if isinstance(placed, Pools | ManyPools)
        else after_pulses(placed, program, 3)
    )


@eqx.filter_jit
def simulated(
    spins: Isochromats | Pools | ManyPools, program: Program, receive: Receive, encoding: Encoding
) -> Complex[Array, "coil sample"]:
    """The signal of spins under a program that fits them and an encoding that is ready."""
    both = (_placed(spins, program), spins.position)
    dtype = spins.t1.dtype
    chunk = _chunk(spins, program)
    whole = spins.count // chunk
    total = jnp.zeros((receive.count, 2, program.samples.phase.shape[0]), dtype)

    def one(total, some):
        return total + _signal(some, program, receive, encoding), None

    head = jax.tree.map(lambda a: a[: whole * chunk].reshape(whole, chunk, *a.shape[1:]), both)
    if whole == 1:
        total = _signal(jax.tree.map(lambda a: a[0], head), program, receive, encoding)
    else:
        total, _ = jax.lax.scan(jax.checkpoint(one), total, head)
    if spins.count > whole * chunk:
        total = total + _signal(jax.tree.map(lambda a: a[whole * chunk :], both), program, receive, encoding)
    angle = 2 * jnp.pi * jnp.asarray(program.samples.phase, dtype)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    real, imaginary = total[:, 0], total[:, 1]
    return jax.lax.complex(real * cosine - imaginary * sine, real * sine + imaginary * cosine)


def _chunk(spins: Isochromats | Pools | ManyPools, program: Program) -> int:
    """How many spins go through at a time: equal chunks within the memory allowed."""
    components = spins.components if isinstance(spins, Pools | ManyPools) else 3
    numbers = components * (components + 1) * program.pulses
    numbers += (components - 1) * program.periods.phase.shape[0]
    most = max(1024, CHUNK_BYTES // (spins.t1.dtype.itemsize * numbers))
    return -(-spins.count // -(-spins.count // most))


def _signal(
    some: tuple[Isochromats | Pools | ManyPools, Float[Array, "spin 3"]],
    program: Program,
    receive: Receive,
    encoding: Encoding,
) -> Float[Array, "coil 2 sample"]:
    """What these spins, and where they are for the coils, add to every sample of every coil."""
    spins, position = some
    if isinstance(spins, Pools | ManyPools):
        transverse = transverse_modes(spins, program)
    else:
        transverse = after_pulses(spins, program, 2)
    coordinates, detuning, r2 = _encoded(spins, program)
    seen = receive.sensitivity(position)
    sensitivity = jnp.stack([seen.real, seen.imag], axis=1).astype(transverse.dtype)
    # Two modes of a spin are in one place.
    sensitivity = jnp.tile(sensitivity, len(detuning) // spins.count)
    return encoding.encode(transverse, sensitivity, program.samples, coordinates, detuning, r2)


def _encoded(spins: Isochromats | Pools | ManyPools, program: Program):
    """Place (mm), detuning (Hz) and decay (1/s) of everything that every read-out sums over."""
    if isinstance(spins, Pools | ManyPools):
        return decaying_modes(spins, program)
    return spins.position, spins.detuning, 1 / spins.t2
