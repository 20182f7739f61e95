"""Trilinear sampling of a volume at points, its exact transpose, and their derivatives; all of them gathers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import physim_kernels
from physim_phantoms._checks import InputError

from .linear_pair import linear_pair

_VALUE = (False, False, False)


def sample(
    volume: Float[Array | np.ndarray, "x y z"], points: Float[Array | np.ndarray, "*points 3"]
) -> Float[Array, "*points"]:
    """The volume's values at points in voxel-index coordinates, trilinear; the volume is zero outside.

    Within one voxel outside the outermost centres the value falls linearly to zero. The weight of voxel i at coordinate
    x is the hat max(0, 1 - |x - i|) along each axis, so the map is exactly linear in the volume and piecewise smooth in
    the points. Differentiable in both, to any order; its transpose is `sample_transpose`.
    Raises `ValueError` for a volume that is not 3-D or points whose last axis is not 3 long.
    """
    volume, points = _checked(volume, points)
    flat = points.reshape(-1, 3)
    return _SAMPLING.apply((volume.shape, _VALUE), (flat,), volume).reshape(points.shape[:-1])


def sample_transpose(
    values: Float[Array | np.ndarray, "*points"],
    points: Float[Array | np.ndarray, "*points 3"],
    shape: tuple[int, int, int],
) -> Float[Array, "x y z"]:
    """The exact transpose of `sample` in the volume: spreads values at points onto a grid of `shape`, as a gather."""
    values = jnp.asarray(values)
    flat = jnp.asarray(points, values.dtype).reshape(-1, 3)
    return _SAMPLING.transpose((tuple(shape), _VALUE), (flat,), values.reshape(-1))


def _checked(volume, points):
    volume = jnp.asarray(volume)
    if volume.ndim != 3 or 0 in volume.shape:
        raise InputError(f"volume has shape {volume.shape}; it must be 3-D and not empty")
    points = jnp.asarray(points, volume.dtype)
    if points.ndim < 1 or points.shape[-1] != 3:
        raise InputError(f"points have shape {points.shape}; the last axis must hold x, y and z")
    return volume, points


def _axis_weights(x, slope: bool):
    """Lower neighbour of each coordinate and the weights of it and the one above."""
    low = jnp.floor(x)
    fraction = x - low
    one = jnp.ones_like(fraction)
    return low.astype(jnp.int32), ((-one, one) if slope else (one - fraction, fraction))


def _reference(static, parameters, volume):
    """Eight gathers."""
    _, slopes = static
    (points,) = parameters
    touches = jnp.all((points > -1) & (points < jnp.asarray(volume.shape, points.dtype)), axis=-1)
    points = jnp.where(touches[:, None], points, 0.0)
    axes = [_axis_weights(points[:, a], slopes[a]) for a in range(3)]
    total = jnp.zeros(points.shape[0], volume.dtype)
    for corner in range(8):
        bits = [(corner >> a) & 1 for a in range(3)]
        index = [low + bit for (low, _), bit in zip(axes, bits, strict=True)]
        weight = axes[0][1][bits[0]] * axes[1][1][bits[1]] * axes[2][1][bits[2]]
        inside = touches
        for i, n in zip(index, volume.shape, strict=True):
            inside = inside & (i >= 0) & (i < n)
        clipped = tuple(jnp.clip(i, 0, n - 1) for i, n in zip(index, volume.shape, strict=True))
        total = total + jnp.where(inside, weight * volume[clipped], 0)
    return total


def _reference_transpose(static, parameters, values):
    """Sorts the points by cell; every voxel then walks through the points of its eight cells."""
    shape, slopes = static
    (points,) = parameters
    touches = jnp.all((points > -1) & (points < jnp.asarray(shape, points.dtype)), axis=-1)
    points = jnp.where(touches[:, None], points, 0.0)
    values = jnp.where(touches, values, 0)
    cells = tuple(n + 1 for n in shape)
    low = jnp.floor(points).astype(jnp.int32) + 1
    number = jnp.where(
        touches, (low[:, 0] * cells[1] + low[:, 1]) * cells[2] + low[:, 2], cells[0] * cells[1] * cells[2]
    )
    order = jnp.argsort(number)
    number, points, values = number[order], points[order], values[order]
    voxel = jnp.stack(jnp.meshgrid(*(jnp.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    total = jnp.zeros(voxel.shape[0], values.dtype)
    for corner in range(8):
        bits = [(corner >> a) & 1 for a in range(3)]
        cell = [voxel[:, a] + 1 - bits[a] for a in range(3)]
        wanted = (cell[0] * cells[1] + cell[1]) * cells[2] + cell[2]
        start, stop = (
            jnp.searchsorted(number, wanted, side="left"),
            jnp.searchsorted(number, wanted, side="right"),
        )
        collect = partial(_collect_one, points, values, voxel, bits, slopes, start, stop)
        total = total + _loop(jnp.max(stop - start), collect, jnp.zeros_like(total))
    return total.reshape(shape)


def _collect_one(points, values, voxel, bits, slopes, start, stop, turn, total):
    """Adds each voxel's `turn`-th point of one of its cells."""
    n = jnp.minimum(start + turn, points.shape[0] - 1)
    weight = jnp.ones_like(total)
    for axis in range(3):
        fraction = points[n, axis] - (voxel[:, axis] - bits[axis]).astype(points.dtype)
        one = jnp.ones_like(fraction)
        pair = (-one, one) if slopes[axis] else (one - fraction, fraction)
        weight = weight * pair[bits[axis]]
    return total + jnp.where(start + turn < stop, weight * values[n], 0)


def _loop(count, body, initial):
    """A counted loop whose length is known only at run time."""
    return jax.lax.while_loop(
        lambda s: s[0] < count, lambda s: (s[0] + 1, body(s[0], s[1])), (jnp.zeros_like(count), initial)
    )[1]


def _parameter_jvp(pair, static, parameters, tangents, x, transposed):
    """Moving points: the same operator with one hat replaced by its slope, along each axis in turn.

    Along an axis that already has its slope, the second derivative of a hat is zero almost everywhere.
    """
    shape, slopes = static
    (points,), (moved,) = parameters, tangents
    total = None
    for axis in range(3):
        if slopes[axis]:
            continue
        steeper = (shape, tuple(s or a == axis for a, s in enumerate(slopes)))
        if transposed:
            term = pair.transpose(steeper, (points,), x * moved[:, axis])
        else:
            term = pair.apply(steeper, (points,), x) * moved[:, axis]
        total = term if total is None else total + term
    return (
        total
        if total is not None
        else jnp.zeros_like(
            _reference(static, parameters, x) if not transposed else jnp.zeros(shape, x.dtype)
        )
    )


def _call(target: str, static, parameters, x, shape):
    flags = jnp.asarray([int(s) for s in static[1]], jnp.int32)
    return jax.ffi.ffi_call(target, jax.ShapeDtypeStruct(shape, x.dtype))(
        x, parameters[0].astype(x.dtype), flags
    )


def _forward_kernel(dtype):
    target = physim_kernels.ensure("sample", dtype)
    if target is None:
        return None
    return lambda static, parameters, x: _call(target, static, parameters, x, parameters[0].shape[:1])


def _transpose_kernel(dtype):
    target = physim_kernels.ensure("sample_transpose", dtype)
    if target is None:
        return None
    return lambda static, parameters, x: _call(target, static, parameters, x, static[0])


_SAMPLING = linear_pair(
    "sampling",
    _reference,
    _reference_transpose,
    forward_kernel=_forward_kernel,
    transpose_kernel=_transpose_kernel,
    parameter_jvp=_parameter_jvp,
)
