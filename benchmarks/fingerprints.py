"""Claims: a dictionary of 500 TR and 32 orders at 1.2 times the atoms/s of blochsim in the same run; its derivatives in T1 and
T2 in at most 3 times the forward time, and the gradient in 500 flip angles in at most 5 times.

The peer runs in `benchmarks/.peers` (see peers.sh) as a process right before physim, on as many threads; both are given as the
best of their repeats, and their signals are compared. The limit is the machine's own multiply-adds: 11 operations for an
order and TR.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import report

from physim import mri
from physim_kernels.arithmetic import measure_arithmetic

PEERS = Path(__file__).parent / ".peers" / "bin" / "python"
TRS, ORDERS, TR, REPEATS = 500, 32, 12e-3, 5
FLIP = np.deg2rad(10 + 50 * np.sin(np.arange(TRS) / 40) ** 2)
OPERATIONS = 11


def tissues(count: int) -> tuple[np.ndarray, np.ndarray]:
    """T1 and T2 of a dictionary, s."""
    rng = np.random.default_rng(0)
    t1 = rng.uniform(0.3, 3.0, count)
    return t1, t1 * rng.uniform(0.03, 0.3, count)


def peer(t1: np.ndarray, t2: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds and signals of blochsim, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "dictionary.npz")
        np.savez(file, t1=t1, t2=t2, flip=FLIP, tr=TR)
        threads = os.cpu_count() or 1
        request = json.dumps({"file": file, "orders": ORDERS, "threads": threads, "repeats": REPEATS})
        script = Path(__file__).with_name("peer_fingerprints.py")
        made = subprocess.run(
            [str(PEERS), str(script)], input=request, capture_output=True, text=True, check=False
        )
        if made.returncode:
            sys.exit(f"blochsim failed:\n{made.stderr[-2000:]}")
        return json.loads(made.stdout)["seconds"], np.load(file + ".npy")


def best(run) -> float:
    """The shortest of some warm calls."""
    jax.block_until_ready(run())
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(run())
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def signals(t1, t2, flip):
    """The dictionary."""
    return mri.fingerprints(mri.Atoms(t1, t2), mri.Train(flip, tr=TR), ORDERS)


@jax.jit
def jacobian(t1, t2, flip):
    """Signals and their derivatives in T1 and T2."""
    return mri.fingerprints_with_jacobian(mri.Atoms(t1, t2), mri.Train(flip, tr=TR), ORDERS)


@jax.jit
def flip_gradient(t1, t2, flip):
    """The gradient of a sum over the dictionary in all flip angles."""
    return jax.grad(lambda flip: (signals(t1, t2, flip).imag ** 2).sum())(flip)


def row(count: int, limit: float) -> dict:
    """One size, the peer first."""
    t1, t2 = tissues(count)
    before = peer(t1, t2) if PEERS.exists() else None
    given = tuple(jnp.asarray(a, jnp.float32) for a in (t1, t2, FLIP))
    forward = jax.jit(signals)
    seconds = best(lambda: forward(*given))
    made = {
        "atoms": count,
        "seconds": seconds,
        "atoms_per_s": count / seconds,
        "arithmetic_share": OPERATIONS * count * TRS * ORDERS / seconds / 1e9 / limit,
        "jacobian_over_forward": best(lambda: jacobian(*given)) / seconds,
        "flip_gradient_over_forward": best(lambda: flip_gradient(*given)) / seconds,
    }
    if before is not None:
        error = np.abs(np.abs(before[1]) - np.abs(np.asarray(forward(*given)))).max()
        assert error < 1e-4, f"physim and blochsim disagree by {error}"
        made |= {"peer_s": before[0], "ratio": before[0] / seconds, "difference": float(error)}
    return made


def main() -> None:
    arguments = report.options(__doc__ or "")
    limit = measure_arithmetic()
    sizes = [1000] if arguments.smallest else [1000, 10_000, 50_000]
    rows = [row(count, limit) for count in sizes]
    exponent = report.exponent([r["atoms"] for r in rows], [r["seconds"] for r in rows])
    report.finish("fingerprints", rows, arguments, arithmetic_gflops=limit, exponent=exponent)


if __name__ == "__main__":
    main()
