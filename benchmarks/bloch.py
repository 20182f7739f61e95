"""Claims: EPI of 25 000 spins × 10⁴ samples by direct sum (B0, T2) in 0.25 s, which KomaMRI needs on an RTX 2080 Ti; balanced
SSFP 64² in 0.7 s at 1 % of a converged run; spoiled gradient echo 256² with 16 spins per voxel in 15 s. Two cores.

The peer in the same run is the same sum in plain JAX (chunked sine and cosine, what XLA makes of it): no other simulator of
this kind is in the environment. Times are of a warm call; host compilation of the sequence is a column of its own.
"""

import math
import time

import jax
import numpy as np
import report

import physim_kernels
from physim import mri
from physim_kernels.arithmetic import measure_arithmetic

S = mri.sequences
SCANNER = mri.Scanner()
OPERATIONS = 8  # of a spin and sample where k goes in equal steps: a complex product and a complex sum


def disc(matrix: int, view: float, per_voxel: int, seed: int = 0) -> mri.Isochromats:
    """A disc of three tissues with an uneven field: `per_voxel` spins in each voxel of a slice."""
    from physim.mri.lattice import lattice

    rng = np.random.default_rng(seed)
    step = view / matrix
    axis = (np.arange(matrix) - matrix // 2) * step
    x, y = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    inside = np.hypot(x, y) < 0.45 * view
    centre = np.stack([x, y, 0 * x], 1)[inside]
    tissue = ((centre[:, 0] > 0) + (centre[:, 1] > 0.1 * view)).astype(int)
    place = (centre[:, None] + lattice(per_voxel)[:, :3] * np.array([step, step, 4.0])).reshape(-1, 3)
    each = np.repeat(tissue, per_voxel)
    field = 20 * np.sin(place[:, 0] / 40) + 10 * np.cos(place[:, 1] / 30)
    t1, t2 = np.array([1.3, 0.85, 4.0])[each], np.array([0.09, 0.07, 1.5])[each]
    return mri.Isochromats(
        place, pd=rng.uniform(0.7, 1.0, 3)[each] / per_voxel, t1=t1, t2=t2, off_resonance=field
    )


def compiled(sequence: mri.Sequence) -> tuple[mri.Program, float]:
    """The program, and the seconds of its host compilation."""
    start = time.perf_counter()
    program = mri.compile_sequence(sequence)
    return program, time.perf_counter() - start


def row(
    name: str, spins: mri.Isochromats, sequence: mri.Sequence, limit: float, peer: bool, repeats: int
) -> dict:
    """Times one case, the plain JAX sum beside it where that ends in reasonable time."""
    program, host = compiled(sequence)
    runs = {"physim": lambda: mri.simulate(spins, program, SCANNER).block_until_ready()}
    if peer:
        with physim_kernels.disabled():
            plain = jax.jit(lambda s, p: 1 * mri.simulate(s, p, SCANNER)).lower(spins, program).compile()
        fast = np.asarray(runs["physim"]())
        error = np.linalg.norm(fast - np.asarray(plain(spins, program))) / np.linalg.norm(fast)
        assert error < 1e-5, f"kernel and reference disagree by {error}"
        runs["reference"] = lambda: plain(spins, program).block_until_ready()
    seconds = report.paired(runs, repeats)
    per_period = np.diff(np.asarray(program.samples.offsets)).mean()
    work = spins.count * program.samples.phase.shape[0]
    return {
        "case": name,
        "spins": spins.count,
        "pulses": program.periods.phase.shape[0],
        "samples_per_pulse": float(per_period),
        "seconds": seconds["physim"],
        "spin_samples_per_s": work / seconds["physim"],
        "arithmetic_share": OPERATIONS * work / seconds["physim"] / 1e9 / limit,
        "host_compilation_s": host,
        **({"ratio": seconds["reference"] / seconds["physim"]} if peer else {}),
    }


def balanced_error() -> float:
    """Error of the 64² balanced image with 16 spins per voxel against one with 256."""
    sequence = S.balanced_ssfp((64, 64), (200.0, 200.0), math.radians(40), tr=5e-3, region=S.Whole())
    images = []
    for per_voxel in (16, 256):
        signal = np.asarray(mri.simulate(disc(64, 200.0, per_voxel), sequence, SCANNER))[0].reshape(64, 64)
        images.append(np.abs(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(signal)))))
    return float(np.linalg.norm(images[0] - images[1]) / np.linalg.norm(images[1]))


def main() -> None:
    arguments = report.options(__doc__ or "")
    limit = measure_arithmetic()
    planar = {n: S.echo_planar((n, n), (220.0, 220.0), region=S.Whole()) for n in (32, 64, 100)}
    rows = [row("epi", disc(64, 220.0, 2), planar[32], limit, True, 5)]
    more = {"arithmetic_gflops": limit}
    if not arguments.smallest:
        rows.append(row("epi", disc(80, 220.0, 5), planar[64], limit, True, 5))
        rows.append(
            row("epi, 25 000 spins and 10 000 samples", disc(100, 220.0, 4), planar[100], limit, True, 5)
        )
        for n in (32, 64, 128):
            sequence = S.balanced_ssfp((n, n), (200.0, 200.0), math.radians(40), tr=5e-3, region=S.Whole())
            rows.append(row("balanced", disc(n, 200.0, 16), sequence, limit, n < 128, 3))
        for n in (64, 128, 256):
            sequence = S.spoiled_gradient_echo((n, n), (220.0, 220.0), tr=12e-3, te=6e-3, region=S.Whole())
            rows.append(row("spoiled", disc(n, 220.0, 16), sequence, limit, False, 1 if n == 256 else 3))
        more["balanced_error"] = balanced_error()
        more["epi_exponent"] = report.exponent(
            [r["spins"] * r["samples_per_pulse"] * r["pulses"] for r in rows[:3]],
            [r["seconds"] for r in rows[:3]],
        )
    report.finish("bloch", rows, arguments, **more)


if __name__ == "__main__":
    main()
