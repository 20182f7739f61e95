"""Encoding as a direct sum over spins: exact, and the truth that faster encodings are held against.

    s_j = Σ_n m_{p(j) n} exp(−t_j R₂ₙ) exp(−2πi (k_j·r_n + f_n t_j))

`m` is the transverse magnetisation of every spin after the pulse of each period; k and t count from there. Linear in m,
smooth in everything else; complex numbers are two real arrays, real part first.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import physim_kernels
from physim.core.linear_pair import linear_pair
from physim_phantoms._checks import InputError

from .phase import wrapped, wrapped_product
from .sequence.program import Pair, Samples
from .weighted import both, parameter_derivative

BLOCK = 64  # samples that the reference treats at a time


def encode_directly(
    transverse: Float[Array, "2 period spin"],
    samples: Samples,
    position: Float[Array, "spin axis"],
    detuning: Float[Array, " spin"],
    r2: Float[Array, " spin"],
) -> Float[Array, "2 sample"]:
    """All samples of all periods, before the receiver's phase; positions in mm, detuning in Hz, rates in 1/s.

    Positions may have more than three axes, as k has: other functions of position that add to the phase.
    """
    dtype = transverse.dtype
    axes = position.shape[1]
    if samples.k.high.shape[1] != axes:
        raise InputError(
            f"samples have {samples.k.high.shape[1]} moments and spins {axes} coordinates; they must be as many"
        )
    real = (*(_padded(part) for part in (samples.k.high, samples.k.low)), samples.time.high, samples.time.low)
    whole = (samples.offsets, samples.period)
    parameters = (
        *(jnp.asarray(a, dtype) for a in real),
        *(jnp.asarray(a, jnp.int32) for a in whole),
        _padded(position).T,
        detuning,
        r2,
    )
    return _PAIR.apply(transverse.shape[1], parameters, transverse)


def _padded(coordinates):
    """As many columns as a multiple of three, in which the kernels go."""
    missing = -coordinates.shape[1] % 3
    return jnp.pad(coordinates, ((0, 0), (0, missing))) if missing else coordinates


def _factors(parameters, start, count: int):
    """exp(...) of `count` samples from `start` on for all spins, and the period of each sample."""
    k_high, k_low, t_high, t_low, _, period, position, detuning, r2 = parameters
    k = Pair(*(jax.lax.dynamic_slice_in_dim(a, start, count) for a in (k_high, k_low)))
    t = Pair(*(jax.lax.dynamic_slice_in_dim(a, start, count) for a in (t_high, t_low)))
    cycles = wrapped_product(_column(t), detuning)
    for axis in range(position.shape[0]):
        cycles = cycles + wrapped_product(Pair(k.high[:, axis, None], k.low[:, axis, None]), position[axis])
    angle = 2 * jnp.pi * wrapped(cycles)
    size = jnp.exp(-t.value[:, None] * r2)
    return size * jnp.cos(angle), -size * jnp.sin(angle), jax.lax.dynamic_slice_in_dim(period, start, count)


def _column(pair: Pair) -> Pair:
    return Pair(pair.high[:, None], pair.low[:, None])


def _starts(samples: int):
    """Where blocks of samples begin, the last one moved back to end with the samples; and their length."""
    count = min(BLOCK, samples)
    return jnp.minimum(jnp.arange(0, samples, count), samples - count), count


def _forward(periods: int, parameters, m):
    """The sum in plain JAX, a block of samples at a time."""
    samples = parameters[2].shape[0]
    if not samples:
        return jnp.zeros((2, 0), m.dtype)
    starts, count = _starts(samples)

    def some(start):
        real, imaginary, period = _factors(parameters, start, count)
        a, b = m[0][period], m[1][period]
        return jnp.stack([(a * real - b * imaginary).sum(1), (a * imaginary + b * real).sum(1)])

    made = jax.lax.map(some, starts)
    head = jnp.moveaxis(made[:-1], 0, 1).reshape(2, -1)
    return jnp.concatenate([head, made[-1][:, head.shape[1] - samples :]], axis=1)


def _transpose(periods: int, parameters, s):
    """The transpose in plain JAX: each period gathers its samples, a block at a time."""
    samples, spins = parameters[2].shape[0], parameters[6].shape[1]
    if not samples:
        return jnp.zeros((2, periods, spins), s.dtype)
    starts, count = _starts(samples)
    fresh = jnp.arange(0, samples, count)

    def add(total, block):
        start, first = block
        real, imaginary, period = _factors(parameters, start, count)
        new = (start + jnp.arange(count)) >= first  # the last block may repeat what came before
        a, b = (jax.lax.dynamic_slice_in_dim(s, start, count, 1) * new)[:, :, None]
        made = jnp.stack([a * real + b * imaginary, b * real - a * imaginary])
        member = (period == jnp.arange(periods)[:, None]).astype(s.dtype)
        return total + jnp.einsum("pj,cjn->cpn", member, made), None

    return jax.lax.scan(add, jnp.zeros((2, periods, spins), s.dtype), (starts, fresh))[0]


def _parameter_jvp(pair, periods, parameters, tangents, x, transposed: bool):
    apply = pair.transpose if transposed else pair.apply
    return parameter_derivative(
        partial(apply, periods, parameters),
        (parameters[0] + parameters[1], parameters[2] + parameters[3], *parameters[6:]),
        (both(tangents[0], tangents[1]), both(tangents[2], tangents[3]), *tangents[6:]),
        x,
        transposed,
    )


def _kernel(name: str):
    """The compiled kernel for a precision, or None where there is none."""

    def for_precision(dtype):
        target = physim_kernels.ensure(name, dtype)
        if target is None:
            return None

        def call(periods, parameters, x):
            *real, offsets, _, position, detuning, r2 = parameters
            spins, samples = position.shape[1], real[2].shape[0]
            shape = (2, periods, spins) if name.endswith("transpose") else (2, samples)
            made = jax.ShapeDtypeStruct(shape, x.dtype)
            return jax.ffi.ffi_call(target, made)(x, *real, offsets, position, detuning, r2)

        return call

    return for_precision


_PAIR = linear_pair(
    "direct_sum",
    _forward,
    _transpose,
    forward_kernel=_kernel("direct_sum"),
    transpose_kernel=_kernel("direct_sum_transpose"),
    parameter_jvp=_parameter_jvp,
)
