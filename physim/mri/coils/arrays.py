"""Ready-made coil arrays: overlapping loops round a head or a body."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from physim_phantoms._checks import InputError, require_range

from .receive import Loops

# Neighbours 1.5 radii apart do not induce into one another (Roemer et al., Magn. Reson. Med. 16 (1990) 192); loops packed
# that closely on a hexagonal lattice have 1.95 radius² each.
_AREA_PER_LOOP = 0.75**2 * 2 * np.sqrt(3)
_SOUTH, _NORTH = -30.0, 75.0  # degrees: what a helmet covers of its ellipsoid
_ONE_RING = 12  # up to so many loops stand in one ring


def head_array(count: int = 8, semi_axes=(115.0, 135.0, 130.0)) -> Loops:
    """`count` loops in rings on an ellipsoid round a head that is centred on the origin, from the jaw to the vertex.

    - `semi_axes`: of the ellipsoid, mm. Up to 12 loops stand in one ring in the axial plane.

    Neighbours overlap so that they hardly couple. Scaled so that the root sum of squares in the middle is 1: there the
    array has the signal-to-noise ratio of a uniform coil, and more towards the surface.

    Good values: 8, 16 or 32 loops.
    """
    axes = _checked(count, "semi_axes", semi_axes, 3)
    rings = 1 if count <= _ONE_RING else int(np.round(np.sqrt(count / 5)))
    edges = np.linspace(_SOUTH, _NORTH, rings + 1)
    latitude = np.radians([0.0] if rings == 1 else (edges[1:] + edges[:-1]) / 2)
    members = _shared(count, np.cos(latitude))
    lat = np.repeat(latitude, members)
    angle = _angles(members)
    unit = np.stack([np.cos(lat) * np.cos(angle), np.cos(lat) * np.sin(angle), np.sin(lat)], axis=1)
    mean = float(np.prod(axes) ** (1 / 3))
    band = np.sin(np.radians(_NORTH)) - np.sin(np.radians(_SOUTH))
    return _scaled(unit * axes, unit / axes, 2 * np.pi * mean**2 * band, count, mean)


def body_array(count: int = 16, semi_axes=(210.0, 150.0), length: float = 400.0) -> Loops:
    """`count` loops in rings on an elliptic cylinder along z round a trunk that is centred on the origin.

    - `semi_axes`: half width and half depth of the cylinder, mm. - `length`: from the first to the last edge, mm.

    Neighbours overlap so that they hardly couple. Scaled as `head_array` is.

    Good values: 8 to 32 loops.
    """
    axes = _checked(count, "semi_axes", semi_axes, 2)
    require_range("length", length, 10.0, 5000.0, "mm")
    around = 2 * np.pi * float(np.sqrt(np.mean(axes**2)))
    rings = int(np.clip(np.round(np.sqrt(count * length / around)), 1, max(1, count // 4)))
    height = ((np.arange(rings) + 0.5) / rings - 0.5) * length
    members = _shared(count, np.ones(rings))
    angle = _angles(members)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centre = np.concatenate([unit * axes, np.repeat(height, members)[:, None]], axis=1)
    normal = np.concatenate([unit / axes, np.zeros((count, 1))], axis=1)
    return _scaled(centre, normal, around * length, count, float(np.min(axes)))


def _checked(count: int, name: str, value, length: int) -> np.ndarray:
    if not 1 <= count <= 256:
        raise InputError(f"count is {count}; it must be between 1 and 256: write 8")
    axes = np.asarray(value, float)
    if axes.shape != (length,):
        raise InputError(f"{name} is {value!r}; it must be {length} numbers in mm")
    require_range(name, axes, 10.0, 1000.0, "mm")
    return axes


def _shared(count: int, weight: np.ndarray) -> np.ndarray:
    """How many of `count` go to each ring, in proportion to its weight."""
    edges = np.round(count * np.cumsum(weight) / weight.sum()).astype(int)
    return np.diff(edges, prepend=0)


def _angles(members: np.ndarray) -> np.ndarray:
    """Equal steps round each ring, every other ring turned by half a step."""
    turns = [(np.arange(m) + 0.5 * (ring % 2)) / m for ring, m in enumerate(members) if m]
    return 2 * np.pi * np.concatenate(turns)


def _scaled(centre, normal, area: float, count: int, most: float) -> Loops:
    """Loops that cover the area, with a root sum of squares of 1 in the middle."""
    radius = min(float(np.sqrt(area / (count * _AREA_PER_LOOP))), 0.75 * most)
    loops = Loops(centre, normal, radius)
    seen = loops.sensitivity(jnp.zeros((1, 3), loops.centre.dtype))
    root = jnp.sqrt(jnp.sum(jnp.abs(seen) ** 2))
    return eqx.tree_at(lambda made: made.current, loops, loops.current / root.astype(loops.current.dtype))
