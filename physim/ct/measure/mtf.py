"""Modulation transfer from the image of a thin wire along z, or of the edge of a cylinder."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range
from physim_phantoms.shapes.transforms import disc as jinc

Image = Float[Array | np.ndarray, "x y"]
Frequencies = Float[Array | np.ndarray, " f"] | Sequence[float]
_DIRECTIONS = 64


class Transfer(eqx.Module):
    """Modulation transfer, 1 at frequency 0, over `frequency`, 1/mm (10 times that is line pairs per cm)."""

    frequency: Float[Array, " f"]
    value: Float[Array, " f"]

    def at(self, frequency: Frequencies | float) -> Float[Array, "..."]:
        """The transfer at other frequencies, linearly between those measured."""
        return jnp.interp(jnp.asarray(frequency, self.value.dtype), self.frequency, self.value)

    def falls_to(self, level: float) -> Float[Array, ""]:
        """The first frequency, 1/mm, where it falls to `level`: 0.5 and 0.1 are the usual ones. NaN if it does not."""
        below = self.value < level
        after = jnp.maximum(jnp.argmax(below), 1)
        f, v = self.frequency, self.value
        share = (v[after - 1] - level) / (v[after - 1] - v[after])
        return jnp.where(jnp.any(below), f[after - 1] + share * (f[after] - f[after - 1]), jnp.nan)


def mtf_from_wire(
    image: Image,
    grid: Grid,
    frequencies: Frequencies,
    *,
    radius: float,
    wire_diameter: float = 0.0,
    directions: Frequencies | None = None,
) -> Transfer:
    """The modulation transfer of one plane: |∫ psf exp(−2πi f·r)| over ∫ psf, averaged over directions before the modulus.

    The background is the mean of the ring from `radius` to 1.3 `radius` around the wire, which is looked for as the centre of
    gravity within `radius` of the brightest voxel. Sums stand for integrals: exact as long as the point
    spread has nothing beyond the voxels' own Nyquist frequency, so reconstruct onto voxels of a third of the resolution.
    Nickoloff and Riley, Med. Phys. 12 (1985) 437, measure so with a thin wire.

    - `frequencies`: 1/mm. - `radius`: mm; everything of the point spread but nothing else. - `wire_diameter`: mm, whose
      2 J₁(π f d) / π f d is divided out. - `directions`: rad; evenly all around unless given.

    Good values: wire 0.1 mm, voxels 0.1 mm, radius 5 to 10 mm. Raises `ValueError` for NaN, a radius of less than 3
    voxels, frequencies below 0, and a wire too near to the border.
    """
    image, f = _checked(image, grid, frequencies)
    x, y = _axes(grid, image.dtype)
    spacing = float(min(np.asarray(grid.spacing)[:2]))
    require_range("radius", radius, 3 * spacing, 1e4, "mm")
    angles = jnp.asarray(
        np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS if directions is None else directions,
        image.dtype,
    )
    middle, value = _of_wire(image, x, y, f, angles, radius, wire_diameter)
    _refuse_border(x, y, middle[0], middle[1], 1.3 * radius)
    return Transfer(f, value)


@jax.jit
def _of_wire(image, x, y, f, angles, radius, diameter):
    """The brightest place and the transfer."""
    place = jnp.unravel_index(jnp.argmax(image), image.shape)
    middle = x[place[0]], y[place[1]]
    distance = jnp.hypot(x[:, None] - middle[0], y[None, :] - middle[1])
    near, ring = distance <= radius, (distance > radius) & (distance <= 1.3 * radius)
    spread = jnp.where(near, image - jnp.sum(jnp.where(ring, image, 0)) / jnp.sum(ring), 0)
    total = jnp.sum(spread)
    cx, cy = jnp.sum(spread * x[:, None]) / total, jnp.sum(spread * y[None, :]) / total
    along = lambda axis, part: jnp.exp(-2j * jnp.pi * (f[:, None] * part(angles))[..., None] * axis)
    transformed = jnp.einsum(
        "fax,fay,xy->f",
        along(x - cx, jnp.cos),
        along(y - cy, jnp.sin),
        spread.astype(jnp.result_type(spread, 1j)),
    )
    value = jnp.abs(transformed) / angles.size / total
    # The wire itself: 2 J₁(x) / x at x = π f d.
    return middle, value / jinc((jnp.pi * diameter * f) ** 2)


def mtf_from_edge(
    image: Image,
    grid: Grid,
    frequencies: Frequencies,
    *,
    centre: Sequence[float],
    radius: float,
    reach: float,
    step: float | None = None,
) -> Transfer:
    """The modulation transfer of one plane from the edge of a cylinder along z: of a task, if the contrast is low.

    Values within `reach` of the edge at `radius` around `centre` (x, y) are averaged over rings, mm; the derivative of
    this edge spread is transformed, and the rings' own sinc divided out. Richard et al., Med. Phys. 39 (2012) 4115.
    The edge counts as straight: the radius should be 10 times the width of the point spread.

    - `step`: width of the rings, mm; a fifth of a voxel unless given.

    Good values: a radius of 10 to 60 mm, reach 5 to 10 mm. Raises `ValueError` for NaN, a reach that is less than 3
    voxels or more than the radius, and an edge outside the image.
    """
    image, f = _checked(image, grid, frequencies)
    x, y = _axes(grid, image.dtype)
    voxel = float(min(np.asarray(grid.spacing)[:2]))
    require_range("reach", reach, 3 * voxel, radius, "mm")
    _refuse_border(x, y, centre[0], centre[1], radius + reach)
    width = voxel / 5 if step is None else step
    places = width * np.arange(-int(reach / width), int(reach / width) + 1)
    count, value = _of_edge(image, x, y, f, tuple(centre), radius, places, width)
    if is_concrete(count) and float(jnp.min(count)) == 0:
        raise InputError(f"a ring of {width:g} mm holds no voxel; take step={voxel / 2:g} or a larger radius")
    return Transfer(f, value)


@jax.jit
def _of_edge(image, x, y, f, centre, radius, places, width):
    """How many voxels each ring holds, and the transfer."""
    distance = jnp.hypot(x[:, None] - centre[0], y[None, :] - centre[1]).ravel() - radius
    ring = jnp.floor((distance - places[0]) / width + 0.5)
    # One product per ring, rather than a scatter.
    inside = (ring[None, :] == jnp.arange(places.size)[:, None]).astype(image.dtype)
    count = jnp.sum(inside, axis=1)
    edge = inside @ image.ravel() / count
    line, middle = jnp.diff(edge), jnp.asarray((places[1:] + places[:-1]) / 2, image.dtype)
    transformed = jnp.exp(-2j * jnp.pi * f[:, None] * middle) @ line.astype(jnp.result_type(line, 1j))
    # The mean over a ring and the difference of two of them.
    own = jnp.sinc(f * width) ** 2
    return count, jnp.abs(transformed) / jnp.abs(jnp.sum(line)) / own


def _checked(image, grid: Grid, frequencies):
    require_finite("image", image)
    if np.shape(image) != tuple(grid.shape[:2]):
        raise InputError(
            f"image has shape {np.shape(image)} and the grid's planes have {grid.shape[:2]}; give one plane, like image[:, :, 0]"
        )
    require_range("frequencies", frequencies, 0.0, 1e4, "per mm")
    image = jnp.asarray(image)
    image = image if jnp.issubdtype(image.dtype, jnp.floating) else image.astype(float)
    return image, jnp.asarray(frequencies, image.dtype)


def _axes(grid: Grid, dtype):
    return tuple(jnp.asarray(a, dtype) for a in grid.axes()[:2])


def _refuse_border(x, y, cx, cy, reach: float) -> None:
    if not all(is_concrete(v) for v in (x, y, cx, cy)):
        return
    room = min(float(cx - x[0]), float(x[-1] - cx), float(cy - y[0]), float(y[-1] - cy))
    if room < reach:
        raise InputError(
            f"the image ends {room:g} mm from ({float(cx):g}, {float(cy):g}) and {reach:g} mm are needed; take a smaller radius "
            "or a larger grid"
        )
