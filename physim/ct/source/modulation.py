"""Tube-current modulation: how the charge of a scan is shared by its views; and voltages that switch between views."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from ..geometry import ConeBeam, Geometry, n_views, view_angles
from ..geometry.checks import Numbers, number, whole
from .straight_lines import straight_lines

Scalar = Float[Array | np.ndarray, ""]
PerView = Float[Array | np.ndarray, " view"]


class AngularModulation(eqx.Module):
    """Current ∝ 1 + depth cos 2(θ − strongest): twice a turn it is strongest, along the patient's broad side.

    - `depth`: 0 for none, below 1. - `strongest`: view angle θ of the highest current, rad. θ is where the detector's columns
      point, so at θ = π/2 the rays run along x, from one arm to the other.

    Good values: depth 0.3 for an abdomen, 0.6 for shoulders or hips.
    Raises `ValueError` for a depth outside 0 to 0.99.
    """

    depth: Scalar
    strongest: Scalar

    def __init__(self, depth=0.3, strongest=np.pi / 2):
        require_range("depth", depth, 0.0, 0.99)
        self.depth = jnp.asarray(depth, float)
        self.strongest = jnp.asarray(number("strongest", strongest), float)

    def current(self, geometry: Geometry) -> Float[Array, " view"]:
        """Relative tube current of every view."""
        return 1 + jnp.asarray(self.depth) * jnp.cos(2 * (view_angles(geometry) - self.strongest))


class AttenuationModulation(eqx.Module):
    """Current ∝ exp(strength × attenuation of the patient in each view), held above a share of the highest.

    At strength 0.5 the noise variance of the image is least for its dose: M. Gies et al., Med. Phys. 26 (1999) 2235.

    - `attenuation`: −ln of transmission through the patient in each view. - `strength`: 0 for none; 1 makes the signal behind
      the patient even. - `least`: lowest current as a share of the highest.

    Good values: `AttenuationModulation.of_patient(patient, geometry)`.
    Raises `ValueError` for NaN, a strength outside 0 to 1, `least` outside 0 to 1.
    """

    attenuation: PerView
    strength: Scalar
    least: Scalar

    def __init__(self, attenuation: PerView, strength=0.5, least=0.05):
        require_finite("attenuation", attenuation)
        require_range("strength", strength, 0.0, 1.0)
        require_range("least", least, 0.0, 1.0)
        self.attenuation = jnp.asarray(attenuation, float)
        self.strength, self.least = jnp.asarray(strength, float), jnp.asarray(least, float)

    @classmethod
    def of_patient(
        cls, patient: Phantom, geometry: Geometry, *, strength=0.5, least=0.05, energy=70.0
    ) -> "AttenuationModulation":
        """From the patient itself, as if scout views had been taken: the most attenuated of 32 rays in the middle row.

        Follows the turn, and the patient's length in a helical scan. - `energy`: of these rays, keV.
        """
        return cls(_scouted(patient, geometry, energy), strength, least)

    def current(self, geometry: Geometry) -> Float[Array, " view"]:
        """Relative tube current of every view."""
        _require_views("attenuation", self.attenuation, geometry)
        log = self.strength * self.attenuation
        return jnp.maximum(jnp.exp(log - jnp.max(log)), self.least)


class AxialModulation(eqx.Module):
    """Current along the patient, by the focal spot's place on z: straight lines between positions, held beyond them.

    - `positions`: z, mm, rising. - `currents`: relative tube current there.

    Good values: `AxialModulation([-150.0, 0.0, 150.0], [1.0, 0.4, 1.2])`, low in the lungs.
    Raises `ValueError` for positions that do not rise, another number of currents, currents that are not positive.
    """

    positions: Float[Array | np.ndarray, " knot"]
    currents: Float[Array | np.ndarray, " knot"]

    def __init__(self, positions, currents):
        require_finite("positions", positions)
        require_range("currents", currents, 1e-6, 1e6)
        if np.ndim(positions) != 1 or np.shape(positions) != np.shape(currents) or np.shape(positions)[0] < 2:
            raise InputError(
                f"positions and currents have shapes {np.shape(positions)} and {np.shape(currents)}; give two or more of both"
            )
        if is_concrete(positions) and np.any(np.diff(np.asarray(positions, float)) <= 0):
            raise InputError("positions must rise; sort them, mm")
        self.positions, self.currents = jnp.asarray(positions, float), jnp.asarray(currents, float)

    def current(self, geometry: Geometry) -> Float[Array, " view"]:
        """Relative tube current of every view."""
        if not isinstance(geometry, ConeBeam):
            raise InputError("parallel rays have no focal spot; use helical_cone for modulation along z")
        return straight_lines(jnp.asarray(geometry.source)[:, 2], self.positions, self.currents)


class CurrentPerView(eqx.Module):
    """Any current: one relative number per view, like those of a scan's header.

    Raises `ValueError` for NaN and currents that are not positive.
    """

    currents: PerView

    def __init__(self, currents: PerView):
        require_range("currents", currents, 1e-12, 1e12)
        self.currents = jnp.asarray(currents, float)

    def current(self, geometry: Geometry) -> Float[Array, " view"]:
        """Relative tube current of every view."""
        _require_views("currents", self.currents, geometry)
        return jnp.asarray(self.currents)


class Together(eqx.Module):
    """The product of several modulations, such as `Together((AngularModulation(), AxialModulation(z, current)))`."""

    parts: tuple["Modulation", ...]

    def current(self, geometry: Geometry) -> Float[Array, " view"]:
        """Relative tube current of every view."""
        made = jnp.ones(n_views(geometry))
        for part in self.parts:
            made = made * part.current(geometry)
        return made


Modulation = AngularModulation | AttenuationModulation | AxialModulation | CurrentPerView | Together


def shares(modulation: Modulation | None, geometry: Geometry) -> Float[Array, " view"]:
    """Part of the charge that every view gets; they sum to 1."""
    views = n_views(geometry)
    current = jnp.ones(views) if modulation is None else modulation.current(geometry)
    return current / jnp.sum(current)


def switched_kvp(voltages: Numbers, n_views: int, period: int = 1) -> Float[Array, " view"]:
    """Tube voltage of every view when it switches through `voltages`, `period` views each: kV switching.

    Good values: `Protocol(kvp=switched_kvp((80.0, 140.0), 984))`; `some_views(geometry, slice(0, None, 2))` are those of 80 kV.
    Raises `ValueError` for no voltage and for numbers of views that are not whole.
    """
    n_views, period = whole("n_views", n_views, "984"), whole("period", period, "1")
    if not len(voltages):
        raise InputError("no voltage was given; write for example (80.0, 140.0), kV")
    turn = np.arange(n_views) // period % len(voltages)
    return jnp.asarray(np.eye(len(voltages))[turn]) @ jnp.stack([jnp.asarray(v, float) for v in voltages])


def _require_views(name: str, values, geometry: Geometry) -> None:
    if values.shape[0] != n_views(geometry):
        raise InputError(
            f"{name} is for {values.shape[0]} views and the geometry has {n_views(geometry)}; give one per view"
        )


def _scouted(patient: Phantom, geometry: Geometry, energy) -> Float[Array, " view"]:
    """−ln transmission along the most attenuated of 32 rays across the middle row of every view."""
    from ..projector.project import project

    per_tissue = jnp.stack([jnp.asarray(t.attenuation(jnp.asarray(energy, float))) for t in patient.tissues])
    columns = geometry.detector_shape[1]
    count = min(32, columns)
    if isinstance(geometry, ConeBeam):
        wider = eqx.tree_at(
            lambda g: g.column_step, geometry, jnp.asarray(geometry.column_step) * (columns / count)
        )
    else:
        pitch = jnp.asarray(geometry.pixel_size) * jnp.asarray([1.0, columns / count])
        wider = eqx.tree_at(lambda g: g.pixel_size, geometry, pitch)
    coarse = dataclasses.replace(wider, detector_shape=(1, count))
    return jnp.max(project(patient.mix(per_tissue), patient.grid, coarse), axis=(1, 2))
