"""Bow-tie filters: thicker away from the middle of the fan, where the patient is thinner."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Tissue
from physim_phantoms._checks import InputError, require_finite, require_range

from ..geometry.checks import positive
from .filters import filter_material
from .straight_lines import straight_lines

Angles = Float[Array | np.ndarray, "*pixel"]
Paths = Float[Array, "material *pixel"]
Scalar = Float[Array | np.ndarray, ""]


class EqualisingBowtie(eqx.Module):
    """The bow-tie that makes filter and a centred cylinder of water attenuate alike over the fan, up to a limit.

    t(φ) = centre + (μ_water / μ_filter)(E) (D − L(φ)), with the water's chord L(φ) = 2 √(D²/4 − R² sin² φ): the closed form
    for photons of one energy. Where t would exceed centre + `limit`, and beyond the cylinder, it stays there.

    - `diameter`: D of the cylinder, mm. - `source_to_axis`: R, mm. - `material`: a name or a `Tissue` (see `Filter`).
    - `centre`: thickness in the middle, mm. - `limit`: most that is added to it, mm; unless given, what makes up for half of
      the diameter. - `energy`: at which it equalises, keV. All numbers are traced.

    Good values: `EqualisingBowtie(160.0, 595.0, "teflon")` for a head, 320 mm for a body; aluminium, graphite and PTFE are used.
    Raises `ValueError` for sizes that are not positive, an energy outside 10 to 150 keV, a cylinder around the source.
    """

    material: Tissue
    diameter: Scalar
    source_to_axis: Scalar
    centre: Scalar
    limit: Scalar
    energy: Scalar

    def __init__(
        self,
        diameter,
        source_to_axis,
        material: str | Tissue = "aluminium",
        *,
        centre=0.5,
        limit=None,
        energy=70.0,
    ):
        require_range("diameter", diameter, 1.0, 1e4, "mm")
        require_range("source_to_axis", source_to_axis, 1.0, 1e5, "mm")
        require_range("centre", centre, 0.0, 100.0, "mm")
        require_range("energy", energy, 10.0, 150.0, "keV")
        self.material = filter_material(material)
        self.diameter, self.source_to_axis = jnp.asarray(diameter, float), jnp.asarray(source_to_axis, float)
        self.centre, self.energy = jnp.asarray(centre, float), jnp.asarray(energy, float)
        most = 0.5 * self.diameter * self._ratio() if limit is None else positive("limit", limit)
        self.limit = jnp.asarray(most, float)

    @property
    def materials(self) -> tuple[Tissue, ...]:
        """What it is made of."""
        return (self.material,)

    def thickness(self, fan: Angles) -> Float[Array, "*pixel"]:
        """Thickness at a fan angle (rad), mm."""
        radius, ratio = self.diameter / 2, self._ratio()
        # A half chord that is never 0 keeps the root's derivative finite.
        least = jnp.maximum(radius - self.limit / (2 * ratio), 1e-3 * radius)
        squared = radius**2 - (self.source_to_axis * jnp.sin(jnp.asarray(fan))) ** 2
        half_chord = jnp.sqrt(jnp.maximum(squared, least**2))
        return jnp.asarray(self.centre) + 2 * ratio * (radius - half_chord)

    def paths(self, fan: Angles, cone: Angles) -> Paths:
        """Path of rays through each material, mm: the profile is extruded along z, so slanted rays pass 1 / cos(cone) of it."""
        return (self.thickness(fan) / jnp.cos(jnp.asarray(cone)))[None]

    def _ratio(self):
        """Millimetres of filter that attenuate like one of water."""
        return TISSUES["water"].attenuation(self.energy) / self.material.attenuation(self.energy)


class BowtieProfile(eqx.Module):
    """A bow-tie as measured: the thickness of each material over the fan angle.

    Straight lines between the angles, held beyond their ends. The thicknesses are differentiable.

    - `angles`: fan angles, rad, rising; negative ones too, unless the filter is one-sided. - `profiles`: thickness at
      these angles, mm, for each material (names or `Tissue`s, see `Filter`).

    Good values: `BowtieProfile([-0.4, 0.0, 0.4], {"aluminium": [20.0, 1.0, 20.0]})`, with 20 to 60 angles.
    Raises `ValueError` for angles that do not rise, profiles of another length, NaN and thicknesses below 0.
    """

    materials: tuple[Tissue, ...]
    angles: Float[Array | np.ndarray, " knot"]
    profiles: Float[Array, "material knot"]

    def __init__(self, angles, profiles: Mapping):
        require_finite("angles", angles)
        angles = np.asarray(angles, float)
        if angles.ndim != 1 or angles.size < 2 or np.any(np.diff(angles) <= 0):
            raise InputError("angles must be two or more fan angles in rad that rise, like [-0.4, 0.0, 0.4]")
        if not profiles:
            raise InputError('no profile was given; write for example {"aluminium": [20.0, 1.0, 20.0]}, mm')
        for name, profile in profiles.items():
            shown = name if isinstance(name, str) else name.name
            if np.shape(profile) != angles.shape:
                raise InputError(
                    f"the profile of {shown} has shape {np.shape(profile)}; it must have one thickness for each of the "
                    f"{angles.size} angles"
                )
            require_range(f"thickness of {shown}", profile, 0.0, 1e3, "mm")
        self.materials = tuple(filter_material(name) for name in profiles)
        self.angles = angles
        self.profiles = jnp.stack([jnp.asarray(profile, float) for profile in profiles.values()])

    def thickness(self, fan: Angles) -> Paths:
        """Thickness of each material at a fan angle (rad), mm."""
        fan, knots = jnp.asarray(fan), jnp.asarray(self.angles, float)
        return jnp.stack([straight_lines(fan, knots, profile) for profile in self.profiles])

    def paths(self, fan: Angles, cone: Angles) -> Paths:
        """Path of rays through each material, mm: the profile is extruded along z, so slanted rays pass 1 / cos(cone) of it."""
        return self.thickness(fan) / jnp.cos(jnp.asarray(cone))


Bowtie = EqualisingBowtie | BowtieProfile
