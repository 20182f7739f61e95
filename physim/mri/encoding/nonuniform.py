"""Spins anywhere to samples anywhere by fast Fourier transform, with off-resonance and decay: one period after another.

Within a period, with k and r counted from their middles (a type 3 transform: Lee and Greengard, J. Comput. Phys. 206 (2005) 1):
magnetisation of each time segment is spread onto a grid in space, divided by the window's transform, padded, transformed,
interpolated at k, divided by the window's transform at k, and the segments are added with the weights of each sample's time.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from physim.core.linear_pair import linear_pair

from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair
from ..weighted import both, parameter_derivative
from .gridding import interpolate, spread
from .places import less, ratio
from .plan import Sizes
from .segments import coefficients_at
from .window import correction_table, weight_table


class Numbers(NamedTuple):
    """The parameters of the transform: samples, spins, and what the plan found out about them.

    Axes in the order of the plan. - `middle`, `reach`: of positions, mm. - `scale`: grid steps per mm. - `limit`: of k from
    the middle of its period. - `times`: start, length and step of the segments. - `centre`: detuning and R₂ of z = 0.
    - `spread_of`: by how much detuning and R₂ may exceed it.
    """

    k_high: jax.Array
    k_low: jax.Array
    t_high: jax.Array
    t_low: jax.Array
    offsets: jax.Array
    position: jax.Array
    detuning: jax.Array
    r2: jax.Array
    middle: jax.Array
    reach: jax.Array
    scale: jax.Array
    limit: jax.Array
    times: jax.Array
    centre: jax.Array
    spread_of: jax.Array
    table: jax.Array


def _period(sizes: Sizes, numbers: Numbers, k: Pair, t: Pair, middle_k: Pair, m):
    """Samples [2, coil, sample] at k and t of one period from magnetisation [2, coil, spin]."""
    dtype, coils = m.dtype, m.shape[1]
    values = _segmented(sizes, numbers, middle_k, m)
    table = jnp.asarray(weight_table(sizes.window, sizes.tolerance), dtype)
    nothing = jnp.zeros_like(numbers.scale)
    centred = less(Pair(numbers.position, jnp.zeros_like(numbers.position)), numbers.middle[:, None])
    lanes = spread(sizes.space, table, Pair(numbers.scale, nothing), centred, values)
    lanes = lanes.reshape(*sizes.points, sizes.segments * coils, 2)
    grid = jax.lax.complex(lanes[..., 0], lanes[..., 1])
    for axis in (2, 1, 0):
        if sizes.points[axis] > 1:
            grid = _transformed(sizes, grid, axis, dtype)
    lanes = jnp.stack([grid.real, grid.imag], -1).reshape(*sizes.kept, -1)
    padded = jnp.asarray([float(n) for n in sizes.padded], dtype)
    from_middle = less(k, middle_k.high[:, None])
    from_middle = Pair(from_middle.high, from_middle.low - middle_k.low[:, None])
    made = interpolate(sizes.frequency, table, ratio(padded, numbers.scale), from_middle, lanes)
    return _joined(sizes, numbers, from_middle, t, made.reshape(-1, sizes.segments, coils, 2))


def _segmented(sizes: Sizes, numbers: Numbers, middle_k: Pair, m):
    """Magnetisation at the times of all segments, turned to the middle of k: [spin, segment · coil · 2]."""
    start, _, step = numbers.times
    detuning, r2 = numbers.detuning - numbers.centre[0], numbers.r2 - numbers.centre[1]
    zero = jnp.zeros_like(start)
    cycles = wrapped_product(Pair(start, zero), detuning)
    for axis in range(3):
        cycles = cycles + wrapped_product(
            Pair(middle_k.high[axis], middle_k.low[axis]), numbers.position[axis]
        )
    at_start = _times(m[0], m[1], *_turn(cycles, start * r2))
    turn = _turn(wrapped_product(Pair(step, zero), detuning), step * r2)
    later = lambda now, _: (_times(now[0], now[1], *turn), jnp.stack(now, axis=1))
    rows = jax.lax.scan(later, at_start, None, sizes.segments)[1]
    return rows.reshape(-1, m.shape[-1]).T


def _transformed(sizes: Sizes, grid, axis: int, dtype):
    """Corrected for the interpolation to come, padded, transformed along an axis, and cut to what samples look at."""
    count, padded, kept = sizes.points[axis], sizes.padded[axis], sizes.kept[axis]
    middle = sizes.space.origin[axis]
    correction = 1 / sizes.window.transform((np.arange(count) - middle) / padded)
    own = [-1 if a == axis else 1 for a in range(4)]
    grid = grid * jnp.asarray(correction, dtype).reshape(own)
    cut = lambda a, first, stop: jax.lax.slice_in_dim(a, first, stop, axis=axis)
    empty = jnp.zeros([padded - count if a == axis else n for a, n in enumerate(grid.shape)], grid.dtype)
    made = jnp.fft.fft(
        jnp.concatenate([cut(grid, middle, count), empty, cut(grid, 0, middle)], axis), axis=axis
    )
    below = sizes.frequency.origin[axis]
    return jnp.concatenate([cut(made, padded - below, padded), cut(made, 0, kept - below)], axis)


def _joined(sizes: Sizes, numbers: Numbers, k: Pair, t: Pair, values):
    """Samples [2, coil, sample] from the values [sample, segment, coil, 2] of the segments."""
    dtype = values.dtype
    start, length, _ = numbers.times
    place = jnp.where(length > 0, 2 * ((t.high - start) + t.low) / jnp.where(length > 0, length, 1) - 1, 0)
    coefficients = coefficients_at(numbers.table, place)
    real, imaginary = (values * coefficients[:, :, None, None]).sum(1).T
    cycles = wrapped_product(t, jnp.broadcast_to(numbers.centre[0], t.high.shape))
    for axis in range(3):
        cycles = cycles + wrapped_product(Pair(k.high[axis], k.low[axis]), numbers.middle[axis])
    size = _corrections(sizes, numbers, k.value, dtype)
    real, imaginary = _times(real, imaginary, *_turn(cycles, t.value * numbers.centre[1]))
    return jnp.stack([size * real, size * imaginary])


def _corrections(sizes: Sizes, numbers: Numbers, k, dtype):
    """Π 1 / φ̂(k h) over the axes with a window."""
    table = correction_table(sizes.window, sizes.tolerance)
    total = jnp.ones(k.shape[1], dtype)
    for axis in range(3):
        if sizes.points[axis] == 1:
            continue
        z = 2 * (2 * sizes.window.oversampling * k[axis] / numbers.scale[axis]) ** 2 - 1
        made = jnp.zeros_like(z)
        for coefficient in table[::-1]:
            made = made * z + jnp.asarray(coefficient, dtype)
        total = total * made
    return total


def _turn(cycles, decay):
    """exp(−decay − 2πi cycles)."""
    angle = 2 * jnp.pi * wrapped(cycles)
    size = jnp.exp(-decay)
    return size * jnp.cos(angle), -size * jnp.sin(angle)


def _times(a, b, c, d):
    return a * c - b * d, a * d + b * c


def _window_of(sizes: Sizes, numbers: Numbers, period):
    """k [3, sample], time, middle of k, membership and first sample of the samples around one period."""
    first, stop = numbers.offsets[period], numbers.offsets[period + 1]
    start = jnp.clip(first, 0, numbers.t_high.shape[0] - sizes.samples)
    at = start + jnp.arange(sizes.samples)
    member = (at >= first) & (at < stop)
    cut = lambda a: jax.lax.dynamic_slice_in_dim(a, start, sizes.samples)
    k = Pair(cut(numbers.k_high).T, cut(numbers.k_low).T)
    middle = Pair(_middle(k.high, member), _middle(k.low, member))
    # Others' samples would fall outside the grids.
    k = Pair(jnp.where(member, k.high, middle.high[:, None]), jnp.where(member, k.low, middle.low[:, None]))
    t = Pair(
        jnp.where(member, cut(numbers.t_high), numbers.times[0]), jnp.where(member, cut(numbers.t_low), 0)
    )
    fits = (jnp.abs(k.high - middle.high[:, None]) <= numbers.limit[:, None]).all() & (
        stop - first <= sizes.samples
    )
    late = (t.high - numbers.times[0]) / jnp.maximum(numbers.times[1], 1e-9)
    fits = fits & ((late >= -1e-3) & (late <= 1.001)).all()
    return k, t, middle, member, start, fits


def _middle(values, member):
    """Between the lowest and the highest of the members along the last axis."""
    low = jnp.where(member, values, jnp.inf).min(1)
    high = jnp.where(member, values, -jnp.inf).max(1)
    return jnp.where(member.any(), (low + high) / 2, 0)


def _spins_fit(numbers: Numbers):
    """Whether spins are where the plan expects them."""
    near = (jnp.abs(numbers.position - numbers.middle[:, None]) <= numbers.reach[:, None]).all()
    tuned = (jnp.abs(numbers.detuning - numbers.centre[0]) <= numbers.spread_of[0]).all()
    rate = numbers.r2 - numbers.centre[1]
    slack = 1e-3 * (1 + numbers.spread_of[1])
    return near & tuned & ((rate >= -slack) & (rate <= numbers.spread_of[1] + slack)).all()


def _forward(sizes: Sizes, parameters, m):
    numbers = Numbers(*parameters)
    spins_fit = _spins_fit(numbers)

    def one(total, period):
        number, own = period
        k, t, middle, member, start, fits = _window_of(sizes, numbers, number)

        def add(total):
            made = _period(sizes, numbers, k, t, middle, own)
            made = jnp.where(fits & spins_fit, made, jnp.nan)
            old = jax.lax.dynamic_slice_in_dim(total, start, sizes.samples, 2)
            return jax.lax.dynamic_update_slice_in_dim(total, jnp.where(member, made, old), start, 2)

        return jax.lax.cond(member.any(), add, lambda total: total, total), None

    nothing = jnp.zeros((*m.shape[:2], numbers.t_high.shape[0]), m.dtype)
    return jax.lax.scan(one, nothing, (jnp.arange(m.shape[2]), jnp.moveaxis(m, 2, 0)))[0]


def _transpose(sizes: Sizes, parameters, s):
    numbers = Numbers(*parameters)
    spins_fit = _spins_fit(numbers)
    like = jax.ShapeDtypeStruct((*s.shape[:2], numbers.detuning.shape[0]), s.dtype)

    def one(number):
        k, t, middle, member, start, fits = _window_of(sizes, numbers, number)

        def back():
            own = jnp.where(member, jax.lax.dynamic_slice_in_dim(s, start, sizes.samples, 2), 0)
            turned = jax.linear_transpose(lambda m: _period(sizes, numbers, k, t, middle, m), like)(own)[0]
            return jnp.where(fits & spins_fit, turned, jnp.nan)

        return jax.lax.cond(member.any(), back, lambda: jnp.zeros(like.shape, s.dtype))

    return jnp.moveaxis(jax.lax.map(one, jnp.arange(numbers.offsets.shape[0] - 1)), 0, 2)


def _parameter_jvp(pair, sizes: Sizes, parameters, tangents, x, transposed: bool):
    numbers, moved = Numbers(*parameters), Numbers(*tangents)
    apply = pair.transpose if transposed else pair.apply
    return parameter_derivative(
        lambda x: apply(sizes, parameters, x),
        (numbers.k_high + numbers.k_low, numbers.t_high + numbers.t_low, *numbers[5:8]),
        (both(moved.k_high, moved.k_low), both(moved.t_high, moved.t_low), *moved[5:8]),
        x,
        transposed,
    )


NONUNIFORM = linear_pair("nonuniform_sum", _forward, _transpose, parameter_jvp=_parameter_jvp)
