"""The matrices A of dM/dt = A M, for one pool of spins, for two that exchange, and for one that exchanges with many.

The last component of M is 1, so that recovery is a column of A. In the frame of the carrier spins turn about
ω = (x, y, z) rad/s, dM/dt = M × ω. Exchange takes k_ab Mₐ from the first pool to the second and k_ba M_b back; at
equilibrium the two are equal. Source: McConnell, J. Chem. Phys. 28 (1958) 430.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

PerSpin = Float[Array, " spin"]


class Relaxing(NamedTuple):
    """How a pool relaxes: R₁ and R₂ in 1/s, and its equilibrium magnetisation."""

    r1: PerSpin
    r2: PerSpin
    m0: PerSpin


def one_pool(x: PerSpin, y: PerSpin, z: PerSpin, pool: Relaxing) -> Float[Array, "spin 4 4"]:
    """The Bloch equations of (Mx, My, Mz, 1)."""
    r1, r2, m0 = pool
    return _matrices([[-r2, z, -y, 0], [-z, -r2, x, 0], [y, -x, -r1, r1 * m0], [0, 0, 0, 0]])


def two_liquids(
    x: PerSpin,
    y: PerSpin,
    z: tuple[PerSpin, PerSpin],
    pools: tuple[Relaxing, Relaxing],
    k: tuple[PerSpin, PerSpin],
) -> Float[Array, "spin 7 7"]:
    """The Bloch-McConnell equations of (Mxₐ, Myₐ, Mzₐ, Mx_b, My_b, Mz_b, 1); k is (k_ab, k_ba)."""
    (a, b), (za, zb), (out, back) = pools, z, k
    return _matrices(
        [
            [-a.r2 - out, za, -y, back, 0, 0, 0],
            [-za, -a.r2 - out, x, 0, back, 0, 0],
            [y, -x, -a.r1 - out, 0, 0, back, a.r1 * a.m0],
            [out, 0, 0, -b.r2 - back, zb, -y, 0],
            [0, out, 0, -zb, -b.r2 - back, x, 0],
            [0, 0, out, y, -x, -b.r1 - back, b.r1 * b.m0],
            [0, 0, 0, 0, 0, 0, 0],
        ]
    )


def many_liquids(
    x: PerSpin,
    y: PerSpin,
    z: list[PerSpin],
    pools: tuple[Relaxing, ...],
    k: tuple[tuple[PerSpin, PerSpin], ...],
) -> Float[Array, "spin n n"]:
    """The equations of (Mx, My, Mz of every pool, 1): all exchange with the first, `k` is (out of it, back) for each other."""
    size = 3 * len(pools) + 1
    rows: list[list] = [[0.0] * size for _ in range(size)]
    lost = [sum(out for out, _ in k), *(back for _, back in k)]
    for number, (pool, turn, leaving) in enumerate(zip(pools, z, lost, strict=True)):
        at = 3 * number
        rows[at][at : at + 3] = [-pool.r2 - leaving, turn, -y]
        rows[at + 1][at : at + 3] = [-turn, -pool.r2 - leaving, x]
        rows[at + 2][at : at + 3] = [y, -x, -pool.r1 - leaving]
        rows[at + 2][-1] = pool.r1 * pool.m0
    for number, (out, back) in enumerate(k, start=1):
        for axis in range(3):
            rows[axis][3 * number + axis], rows[3 * number + axis][axis] = back, out
    return _matrices(rows)


def liquid_and_semisolid(
    x: PerSpin,
    y: PerSpin,
    z: PerSpin,
    pools: tuple[Relaxing, Relaxing],
    k: tuple[PerSpin, PerSpin],
    saturation: PerSpin,
) -> Float[Array, "spin 5 5"]:
    """The equations of (Mxₐ, Myₐ, Mzₐ, Mz_b, 1), the second pool saturated at a rate in 1/s.

    Only longitudinal magnetisation is exchanged; the T2 of the liquid holds what its transverse part loses by that.
    Source: Henkelman et al., Magn. Reson. Med. 29 (1993) 759.
    """
    (a, b), (out, back) = pools, k
    return _matrices(
        [
            [-a.r2, z, -y, 0, 0],
            [-z, -a.r2, x, 0, 0],
            [y, -x, -a.r1 - out, back, a.r1 * a.m0],
            [0, 0, out, -b.r1 - back - saturation, b.r1 * b.m0],
            [0, 0, 0, 0, 0],
        ]
    )


def _matrices(rows) -> Float[Array, "spin n n"]:
    """Entries given row by row, each a number or one per spin, as one matrix per spin."""
    flat = jnp.broadcast_arrays(*(entry for row in rows for entry in row))
    return jnp.stack(flat, axis=-1).reshape(-1, len(rows), len(rows))
