"""Where a ray crosses the planes of voxels: the arithmetic that every projector shares.

Joseph, IEEE Trans. Med. Imaging 1 (1982) 192: a ray has a main axis, the one along which it passes most voxels, and is
sampled once in every plane across it. In voxels, with pixel P, source S and plane i of the main axis m, the ray is at
S + t (P − S), t = (i − S_m) / (P_m − S_m); each plane stands for |P − S| / |P_m − S_m| of length, mm.
"""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Per = Float[Array, "*ray"]


def hat(x):
    """The weight of linear interpolation, max(0, 1 − |x|)."""
    return jnp.maximum(0, 1 - jnp.abs(x))


class Line(NamedTuple):
    """Rays in voxels, their coordinates turned so that the first is the main axis: at plane i, start + slope × i.

    - `main`: index of the main axis; the others follow it cyclically. - `start`, `slope`: of the two other axes.
    - `near`, `gain`: the ray's parameter t at plane i is near + gain × i; 0 at the source, 1 at the pixel. - `length`: mm
      for each plane.
    """

    main: Int[Array, "*ray"]
    start: tuple[Per, ...]
    slope: tuple[Per, ...]
    near: Per
    gain: Per
    length: Per


class Shadow(NamedTuple):
    """Widths of a pixel's shadow at plane i, |start + slope × i| voxels: [its columns' or rows' borders][other axis]."""

    start: tuple[tuple[Per, ...], ...]
    slope: tuple[tuple[Per, ...], ...]


def line(source, pixel, spacing, parallel: bool) -> Line:
    """The lines from `source` to `pixel` (..., 3), mm; `source` is a direction for parallel rays."""
    ahead = jnp.broadcast_to(source, pixel.shape) if parallel else pixel - source
    base = pixel if parallel else jnp.broadcast_to(source, pixel.shape)
    step, foot = ahead / spacing, base / spacing
    main = jnp.argmax(jnp.abs(step), axis=-1)
    gain = 1 / _turned(main, step, 0)
    near = -_turned(main, foot, 0) * gain
    start, slope = _beside(main, source, pixel, spacing, parallel)
    length = jnp.linalg.norm(ahead, axis=-1) * jnp.abs(gain)
    return Line(main, start, slope, near, gain, length)


def _turned(main, vector, k: int):
    """Component k of vectors whose axes are turned so that the main one comes first."""
    return jnp.take_along_axis(vector, ((main + k) % 3)[..., None], axis=-1)[..., 0]


def crossing(line_: Line, plane, k: int):
    """Where rays cross plane number `plane` of their main axis, along other axis k (0 or 1), voxels."""
    return line_.start[k] + line_.slope[k] * plane


def shadow(middle: Line, borders: tuple, source, spacing, parallel: bool, upright) -> Shadow:
    """Widths of the shadows of pixels whose borders are given as ((lower, upper) column, (lower, upper) row), mm.

    Where rows are parallel to z (`upright`), the columns' borders do not widen the shadow along z.
    """
    starts, slopes = [], []
    for number, (low, high) in enumerate(borders):
        ends = [_beside(middle.main, source, pixel, spacing, parallel) for pixel in (low, high)]
        keep = lambda k, n=number: jnp.where(upright & ((middle.main + k) % 3 == 2) & (n == 0), 0, 1)
        starts.append(tuple(keep(k) * (ends[1][0][k - 1] - ends[0][0][k - 1]) for k in (1, 2)))
        slopes.append(tuple(keep(k) * (ends[1][1][k - 1] - ends[0][1][k - 1]) for k in (1, 2)))
    return Shadow(tuple(starts), tuple(slopes))


def width(shadow_: Shadow, plane, k: int):
    """Width of the shadows along other axis k at plane number `plane`: the root of the sum of the squares of both."""
    parts = [shadow_.start[n][k] + shadow_.slope[n][k] * plane for n in (0, 1)]
    return jnp.sqrt(parts[0] ** 2 + parts[1] ** 2)


def _beside(main, source, pixel, spacing, parallel: bool):
    """Start and slope of a neighbouring ray, described along the main axis of another."""
    ahead = jnp.broadcast_to(source, pixel.shape) if parallel else pixel - source
    base = pixel if parallel else jnp.broadcast_to(source, pixel.shape)
    step, foot = ahead / spacing, base / spacing
    turned = partial(_turned, main)
    slope = tuple(turned(step, k) / turned(step, 0) for k in (1, 2))
    return tuple(turned(foot, k) - slope[k - 1] * turned(foot, 0) for k in (1, 2)), slope
