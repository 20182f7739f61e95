"""Fingerprints: the signals of a whole dictionary of tissues under one train of an inversion and unbalanced echoes."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

import physim_kernels
from physim.core.linear_pair import linear_pair
from physim_phantoms._checks import InputError, is_concrete

from .atoms import Atoms
from .fingerprint_case import (
    Case,
    arguments,
    by_kernel,
    by_kernel_with_states,
    reference,
    reference_with_tangents,
)
from .inversion import IdealInversion, inverted
from .train import Train, echoes


def fingerprints(
    atoms: Atoms, train: Train, orders: int = 32, inversion: IdealInversion = IdealInversion()
) -> Complex[Array, "atom tr"]:
    """The echo of every atom in every TR of an unbalanced train: one order of winding per TR, behind the echo.

    - `orders`: how many configuration states are kept; see `truncation_bound`.

    Source of the sequence: Jiang et al., Magn. Reson. Med. 74 (2015) 1621. On a CPU atoms run side by side in a compiled
    kernel, about twice as fast where all phases are 0 or π and TRs are equal or off-resonance is zero. Derivatives in T1 and
    T2 go along in it, the gradient in flip angles has a kernel of its own; what winds otherwise, or diffuses, and other
    derivatives go through the states in plain JAX.
    Differentiable in everything. Raises `ValueError` for fewer than one order.

    Good values: 32 orders, 500 to 1000 TR of 10 to 15 ms, flip angles of 5 to 70°.
    """
    require_orders(orders)
    if not _plain(atoms, train):
        return echoes(atoms, train, orders, inverted(atoms, orders, inversion))
    return _signals(orders, _case(atoms, train, inversion))


def fingerprints_with_jacobian(
    atoms: Atoms, train: Train, orders: int = 32, inversion: IdealInversion = IdealInversion()
) -> Complex[Array, "3 atom tr"]:
    """`fingerprints`, and the derivatives of every echo in its atom's T1 and T2, 1/s: what Cramér-Rao bounds ask for.

    One run of the kernel makes all three; `jax.jvp` of `fingerprints` gives the same. Raises what `fingerprints` does.

    Good values: those of `fingerprints`.
    """
    require_orders(orders)
    if _plain(atoms, train):
        return _signals_with_tangents(orders, _case(atoms, train, inversion))

    def signals(t1, t2):
        moved = eqx.tree_at(lambda a: (a.t1, a.t2), atoms, (t1, t2))
        return echoes(moved, train, orders, inverted(moved, orders, inversion))

    ones, zeros = jnp.ones_like(atoms.t1), jnp.zeros_like(atoms.t1)
    value, by_t1 = jax.jvp(signals, (atoms.t1, atoms.t2), (ones, zeros))
    return jnp.stack([value, by_t1, jax.jvp(signals, (atoms.t1, atoms.t2), (zeros, ones))[1]])


def require_orders(orders: int) -> None:
    """Refuses less than one order."""
    if orders < 1:
        raise InputError(f"orders is {orders}; it must be at least 1: write 32")


def _case(atoms: Atoms, train: Train, inversion: IdealInversion) -> Case:
    delay, efficiency = (
        jnp.asarray(value, atoms.t1.dtype) for value in (inversion.delay, inversion.efficiency)
    )
    tissue = (atoms.t1, atoms.t2, atoms.b1, atoms.off_resonance, atoms.pd, atoms.t2_prime)
    return Case(*tissue, delay, efficiency, train.flip, train.phase, train.tr, train.te)


def _plain(atoms: Atoms, train: Train) -> bool:
    """Whether this is what the kernel plays."""
    still = is_concrete(atoms.diffusivity) and not np.any(np.asarray(atoms.diffusivity))
    unwound = is_concrete(train.wave) and not np.any(np.asarray(train.wave))
    return train.before.orders == 0 and train.after.orders == 1 and (still or unwound)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _signals(orders: int, case: Case) -> Complex[Array, "atom tr"]:
    """Signals."""
    return by_kernel("fingerprints", 1, reference, orders, case)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _signals_with_tangents(orders: int, case: Case) -> Complex[Array, "3 atom tr"]:
    """Signals and their derivatives in T1 and T2."""
    return by_kernel("fingerprints_tangents", 3, reference_with_tangents, orders, case)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _signals_with_states(orders: int, case: Case) -> tuple[Complex[Array, "atom tr"], Float[Array, "..."]]:
    """Signals, and the states from which the gradient in flip angles goes on."""
    return by_kernel_with_states(orders, case)


@_signals_with_states.defjvp
def _states_stay(orders: int, primals, tangents):
    """Derivatives of derivatives go through references, which make no use of the states."""
    signals, kept = _signals_with_states(orders, *primals)
    change = jax.jvp(partial(_signals, orders), primals, tangents)[1]
    return (signals, kept), (change, jnp.zeros_like(kept))


def _by_reference(orders: int, primals, tangents):
    """Derivatives of derivatives go through the reference."""
    return jax.jvp(partial(reference_with_tangents, orders), primals, tangents)


def _derivative(orders: int, primals, tangents):
    """Along T1, T2 and flip angles by kernels; along everything else through the reference."""
    (case,), (moved,) = primals, tangents
    moving = {name: value for name, value in moved._asdict().items() if not _is_zero(value)}
    signals, change = _by_kernels(orders, case, *(moving.pop(name, None) for name in ("t1", "t2", "flip")))
    if "pd" in moving or "t2_prime" in moving:
        # Signals are those of unit density times pd exp(−te / t2_prime).
        size = moving.pop("pd", 0.0) * jnp.ones_like(case.pd)
        size = size[:, None] + _slower(case, moving.pop("t2_prime", None))
        change = change + size * _signals(orders, case._replace(pd=jnp.ones_like(case.pd)))
    if moving:
        at = {name: getattr(case, name) for name in moving}
        change = change + jax.jvp(lambda some: reference(orders, case._replace(**some)), (at,), (moving,))[1]
    return signals, change


def _by_kernels(orders: int, case: Case, t1, t2, flip):
    """Signals, and their change with T1, T2 and flip angles, each None if it stays."""
    if flip is None:
        signals, change = None, 0.0
    else:
        signals, kept = _signals_with_states(orders, case)
        change = _FLIPS.apply(orders, (*case, kept), flip)
    if t1 is not None or t2 is not None:
        signals, *by = _signals_with_tangents(orders, case)
        change = change + sum(a[:, None] * b for a, b in zip((t1, t2), by, strict=True) if a is not None)
    return _signals(orders, case) if signals is None else signals, change


def _slower(case: Case, t2_prime):
    """The change of pd exp(−te / t2_prime) with the time constant, relative to the exponential."""
    if t2_prime is None:
        return 0.0
    return (case.pd * t2_prime / case.t2_prime**2)[:, None] * case.te


def _along_flips(orders: int, parameters: tuple, change) -> Complex[Array, "atom tr"]:
    """What a change of the flip angles does to the signals."""
    whole = Case(*parameters[:-1])
    return jax.jvp(lambda flip: reference(orders, whole._replace(flip=flip)), (whole.flip,), (change,))[1]


def _to_flips(orders: int, parameters: tuple, weights) -> Float[Array, " tr"]:
    """The transpose, in plain JAX."""
    whole = Case(*parameters[:-1])
    return jax.vjp(lambda flip: reference(orders, whole._replace(flip=flip)), whole.flip)[1](weights)[0]


def _flip_kernel(dtype):
    """The compiled transpose for a complex precision, or None where there is none."""
    target = physim_kernels.ensure("fingerprints_flip_gradient", jnp.finfo(dtype).dtype)
    if target is None:
        return None

    def call(orders: int, parameters: tuple, weights):
        whole, kept = Case(*parameters[:-1]), parameters[-1]
        if not kept.size:
            return _to_flips(orders, parameters, weights)
        made = jax.ShapeDtypeStruct(whole.flip.shape, whole.flip.dtype)
        return jax.ffi.ffi_call(target, made)(weights, kept, *arguments(orders, whole))

    return call


_FLIPS = linear_pair("fingerprint_flips", _along_flips, _to_flips, transpose_kernel=_flip_kernel)


def _is_zero(tangent) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def _symbolic(orders: int, primals, tangents):
    signals, change = _derivative(orders, primals, tangents)
    return signals, jnp.broadcast_to(jnp.asarray(change, signals.dtype), signals.shape)


_signals.defjvp(_symbolic, symbolic_zeros=True)
_signals_with_tangents.defjvp(_by_reference)
