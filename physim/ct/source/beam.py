"""The photons that leave the tube towards every pixel: spectra of the views, and filters that differ by ray."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError

from ..geometry import ConeBeam, Geometry, beam_angles, n_views, solid_angles
from .filters import filter_material
from .modulation import shares
from .protocol import ENERGIES, Protocol


class Beam(eqx.Module):
    """Photons of energy E on a pixel with nothing in the way: solid_angle × spectrum(E) exp(−Σ_f attenuation_f(E) thickness_f).

    - `spectrum`: photons per steradian and bin of `ENERGIES` in each view, on the central ray, behind the flat filters.
    - `solid_angle`: of every pixel, sr. - `attenuation`, `thickness`: 1/mm and mm of the filters whose thickness differs by ray:
      the bow-tie's materials, and tungsten for the heel effect, whose path is negative on the cathode's side.
    """

    spectrum: Float[Array, "view energy"]
    solid_angle: Float[Array, "view row column"]
    attenuation: Float[Array, "filter energy"]
    thickness: Float[Array, "filter _ _ _"]


def beam(protocol: Protocol, geometry: Geometry) -> Beam:
    """What the tube sends to every pixel of every view; differentiable in protocol and geometry.

    Raises `ValueError` if the protocol is for another number of views, and for a bow-tie or heel with parallel rays.
    """
    attenuation, thickness = _pixel_filters(protocol, geometry)
    return Beam(view_spectra(protocol, geometry), solid_angles(geometry), attenuation, thickness)


def view_spectra(protocol: Protocol, geometry: Geometry) -> Float[Array, "view energy"]:
    """Photons per steradian and bin of `ENERGIES` that leave the tube in each view, on the central ray."""
    views, given = n_views(geometry), protocol.kvp.shape
    if given and given[0] != views:
        raise InputError(
            f"kvp is for {given[0]} views and the geometry has {views}; write switched_kvp((80.0, 140.0), {views})"
        )
    # 1 mm² at 1 m is a millionth of a steradian.
    per_steradian = jnp.broadcast_to(protocol.fluence() * 1e6, (views, ENERGIES.size))
    return per_steradian * shares(protocol.modulation, geometry)[:, None]


def _pixel_filters(
    protocol: Protocol, geometry: Geometry
) -> tuple[Float[Array, "filter energy"], Float[Array, "filter _ _ _"]]:
    """Attenuation and path of the filters whose thickness differs by ray."""
    attenuation, paths = [], []
    energies = jnp.asarray(ENERGIES, float)
    if protocol.bowtie is not None:
        if not isinstance(geometry, ConeBeam):
            raise InputError(
                "a bow-tie needs a fan of rays; use fan_beam, circular_cone or helical_cone, or bowtie=None"
            )
        paths.append(protocol.bowtie.paths(*beam_angles(geometry)))
        attenuation += [material.attenuation(energies) for material in protocol.bowtie.materials]
    if protocol.tube.heel is not None:
        tube = protocol.tube
        path = protocol.tube.heel.path(geometry, tube.anode_angle, protocol.kvp, protocol.transmission())
        paths.append(path[None])
        attenuation.append(filter_material("tungsten").attenuation(energies))
    if not paths:
        return jnp.zeros((0, ENERGIES.size)), jnp.zeros((0, 1, 1, 1))
    return jnp.stack(attenuation), jnp.concatenate(paths)
