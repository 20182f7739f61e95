"""Transmit field: how much stronger or weaker than asked for pulses are at a point."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from ..contrasts import Number
from ..units import GYROMAGNETIC_RATIO
from .on_grid import at_points
from .receive import Loops

_VACUUM_PERMITTIVITY = 8.8541878188e-12  # F/m, CODATA 2022
_LIGHT = 299792458.0  # m/s
_SERIES = 0.5  # |kr| below which j2 is summed as a series


class Transmit(eqx.Module):
    """What plays the pulses. Its phase is left out: one coil's adds to the phase of the image and to nothing else."""

    @abstractmethod
    def b1(self, position: Float[Array, "spin 3"], field: Number) -> Float[Array, " spin"]:
        """Magnitude of B1+ relative to nominal, at positions in mm and a main field in T."""


class NominalTransmit(Transmit):
    """Pulses are what they are asked to be, everywhere; or `scale` times that.

    Good values: `NominalTransmit()`; `NominalTransmit(0.9)` for a wrong reference voltage.
    """

    scale: Number = 1.0

    def __check_init__(self):
        require_range("scale", self.scale, 0.0, 100.0)

    def b1(self, position: Float[Array, "spin 3"], field: Number) -> Float[Array, " spin"]:
        """The same everywhere."""
        return jnp.full(position.shape[0], self.scale, position.dtype)


class TransmitMap(Transmit):
    """A given map of B1+ relative to nominal, interpolated linearly; beyond it the outermost values go on.

    Raises `ValueError` for a map of another shape than the grid, NaN and negative values.

    Good values: a measured map; 1 where the flip angle is the nominal one.
    """

    grid: Grid
    values: Float[Array | np.ndarray, "x y z"]

    def __check_init__(self):
        require_shape("the transmit map", self.values, self.grid.shape)
        require_finite("the transmit map", self.values)
        require_range("the transmit map", self.values, 0.0, 100.0)

    def b1(self, position: Float[Array, "spin 3"], field: Number) -> Float[Array, " spin"]:
        """The map at positions in mm."""
        return at_points(jnp.asarray(self.values), self.grid, position)


class DielectricSphere(Transmit):
    """A model of what high fields do in a head: the rotating field that fits into a homogeneous sphere.

        B1+ / B1+(0) = j₀(kr) − ½ j₂(kr) P₂(cos θ),   k² = (ω/c)² (ε_r − i σ / (ω ε₀))

    The magnetic dipole mode that a uniform rotating field excites: an exact solution of Maxwell's equations inside the
    body, so the brightening of the centre is right in kind; a head is neither a sphere nor homogeneous, and no coil is
    near. Nominal in the centre. Source: Hoult, J. Magn. Reson. Imaging 12 (2000) 46; Jackson, Classical Electrodynamics,
    3rd ed., section 9.11.

    - `centre`: mm. - `permittivity`: relative. - `conductivity`: S/m.

    Good values: mean brain, permittivity 52 and conductivity 0.55 S/m at 7 T, 63 and 0.46 S/m at 3 T.
    """

    centre: Float[Array, "3"]
    permittivity: Number
    conductivity: Number

    def __init__(self, centre=(0.0, 0.0, 0.0), permittivity: Number = 63.0, conductivity: Number = 0.46):
        self.centre = jnp.asarray(centre, jnp.result_type(float))
        require_shape("centre", self.centre, (3,))
        require_finite("centre", self.centre)
        require_range("permittivity", permittivity, 1.0, 1e4)
        require_range("conductivity", conductivity, 0.0, 100.0, "S/m")
        self.permittivity, self.conductivity = permittivity, conductivity

    def b1(self, position: Float[Array, "spin 3"], field: Number) -> Float[Array, " spin"]:
        """Magnitude at positions in mm, 1 in the centre."""
        omega = 2 * np.pi * GYROMAGNETIC_RATIO * field
        ratio = jax.lax.complex(
            jnp.asarray(self.permittivity, position.dtype),
            -jnp.asarray(self.conductivity / (omega * _VACUUM_PERMITTIVITY), position.dtype),
        )
        offset = position - self.centre.astype(position.dtype)
        square = jnp.sum(offset**2, axis=1)
        far = square > 0
        argument = jnp.sqrt(ratio) * jnp.asarray(omega / _LIGHT * 1e-3, position.dtype)
        kr = argument * jnp.sqrt(jnp.where(far, square, 1)) * far
        cosine2 = jnp.where(far, offset[:, 2] ** 2 / jnp.where(far, square, 1), 0)
        j0, j2 = _spherical_bessel(kr)
        mode = j0 - j2 * (3 * cosine2 - 1) / 4
        return jnp.sqrt(mode.real**2 + mode.imag**2)


class TransmitLoops(Transmit):
    """Loops that transmit with their currents: |Σ c (Bx + i By)| relative to that at one place.

    - `loops`: with the complex current of each. - `reference`: where the field is nominal, mm.

    The quasi-static field; in the body at 3 T and above, waves add to it.
    Raises `ValueError` if the loops make no field at the reference.

    Good values: `mri.TransmitLoops(mri.birdcage(8))`.
    """

    loops: Loops
    reference: Float[Array, "3"]

    def __init__(self, loops: Loops, reference=(0.0, 0.0, 0.0)):
        self.loops = loops
        self.reference = jnp.asarray(reference, jnp.result_type(float))
        require_shape("reference", self.reference, (3,))
        require_finite("reference", self.reference)
        there = _rotating(loops, self.reference[None])
        if is_concrete(there) and not float(there[0]) > 1e-4 * float(jnp.max(jnp.abs(loops.current))):
            raise InputError(
                f"the loops make no transmit field at {tuple(float(c) for c in self.reference)} mm; their currents cancel "
                "there: give each the phase of its azimuth, as mri.birdcage does"
            )

    def b1(self, position: Float[Array, "spin 3"], field: Number) -> Float[Array, " spin"]:
        """Magnitude at positions in mm, 1 at the reference."""
        return _rotating(self.loops, position) / _rotating(
            self.loops, self.reference[None].astype(position.dtype)
        )


def birdcage(count: int = 8, radius: float = 150.0, loop_radius: float = 60.0) -> Loops:
    """`count` loops in a ring about z, each with the phase of its azimuth: a quadrature coil, to transmit with.

    Good values: 8 or 16 loops of 150 mm ring radius round a head.
    """
    if not 3 <= count <= 256:
        raise InputError(f"count is {count}; a ring that turns needs at least 3 loops: write 8")
    require_range("radius", radius, 1.0, 1e4, "mm")
    angle = 2 * np.pi * np.arange(count) / count
    outward = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    return Loops(radius * outward, outward, loop_radius, np.exp(-1j * angle))


@jax.jit
def _rotating(loops: Loops, position) -> Float[Array, " spin"]:
    """|Σ c (Bx + i By)|: the part of the loops' field that turns with the spins."""
    x, y, _ = loops.field(position)
    total = jnp.sum(
        loops.current.astype(jnp.result_type(x.dtype, jnp.complex64))[:, None] * jax.lax.complex(x, y), axis=0
    )
    return jnp.sqrt(total.real**2 + total.imag**2)


@jax.jit
def _spherical_bessel(x):
    """j₀ and j₂ of complex arguments, also near 0."""
    near = jnp.abs(x) < _SERIES
    safe = jnp.where(near, 1, x)
    j0 = jnp.sin(safe) / safe
    j2 = (3 / safe**2 - 1) * j0 - 3 * jnp.cos(safe) / safe**2
    square = x * x
    low0 = low2 = jnp.ones_like(x)
    for n in range(5, 0, -1):
        low0 = 1 - square / (2 * n * (2 * n + 1)) * low0
        low2 = 1 - square / (2 * n * (2 * n + 5)) * low2
    return jnp.where(near, low0, j0), jnp.where(near, square / 15 * low2, j2)
