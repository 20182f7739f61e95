"""One case of fingerprinting as arrays, and what plays it: a compiled kernel or the states in plain JAX."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

import physim_kernels

from .atoms import Atoms
from .inversion import IdealInversion, inverted
from .train import Train, echoes


class Case(NamedTuple):
    """Everything on which signals depend, in numbers."""

    t1: Float[Array, " atom"]
    t2: Float[Array, " atom"]
    b1: Float[Array, " atom"]
    off_resonance: Float[Array, " atom"]
    pd: Float[Array, " atom"]
    t2_prime: Float[Array, " atom"]
    delay: Float[Array, ""]
    efficiency: Float[Array, ""]
    flip: Float[Array, " tr"]
    phase: Float[Array, " tr"]
    tr: Float[Array, " tr"]
    te: Float[Array, " tr"]


def reference(orders: int, case: Case) -> Complex[Array, "atom tr"]:
    """By the states in plain JAX."""
    atoms = Atoms(case.t1, case.t2, case.pd, case.t2_prime, off_resonance=case.off_resonance, b1=case.b1)
    train = Train(case.flip, case.phase, tr=case.tr, te=case.te)
    return echoes(atoms, train, orders, inverted(atoms, orders, IdealInversion(case.delay, case.efficiency)))


def reference_with_tangents(orders: int, case: Case) -> Complex[Array, "3 atom tr"]:
    """Signals and their derivatives in T1 and T2 in plain JAX."""

    def along(t1, t2):
        return jax.jvp(lambda a, b: reference(orders, case._replace(t1=a, t2=b)), case[:2], (t1, t2))

    ones, zeros = jnp.ones_like(case.t1), jnp.zeros_like(case.t1)
    signals, by_t1 = along(ones, zeros)
    return jnp.stack([signals, by_t1, along(zeros, ones)[1]])


def arguments(orders: int, case: Case) -> tuple:
    """What the kernels take: a row for each value of the atoms, the train, and the number of orders as a length."""
    kept = jnp.exp(-case.delay / case.t1)
    start = 1 - (1 + case.efficiency) * kept
    by_t1 = (start - 1) * case.delay / case.t1**2
    rows = (case.t1, case.t2, case.b1, case.off_resonance, start, by_t1, case.pd, case.t2_prime)
    return jnp.stack(rows), case.flip, case.phase, case.tr, case.te, jnp.zeros(orders, jnp.int32)


def by_kernel(name: str, sets: int, reference, orders: int, case: Case):
    """The compiled kernel on CPUs where there is one for this precision, the reference elsewhere."""
    target = physim_kernels.ensure(name, case.t1.dtype)
    if target is None:
        return reference(orders, case)
    shape = (sets, case.t1.shape[0], case.flip.shape[0])
    made = jax.ShapeDtypeStruct(shape, jnp.result_type(case.t1.dtype, jnp.complex64))

    def compiled(*values):
        call = jax.ffi.ffi_call(target, made, vmap_method="sequential")
        signals = call(*arguments(orders, Case(*values)))
        return signals[0] if sets == 1 else signals

    return jax.lax.platform_dependent(
        *case, cpu=compiled, default=lambda *values: reference(orders, Case(*values))
    )


def by_kernel_with_states(orders: int, case: Case) -> tuple[Complex[Array, "atom tr"], Float[Array, "..."]]:
    """Signals, and the states at the beginning of each stretch of about 2 √TR repetitions, from which a gradient goes on.

    Without a kernel there are none. Vectors of atoms are as wide as a processor's: space is for whole ones of 16.
    """
    signals = jnp.result_type(case.t1.dtype, jnp.complex64)
    atoms, count = case.t1.shape[0], case.flip.shape[0]
    stretches = max(1, round(math.sqrt(count) / 2))
    made = (
        jax.ShapeDtypeStruct((1, atoms, count), signals),
        jax.ShapeDtypeStruct((stretches, 6 * orders, -(-atoms // 16) * 16), case.t1.dtype),
    )
    target = physim_kernels.ensure("fingerprints_kept", case.t1.dtype)
    if target is None:
        return reference(orders, case), jnp.zeros((0, 6 * orders, 0), case.t1.dtype)

    def compiled(*values):
        signals, kept = jax.ffi.ffi_call(target, made, vmap_method="sequential")(
            *arguments(orders, Case(*values))
        )
        return signals[0], kept

    def plain(*values):
        return reference(orders, Case(*values)), jnp.zeros(made[1].shape, case.t1.dtype)

    return jax.lax.platform_dependent(*case, cpu=compiled, default=plain)
