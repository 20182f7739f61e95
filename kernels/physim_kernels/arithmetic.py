"""How fast this machine multiplies and adds: the limit that projectors and encoders are held against."""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import time

import numpy as np
from numba import config, get_num_threads, njit, prange, types
from numba.extending import intrinsic

from .vectors import I64, WIDTH, Block

CHAINS = 12  # independent sums, more than a processor keeps on their way


def measure_arithmetic(steps: int = 10_000_000, repeats: int = 5) -> float:
    """Fused multiply-adds in single precision of all cores together, in GFLOP/s (two operations each): the best of `repeats`.

    Every thread keeps `CHAINS` vectors in registers and steps each `steps` times, x ← 0.5 x + 1: no memory, and no wait for
    a result. Raises `ValueError` for less than 1000 steps and for no repeats.

    Good values: the default, some 20 ms a repeat. Other work on the machine lowers the result.
    """
    if steps < 1000 or repeats < 1:
        raise ValueError(f"steps is {steps} and repeats {repeats}; they must be at least 1000 and 1")
    # The same threads as the kernels get, whoever comes first: Numba keeps the layer that it starts with.
    config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # type: ignore
    threads = get_num_threads()
    out = np.zeros(threads, np.float32)
    _all_threads(out, 1)
    best = min(_seconds(out, steps) for _ in range(repeats))
    return threads * steps * CHAINS * 2 * WIDTH[types.float32] / best / 1e9


def _seconds(out, steps: int) -> float:
    start = time.perf_counter()
    _all_threads(out, steps)
    return time.perf_counter() - start


@njit(parallel=True, cache=True)
def _all_threads(out, steps):
    for thread in prange(out.size):
        out[thread] = _chains(out[thread], steps)


@intrinsic
def _chains(context, start, steps):
    """The sum of `CHAINS` chains of `steps` fused multiply-adds, of the first lane."""
    real = start

    def generate(cg, builder, signature, arguments):
        start, steps = arguments
        block = Block(builder, cg.get_value_type(real), WIDTH[real])
        before, body, after = builder.block, *(builder.append_basic_block(n) for n in ("chain", "chained"))
        first = block.spread(start)
        builder.branch(body)
        builder.position_at_end(body)
        done, values = builder.phi(I64), [builder.phi(block.vector) for _ in range(CHAINS)]
        made = [block.add(block.multiply(v, block.constant(0.5)), block.constant(1)) for v in values]
        following = builder.add(done, I64(1))
        for phi, begin, then in [
            (done, I64(0), following),
            *zip(values, [first] * CHAINS, made, strict=True),
        ]:
            phi.add_incoming(begin, before)
            phi.add_incoming(then, body)
        builder.cbranch(builder.icmp_signed("<", following, steps), body, after)
        builder.position_at_end(after)
        total = made[0]
        for value in made[1:]:
            total = block.add(total, value)
        return builder.extract_element(total, I64(0))

    return real(start, types.int64), generate
