"""Claims: reverse mode through a spoiled gradient echo of 256² and 256 TR, for 10⁵ spins of a brain, stays under 2 GB.

Each row is a process of its own, so that the peak of its resident memory is that of the row: the interpreter with JAX, the
forward run and the gradient of a distance between signals, in T1, T2 and density of every spin, or in the sequence (flip
angle, all phases and all intervals). Times are of warm calls.
"""

import json
import multiprocessing
import resource
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import report

from physim import mri
from physim_phantoms import Grid, anatomy

SCANNER, ENCODING = mri.Scanner(), mri.Direct()


def brain(matrix: int, spins: int) -> mri.Isochromats:
    """A slice of a digital brain, as about so many spins."""
    grid = Grid((matrix, matrix, 1), (220 / matrix, 220 / matrix, 5.0))
    patient = anatomy.brain(grid, jax.random.key(0))
    single = mri.Isochromats.from_phantom(patient, per_voxel=1).count
    return mri.Isochromats.from_phantom(patient, per_voxel=max(1, round(spins / single)))


def of_tissue(spins, program, values):
    """Spins and program with other relaxation times and densities."""
    return eqx.tree_at(lambda s: (s.t1, s.t2, s.pd), spins, values), program


def of_sequence(spins, program, values):
    """Spins and program with other flip angles, phases and intervals."""
    return spins, eqx.tree_at(_played, program, values)


def _played(program):
    periods = program.periods
    return program.shapes[0].amplitudes, periods.phase, periods.duration.high


def peak() -> float:
    """The most memory this process has had so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measured(matrix: int, which: str) -> dict:
    """One row."""
    spins = brain(matrix, 100_000 * matrix**2 // 256**2)
    sequence = mri.sequences.spoiled_gradient_echo(
        (matrix, matrix), (220.0, 220.0), tr=12e-3, te=6e-3, region=mri.sequences.Whole()
    )
    program = jax.tree.map(lambda a: jnp.asarray(a), mri.compile_sequence(sequence))
    change = of_tissue if which == "tissue" else of_sequence
    values = (spins.t1, spins.t2, spins.pd) if which == "tissue" else _played(program)

    @eqx.filter_jit
    def signal(values, spins, program):
        return mri.simulate(*change(spins, program, values), SCANNER, ENCODING)

    @eqx.filter_jit
    def gradient(values, spins, program, truth):
        return jax.grad(lambda v: (jnp.abs(signal(v, spins, program) - truth) ** 2).sum())(values)

    truth = 0.9 * signal(values, spins, program)
    before = peak()
    runs = {
        "forward": lambda: jax.block_until_ready(signal(values, spins, program)),
        "gradient": lambda: jax.block_until_ready(gradient(values, spins, program, truth)),
    }
    start = time.perf_counter()
    runs["gradient"]()
    first = time.perf_counter() - start
    seconds = report.paired(runs, 3)
    return {
        "matrix": matrix,
        "gradient_in": which,
        "spins": spins.count,
        "peak_GB": peak(),
        "peak_before_GB": before,
        "first_gradient_s": first,
        "forward_s": seconds["forward"],
        "gradient_s": seconds["gradient"],
        "gradient_over_forward": seconds["gradient"] / seconds["forward"],
    }


def _send(pipe, matrix: int, which: str) -> None:
    pipe.send(json.dumps(measured(matrix, which)))


def row(matrix: int, which: str) -> dict:
    """One row, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, matrix, which))
    process.start()
    theirs.close()
    made = json.loads(ours.recv())
    process.join()
    return made


def main() -> None:
    arguments = report.options(__doc__ or "")
    matrices = [64] if arguments.smallest else [64, 128, 256]
    rows = [row(matrix, which) for matrix in matrices for which in ("tissue", "sequence")]
    report.finish("bloch_gradient", rows, arguments)


if __name__ == "__main__":
    main()
