"""Claims: 2 · 10⁶ spins to 10⁶ samples of one read-out with off-resonance (±60 Hz) and T2* over 40 ms, at a tolerance of 10⁻⁴,
in 15 s on two cores, in a plane and in space. Every other encoding of the same spins and samples is held against a part of the
direct sum.

The peer in the same run, where jax-finufft is installed, does the same work: its type 3 transform for each time segment.
"""

import jax
import jax.numpy as jnp
import numpy as np
import report

from physim import mri
from physim.mri.direct_sum import encode_directly
from physim.mri.encoding import Prepared
from physim.mri.sequence import Pair, Samples
from physim_kernels.arithmetic import measure_arithmetic

VIEW, DURATION, TOLERANCE = 220.0, 0.04, 1e-4
SIZES = {"plane": (2, (62, 250, 1000)), "space": (3, (16, 40, 100))}


def problem(axes: int, matrix: int, spins: int):
    """A read-out that fills k-space of a square or a cube, jittered so that nothing is Cartesian, and random spins."""
    rng = np.random.default_rng(0)
    line = (np.arange(matrix) - matrix // 2) / VIEW
    k = np.stack(np.meshgrid(*[line] * axes, indexing="ij"), -1).reshape(-1, axes)
    k = np.pad(k + rng.uniform(-0.3, 0.3, k.shape) / VIEW, ((0, 0), (0, 3 - axes)))
    time = 5e-3 + DURATION * np.arange(len(k)) / len(k)
    samples = Samples(Pair.of(k), Pair.of(time), np.zeros(len(k)), np.array([0, len(k)], np.int32))
    m = jnp.asarray(rng.standard_normal((2, 1, spins)), jnp.float32)
    seen = jnp.ones((1, 2, spins), jnp.float32) * jnp.asarray([1.0, 0.0])[:, None]
    place = jnp.asarray(rng.uniform(-100, 100, (spins, 3)), jnp.float32)
    detuning = jnp.asarray(rng.uniform(-60, 60, spins), jnp.float32)
    return m, seen, samples, place, detuning, jnp.asarray(rng.uniform(10, 50, spins), jnp.float32)


def some_of(samples: Samples, count: int = 100) -> tuple[Samples, np.ndarray]:
    """A few of the samples, in their order."""
    chosen = np.linspace(0, samples.phase.shape[0] - 1, count).astype(int)
    k, time = Pair.of(samples.k.value[chosen]), Pair.of(samples.time.value[chosen])
    return Samples(k, time, np.zeros(count), np.array([0, count], np.int32)), chosen


def finufft(case, ready: Prepared):
    """The same transform by jax-finufft, a type 3 for each segment; None where it is not installed."""
    try:
        import jax_finufft  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    m, _, samples, place, detuning, r2 = case
    axes = int((np.ptp(samples.k.value, axis=0) > 0).sum())
    k = [jnp.asarray(2 * np.pi * samples.k.value[:, axis], jnp.float32) for axis in range(axes)]

    @jax.jit
    def run(m, place, detuning, r2):
        start, _, step = ready.times
        total = jnp.zeros(samples.phase.shape[0], jnp.complex64)
        for segment in range(ready.table.shape[1]):
            z = (r2 - ready.centre[1]) + 2j * jnp.pi * (detuning - ready.centre[0])
            source = jax.lax.complex(m[0, 0], m[1, 0]) * jnp.exp(-(start + segment * step) * z)
            points = [place[:, axis] for axis in range(axes)]
            total = total + jax_finufft.nufft3(source, *points, *k, iflag=-1, eps=TOLERANCE)
        return total

    return lambda: run(m, place, detuning, r2).block_until_ready()


def row(name: str, axes: int, matrix: int, limit: float, repeats: int) -> dict:
    """Times one case."""
    spins = 2 * matrix**axes
    case = problem(axes, matrix, spins)
    ready = mri.Nonuniform(TOLERANCE).prepared(*case[2:])
    assert isinstance(ready, Prepared)
    m, seen, samples, *spins_of = case
    encode = jax.jit(lambda *a: ready.encode(a[0], seen, samples, *a[1:]))
    fast = np.asarray(encode(m, *spins_of))[0]
    few, chosen = some_of(samples)
    truth = np.asarray(encode_directly(m, few, *spins_of))
    error = float(np.linalg.norm(fast[:, chosen] - truth) / np.linalg.norm(truth))
    assert error < TOLERANCE, f"off by {error}"
    runs = {"physim": lambda: encode(m, *spins_of).block_until_ready()}
    peer = finufft(case, ready)
    if peer:
        runs["finufft"] = peer
    seconds = report.paired(runs, repeats)
    window, segments = ready.sizes.window.width**axes, ready.sizes.segments
    work = 4 * segments * window * (spins + samples.phase.shape[0])
    return {
        "case": name,
        "spins": spins,
        "samples": samples.phase.shape[0],
        "segments": segments,
        "seconds": seconds["physim"],
        "error": error,
        "window_arithmetic_share": work / seconds["physim"] / 1e9 / limit,
        **({"ratio": seconds["finufft"] / seconds["physim"]} if peer else {}),
    }


def main() -> None:
    arguments = report.options(__doc__ or "")
    limit = measure_arithmetic()
    rows, exponents = [], {}
    for name, (axes, sizes) in SIZES.items():
        made = [row(name, axes, n, limit, 3) for n in (sizes[:1] if arguments.smallest else sizes)]
        exponents[f"{name}_exponent"] = report.exponent(
            [r["spins"] for r in made], [r["seconds"] for r in made]
        )
        rows += made
    report.finish("encoding", rows, arguments, arithmetic_gflops=limit, **exponents)


if __name__ == "__main__":
    main()
