"""Fingerprints: the signals of a whole dictionary of tissues under one train of an inversion and unbalanced echoes."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

import physim_kernels
from physim.core.linear_pair import linear_pair
from physim_phantoms._checks import InputError, is_concrete, require_range

from .atoms import Atoms
from .states import Number, States
from .train import Train, echoes


class Inversion(eqx.Module):
    """An inversion in front of a train; what it leaves transverse is crushed.

    - `delay`: s, from the inversion to the first pulse. - `efficiency`: 1 inverts wholly.

    Raises `ValueError` for a negative delay, or an efficiency outside −1 to 1 (−1 inverts nothing).

    Good values: `Inversion(delay=20e-3)`.
    """

    delay: Number = 0.0
    efficiency: Number = 1.0

    def __check_init__(self):
        require_range("delay", self.delay, 0.0, 100.0, "s")
        require_range("efficiency", self.efficiency, -1.0, 1.0)


def fingerprints(
    atoms: Atoms, train: Train, orders: int = 32, inversion: Inversion = Inversion()
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
    if orders < 1:
        raise InputError(f"orders is {orders}; it must be at least 1: write 32")
    if not _plain(atoms, train):
        return echoes(atoms, train, orders, _inverted(atoms, orders, inversion))
    delay, efficiency = (
        jnp.asarray(value, atoms.t1.dtype) for value in (inversion.delay, inversion.efficiency)
    )
    case = _Case(
        atoms.t1,
        atoms.t2,
        atoms.b1,
        atoms.off_resonance,
        delay,
        efficiency,
        train.flip,
        train.phase,
        train.tr,
        train.te,
    )
    size = atoms.pd[:, None] * jnp.exp(-train.te / atoms.t2_prime[:, None])
    return size * _signals(orders, case)


def _plain(atoms: Atoms, train: Train) -> bool:
    """Whether this is what the kernel plays."""
    still = is_concrete(atoms.diffusivity) and not np.any(np.asarray(atoms.diffusivity))
    unwound = is_concrete(train.wave) and not np.any(np.asarray(train.wave))
    return train.before.orders == 0 and train.after.orders == 1 and (still or unwound)


def _inverted(atoms: Atoms, orders: int, inversion: Inversion) -> States:
    rest = States.at_rest(atoms, orders)
    left = 1 - (1 + inversion.efficiency) * jnp.exp(-jnp.asarray(inversion.delay) / atoms.t1)
    return States(rest.plus, rest.minus, rest.along * left)


class _Case(NamedTuple):
    """Everything on which signals of unit magnetisation depend."""

    t1: Float[Array, " atom"]
    t2: Float[Array, " atom"]
    b1: Float[Array, " atom"]
    off_resonance: Float[Array, " atom"]
    delay: Float[Array, ""]
    efficiency: Float[Array, ""]
    flip: Float[Array, " tr"]
    phase: Float[Array, " tr"]
    tr: Float[Array, " tr"]
    te: Float[Array, " tr"]


def _reference(orders: int, case: _Case) -> Complex[Array, "atom tr"]:
    """By the states in plain JAX."""
    atoms = Atoms(case.t1, case.t2, off_resonance=case.off_resonance, b1=case.b1)
    train = Train(case.flip, case.phase, tr=case.tr, te=case.te)
    return echoes(atoms, train, orders, _inverted(atoms, orders, Inversion(case.delay, case.efficiency)))


def _reference_with_tangents(orders: int, case: _Case) -> Complex[Array, "3 atom tr"]:
    """Signals and their derivatives in T1 and T2 in plain JAX."""

    def along(t1, t2):
        return jax.jvp(lambda a, b: _reference(orders, case._replace(t1=a, t2=b)), case[:2], (t1, t2))

    ones, zeros = jnp.ones_like(case.t1), jnp.zeros_like(case.t1)
    signals, by_t1 = along(ones, zeros)
    return jnp.stack([signals, by_t1, along(zeros, ones)[1]])


def _arguments(orders: int, case: _Case) -> tuple:
    """What the kernels take: a row for each value of the atoms, the train, and the number of orders as a length."""
    kept = jnp.exp(-case.delay / case.t1)
    start = 1 - (1 + case.efficiency) * kept
    by_t1 = (start - 1) * case.delay / case.t1**2
    rows = jnp.stack([case.t1, case.t2, case.b1, case.off_resonance, start, by_t1])
    return rows, case.flip, case.phase, case.tr, case.te, jnp.zeros(orders, jnp.int32)


def _by_kernel(name: str, sets: int, reference, orders: int, case: _Case):
    """The compiled kernel on CPUs where there is one for this precision, the reference elsewhere."""
    target = physim_kernels.ensure(name, case.t1.dtype)
    if target is None:
        return reference(orders, case)
    shape = (sets, case.t1.shape[0], case.flip.shape[0])
    made = jax.ShapeDtypeStruct(shape, jnp.result_type(case.t1.dtype, jnp.complex64))

    def compiled(*values):
        call = jax.ffi.ffi_call(target, made, vmap_method="sequential")
        signals = call(*_arguments(orders, _Case(*values)))
        return signals[0] if sets == 1 else signals

    return jax.lax.platform_dependent(
        *case, cpu=compiled, default=lambda *values: reference(orders, _Case(*values))
    )


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _signals(orders: int, case: _Case) -> Complex[Array, "atom tr"]:
    """Signals of unit magnetisation."""
    return _by_kernel("fingerprints", 1, _reference, orders, case)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _signals_with_tangents(orders: int, case: _Case) -> Complex[Array, "3 atom tr"]:
    """Signals and their derivatives in T1 and T2."""
    return _by_kernel("fingerprints_tangents", 3, _reference_with_tangents, orders, case)


def _by_reference(orders: int, primals, tangents):
    """Derivatives of derivatives go through the reference."""
    return jax.jvp(partial(_reference_with_tangents, orders), primals, tangents)


def _derivative(orders: int, primals, tangents):
    """Along T1, T2 and flip angles by kernels; along everything else through the reference."""
    (case,), (moved,) = primals, tangents
    still = {name: value for name, value in moved._asdict().items() if _is_zero(value)}
    moving = [name for name in _Case._fields if name not in still and name not in ("t1", "t2")]
    if "t1" in still and "t2" in still:
        signals, change = _signals(orders, case), 0.0
    else:
        signals, by_t1, by_t2 = _signals_with_tangents(orders, case)
        change = sum(
            getattr(moved, name)[:, None] * by
            for name, by in (("t1", by_t1), ("t2", by_t2))
            if name not in still
        )
    if "flip" in moving:
        moving.remove("flip")
        change = change + _FLIPS.apply(orders, tuple(case), moved.flip)
    if moving:

        def of_moving(*values):
            return _reference(orders, case._replace(**dict(zip(moving, values, strict=True))))

        at, along = ([getattr(c, name) for name in moving] for c in (case, moved))
        change = change + jax.jvp(of_moving, at, along)[1]
    return signals, change


def _along_flips(orders: int, case: tuple, change) -> Complex[Array, "atom tr"]:
    """What a change of the flip angles does to the signals."""
    whole = _Case(*case)
    return jax.jvp(lambda flip: _reference(orders, whole._replace(flip=flip)), (whole.flip,), (change,))[1]


def _to_flips(orders: int, case: tuple, weights) -> Float[Array, " tr"]:
    """The transpose, in plain JAX."""
    whole = _Case(*case)
    return jax.vjp(lambda flip: _reference(orders, whole._replace(flip=flip)), whole.flip)[1](weights)[0]


def _flip_kernel(dtype):
    """The compiled transpose for a complex precision, or None where there is none."""
    target = physim_kernels.ensure("fingerprints_flip_gradient", jnp.finfo(dtype).dtype)
    if target is None:
        return None

    def call(orders: int, case: tuple, weights):
        whole = _Case(*case)
        made = jax.ShapeDtypeStruct(whole.flip.shape, whole.flip.dtype)
        return jax.ffi.ffi_call(target, made)(weights, *_arguments(orders, whole))

    return call


_FLIPS = linear_pair("fingerprint_flips", _along_flips, _to_flips, transpose_kernel=_flip_kernel)


def _is_zero(tangent) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


def _symbolic(orders: int, primals, tangents):
    signals, change = _derivative(orders, primals, tangents)
    return signals, jnp.broadcast_to(jnp.asarray(change, signals.dtype), signals.shape)


_signals.defjvp(_symbolic, symbolic_zeros=True)
_signals_with_tangents.defjvp(_by_reference)
