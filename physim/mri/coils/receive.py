"""Receive coils: how much each of them sees of the magnetisation at a point."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from .loop_field import relative_field
from .on_grid import complex_at_points


class Receive(eqx.Module):
    """What a scanner listens with: one or several coils.

    The signal of coil c is Σ s_c(r) m(r), where m = Mx + i My. By reciprocity (Hoult and Richards, J. Magn. Reson. 24
    (1976) 71) a coil that makes the field B with unit current hears Bx Mx + By My, of which the demodulated part is
    (Bx − i By) m: s = Bx − i By. The main field is along z.
    """

    @property
    @abstractmethod
    def count(self) -> int:
        """How many coils."""

    @abstractmethod
    def sensitivity(self, position: Float[Array, "spin 3"]) -> Complex[Array, "coil spin"]:
        """Sensitivity of every coil at positions in mm; 1 is the uniform coil that `Scanner.noise` is quoted for."""


class Uniform(Receive):
    """One coil that sees everything alike."""

    @property
    def count(self) -> int:
        """One."""
        return 1

    def sensitivity(self, position: Float[Array, "spin 3"]) -> Complex[Array, "1 spin"]:
        """1 everywhere."""
        return jnp.ones((1, position.shape[0]), jnp.result_type(position.dtype, jnp.complex64))


class Loops(Receive):
    """Circular loops of thin wire, by Biot and Savart.

    - `centre`: mm. - `normal`: any length above 0; current runs round it by the right hand. - `radius`: mm.
    - `current`: one for all or one for each, may be complex: what the sensitivity of a loop is multiplied by.

    A loop of current 1 has the sensitivity (Bx − i By) / (μ₀I / 2a): magnitude 1 in its own centre where its normal is
    across the main field. The quasi-static field: no wave in the body, as is fair up to about 3 T. Nearer to the wire
    than a thousandth of the radius the field is held. Differentiable in everything.
    Raises `ValueError` for shapes that do not agree, NaN, radii that are not positive and normals of no length.

    Good values: `mri.head_array(8)`, or `mri.Loops([[0.0, 120.0, 0.0]], [[0.0, 1.0, 0.0]], 50.0)` for a surface coil.
    """

    centre: Float[Array, "coil 3"]
    normal: Float[Array, "coil 3"]
    radius: Float[Array, " coil"]
    current: Complex[Array, " coil"]

    def __init__(self, centre, normal, radius, current: Any = 1.0):
        dtype = jnp.result_type(float)
        self.centre, given = _points("centre", centre, dtype), _points("normal", normal, dtype)
        count = self.centre.shape[0]
        if given.shape[0] != count:
            raise InputError(
                f"normal has {given.shape[0]} rows and centre {count}; each loop needs one of each"
            )
        length = jnp.sqrt(jnp.sum(given**2, axis=1, keepdims=True))
        if is_concrete(length) and not np.all(np.asarray(length) > 0):
            raise InputError(
                f"normal of loop {int(np.argmin(length))} has no length; write for example (0.0, 1.0, 0.0)"
            )
        self.normal = given / length
        self.radius = _each("radius", radius, count, dtype)
        require_range("radius", self.radius, 1e-3, 1e5, "mm")
        self.current = _each("current", current, count, jnp.result_type(dtype, jnp.complex64))

    @property
    def count(self) -> int:
        """How many loops."""
        return self.centre.shape[0]

    def field(self, position: Float[Array, "spin 3"]) -> Float[Array, "3 coil spin"]:
        """The field vector of every loop at current 1, relative to that in its own centre."""
        parts = (self.centre, self.normal, self.radius)
        return relative_field(position, *(part.astype(position.dtype) for part in parts))

    def sensitivity(self, position: Float[Array, "spin 3"]) -> Complex[Array, "coil spin"]:
        """current (Bx − i By), relative to the field in each loop's own centre."""
        x, y, _ = self.field(position)
        return self.current.astype(jnp.result_type(x.dtype, jnp.complex64))[:, None] * jax.lax.complex(x, -y)


class Maps(Receive):
    """Measured or computed sensitivities on a grid, interpolated linearly; beyond it the outermost values go on.

    - `grid`: where the maps are. - `values`: one complex map for each coil.
    Raises `ValueError` for maps of another shape than the grid, and for NaN.

    Good values: `mri.Maps(patient.grid, maps)` with maps of magnitude about 1.
    """

    grid: Grid
    values: Complex[Array, "coil x y z"]

    def __init__(self, grid: Grid, values):
        made = jnp.asarray(values)
        if made.ndim != 4 or tuple(made.shape[1:]) != grid.shape or not made.shape[0]:
            raise InputError(
                f"values have shape {made.shape}; they must be (coils, {', '.join(map(str, grid.shape))}): "
                "write values[None] for one coil"
            )
        require_finite("values", made)
        self.grid = grid
        self.values = made.astype(jnp.result_type(made.dtype, jnp.complex64))

    @property
    def count(self) -> int:
        """How many maps."""
        return self.values.shape[0]

    def sensitivity(self, position: Float[Array, "spin 3"]) -> Complex[Array, "coil spin"]:
        """The maps at positions in mm."""
        return complex_at_points(self.values, self.grid, position)


def sensitivity_maps(receive: Receive, grid: Grid) -> Complex[Array, "coil x y z"]:
    """Sensitivity of every coil in every voxel's centre: what parallel imaging and Roemer's combination ask for.

    Good values: `mri.sensitivity_maps(scanner.receive, raw.grid)`.
    """
    position = jnp.asarray(grid.centres(), jnp.result_type(float)).reshape(-1, 3)
    return receive.sensitivity(position).reshape(receive.count, *grid.shape)


def _points(name: str, value, dtype) -> Array:
    made = jnp.asarray(value, dtype)
    if made.ndim != 2 or made.shape[1] != 3 or not made.shape[0]:
        raise InputError(
            f"{name} has shape {made.shape}; it must be (loops, 3): write [[0.0, 120.0, 0.0]] for one"
        )
    require_finite(name, made)
    return made


def _each(name: str, value, count: int, dtype) -> Array:
    made = jnp.asarray(value, dtype)
    if made.shape not in ((), (count,)):
        raise InputError(
            f"{name} has shape {made.shape}; it must be one number, or one for each of {count} loops"
        )
    require_finite(name, made)
    return jnp.broadcast_to(made, (count,))
