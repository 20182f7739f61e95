"""The matrices A of dM/dt = A M, for one pool of spins and for two that exchange.

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
