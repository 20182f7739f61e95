"""What every test object answers: density, line integral, Fourier transform, volume, voxels; and sums of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Real

from .._checks import InputError
from ..grid import Grid
from . import raster
from .frame import components, points

Place = tuple[Array, Array, Array]
Width = Array | np.ndarray | np.floating | float
Points = Real[Array | np.ndarray, "*points 3"] | Sequence[float | int | np.number | Array]
Ends = Real[Array | np.ndarray, "... 3"] | Sequence[float | int | np.number | Array]


class Shape(eqx.Module):
    """An object with exact answers; add shapes with `+`. Differentiable in every number that describes it."""

    @property
    @abstractmethod
    def volume(self) -> Float[Array, ""]:
        """Volume, mm³."""

    @property
    @abstractmethod
    def integral(self) -> Float[Array, ""]:
        """The density's integral over space, value × mm³; equals `kspace` at zero frequency."""

    @abstractmethod
    def density(self, position: Points) -> Float[Array, "*points"]:
        """The value at positions, mm. A solid's value jumps at its surface, so this is not differentiable there."""

    @abstractmethod
    def line_integral(self, source: Ends, target: Ends) -> Float[Array, "..."]:
        """The density's integral along the straight segment from `source` to `target` (mm, broadcast), value × mm.

        Only what lies between the two points counts, exactly, also when either is inside the object.
        Raises `ValueError` when a last axis is not 3 long or a coordinate is not finite.
        """

    @abstractmethod
    def kspace(self, k: Points) -> Complex[Array, "*points"]:
        """The Fourier transform ∫ m(r) exp(−2πi k·r) dr at `k` in cycles/mm along the world axes; value × mm³."""

    @abstractmethod
    def voxelise(self, grid: Grid, oversampling: int = 2) -> Float[Array, "x y z"]:
        """The mean density of every voxel, anti-aliased; second order in the cell size or better, and differentiable.

        Every voxel is cut into `oversampling`³ cells. Within a cell a surface counts as the plane that encloses the
        same volume as the curved surface to second order. Memory holds the result and one slab of it.

        Good values: 1 for objects more than twenty voxels wide, 2 in general; more than 4 voxels divided by the
        smallest radius for objects thinner than a voxel.
        """

    def __add__(self, other: Shape) -> Sum:
        return Sum(self, other)


class Body(Shape):
    """A shape with a centre and axes of its own; a new one states its equations in those axes, for value 1.

    Abstract: `Ellipsoid`, `Box`, `Cylinder` and `Gaussian` are the ones there are.
    """

    centre: eqx.AbstractVar[Float[Array | np.ndarray, "3"]]
    rotation: eqx.AbstractVar[Float[Array | np.ndarray, "3 3"]]
    value: eqx.AbstractVar[Float[Array | np.ndarray, ""]]

    @abstractmethod
    def profile(self, place: Place) -> Array:
        """Density at a place."""

    @abstractmethod
    def chord(self, start: Place, step: Place) -> Array:
        """∫₀¹ density(start + t step) dt."""

    @abstractmethod
    def spectrum(self, k: Place) -> Array:
        """The Fourier transform about the centre; real, because every body here is symmetric."""

    @abstractmethod
    def cell_mean(self, place: Place, edges: Float[Array, "3 3"]) -> Array:
        """Mean density over cells centred at a place; the columns of `edges` are a cell's edges, mm."""

    @abstractmethod
    def half_width(self, direction: Float[Array | np.ndarray, "3"]) -> Width:
        """Half the width along a direction; infinite for a body without end."""

    @property
    def integral(self) -> Float[Array, ""]:
        """The density's integral over space, value × mm³."""
        return self.volume * self.value

    def density(self, position: Points) -> Float[Array, "*points"]:
        """The value at positions, mm."""
        return _density(self, points("position", position))

    def line_integral(self, source: Ends, target: Ends) -> Float[Array, "..."]:
        """The density's integral along the segment from `source` to `target`, value × mm."""
        return _line_integral(self, *_broadcast(points("source", source), points("target", target)))

    def kspace(self, k: Points) -> Complex[Array, "*points"]:
        """The Fourier transform at `k` in cycles/mm, value × mm³."""
        return _kspace(self, points("k", k))

    def voxelise(self, grid: Grid, oversampling: int = 2) -> Float[Array, "x y z"]:
        """The mean density of every voxel."""
        return raster.voxel_means(self, grid, oversampling)


class Sum(Shape):
    """The sum of shapes: where they overlap their values add.

    Good values: `Sum(skull, brain)` with a negative value for what hollows out, or `skull + brain`.
    """

    parts: tuple[Shape, ...]

    def __init__(self, *parts: Shape):
        if not parts:
            raise InputError("no shape was given; write for example Sum(Ellipsoid((0, 0, 0), (10, 10, 10)))")
        for part in parts:
            if not isinstance(part, Shape):
                raise InputError(f"{part!r} is not a shape; only shapes can be added")
        self.parts = tuple(p for part in parts for p in (part.parts if isinstance(part, Sum) else (part,)))

    @property
    def volume(self) -> Float[Array, ""]:
        """The sum of the parts' volumes, mm³; where parts overlap the space counts more than once."""
        return _total(part.volume for part in self.parts)

    @property
    def integral(self) -> Float[Array, ""]:
        """The density's integral over space, value × mm³."""
        return _total(part.integral for part in self.parts)

    def density(self, position: Points) -> Float[Array, "*points"]:
        """The value at positions, mm."""
        return _total(part.density(position) for part in self.parts)

    def line_integral(self, source: Ends, target: Ends) -> Float[Array, "..."]:
        """The density's integral along the segment from `source` to `target`, value × mm."""
        return _total(part.line_integral(source, target) for part in self.parts)

    def kspace(self, k: Points) -> Complex[Array, "*points"]:
        """The Fourier transform at `k` in cycles/mm, value × mm³."""
        return _total(part.kspace(k) for part in self.parts)

    def voxelise(self, grid: Grid, oversampling: int = 2) -> Float[Array, "x y z"]:
        """The mean density of every voxel."""
        return _total(part.voxelise(grid, oversampling) for part in self.parts)


@eqx.filter_jit
def _density(body: Body, position) -> Array:
    return jnp.asarray(body.value) * body.profile(components(position - body.centre, body.rotation))


@eqx.filter_jit
def _line_integral(body: Body, source, target) -> Array:
    step = target - source
    squared = jnp.sum(step * step, axis=-1)
    length = jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1)), 0)
    start = components(source - body.centre, body.rotation)
    return jnp.asarray(body.value) * length * body.chord(start, components(step, body.rotation))


@eqx.filter_jit
def _kspace(body: Body, k) -> Array:
    magnitude = jnp.asarray(body.value) * body.spectrum(components(k, body.rotation))
    phase = 2 * np.pi * (k @ jnp.asarray(body.centre))
    return magnitude * jax.lax.complex(jnp.cos(phase), -jnp.sin(phase))


def _total(terms):
    first, *rest = terms
    return sum(rest, first)


def _broadcast(source: Array, target: Array) -> tuple[Array, Array]:
    try:
        return tuple(jnp.broadcast_arrays(source, target))  # type: ignore[return-value]
    except ValueError:
        raise InputError(
            f"source has shape {source.shape} and target {target.shape}; the shapes must broadcast"
        ) from None
