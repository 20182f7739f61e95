"""Dose of a CT scan: CTDIvol and dose-length product, and the size-specific estimate for a patient."""

import math
from functools import lru_cache
from importlib.resources import files

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Phantom
from physim_phantoms._checks import InputError, require_range

from ..geometry import ConeBeam, Geometry
from .beam import view_spectra
from .kerma import MILLIGRAY
from .protocol import Protocol
from .spectrum import ENERGIES

Scalar = Float[Array | np.ndarray, ""]


class CtdiPhantom(eqx.Module):
    """One of the two cylinders of PMMA that CTDI is measured in (IEC 60601-2-44).

    - `diameter`: 160 or 320 mm. - `size_factor`: (a, b) of the size-specific estimate's f = a exp(−b D), D in cm: AAPM Report
      204 (2011), table 1.
    """

    diameter: float = eqx.field(static=True)
    size_factor: tuple[float, float] = eqx.field(static=True)


HEAD_PHANTOM = CtdiPhantom(160.0, (1.874799, 0.03871313))
BODY_PHANTOM = CtdiPhantom(320.0, (3.704369, 0.03671937))


class Dose(eqx.Module):
    """Dose of a CT scan in a CTDI phantom.

    - `centre`, `periphery`: CTDI100 of an axial scan with the whole charge, mGy. - `ctdi_vol`: mGy.
    - `dose_length_product`: mGy mm. - `phantom`: that it refers to.
    """

    centre: Scalar
    periphery: Scalar
    ctdi_vol: Scalar
    dose_length_product: Scalar
    phantom: CtdiPhantom

    def size_specific(self, diameter: float | Float[Array | np.ndarray, "*z"]) -> Float[Array, "*z"]:
        """Size-specific dose estimate, mGy: CTDIvol a exp(−b D), AAPM Report 204 (2011).

        - `diameter`: water-equivalent, mm (`water_equivalent_diameter`); the report covers 60 to 550 mm.
        """
        require_range("diameter", diameter, 10.0, 1000.0, "mm")
        a, b = self.phantom.size_factor
        return jnp.asarray(self.ctdi_vol) * a * jnp.exp(-b * jnp.asarray(diameter, float) / 10)


def dose(protocol: Protocol, geometry: Geometry, phantom: CtdiPhantom = BODY_PHANTOM) -> Dose:
    """CTDI100 in the centre and 10 mm below the surface, CTDIvol and DLP of a scan; differentiable in the protocol.

    CTDIvol = (centre / 3 + 2 periphery / 3) · collimation / length, length the path of the table in a helical scan and the
    collimation in an axial one; DLP = CTDIvol · length. The collimation is the detector's height at the axis: penumbra and
    overranging are left out. For beams wider than 40 mm it is the reference of IEC 60601-2-44, ed. 3.1.

    What a photon gives the chambers comes from a Monte Carlo (benchmarks/ctdi_monte_carlo.py) that is within 2.5 % of AAPM
    Report 195; spectra, filters and bow-tie are the protocol's own, the heel effect is left out. Expect 5 % for a tube whose
    output and filters are known; for a real scanner these are the uncertainty, easily 20 %.

    Good values: `HEAD_PHANTOM` for heads and children, `BODY_PHANTOM` for trunks.
    Raises `ValueError` for parallel rays, which have no distance from source to axis.
    """
    if not isinstance(geometry, ConeBeam):
        raise InputError(
            "parallel rays have no dose: their source is nowhere; give the scanner's own geometry, like "
            "circular_cone(984, 595.0, 1085.0, (64, 896), (1.09, 1.03), curved=True)"
        )
    to_axis, collimation, length = _extent(geometry)
    photons = jnp.sum(view_spectra(protocol, geometry), axis=0)
    centre, periphery = _chambers(photons, protocol, to_axis, phantom)
    weighted = centre / 3 + 2 * periphery / 3
    return Dose(centre, periphery, weighted * collimation / length, weighted * collimation, phantom)


def water_equivalent_diameter(patient: Phantom, energy=70.0) -> Float[Array, " z"]:
    """Diameter of the water cylinder that attenuates like each slice, mm: 2 √(Σ (μ / μ_water) area / π), AAPM Report 220 (2014).

    - `energy`: of the photons, keV; 70 is near the effective energy of 120 kV behind a patient.
    """
    energies = jnp.asarray(energy, float)
    water = TISSUES["water"].attenuation(energies)
    relative = patient.mix(jnp.stack([t.attenuation(energies) / water for t in patient.tissues]))
    area = jnp.sum(relative, axis=(0, 1)) * (patient.grid.spacing[0] * patient.grid.spacing[1])
    return 2 * jnp.sqrt(jnp.maximum(area, 0) / math.pi)


def _extent(g: ConeBeam) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Distance from source to axis, height of the beam there, and length scanned, mm; means over the views."""
    source, detector = jnp.asarray(g.source), jnp.asarray(g.detector_centre)
    axis = jnp.asarray(g.sweep.centre)
    to_axis = jnp.linalg.norm((source - axis)[:, :2], axis=-1)
    to_detector = jnp.sum((detector - source) * g.normal, axis=-1)
    collimation = jnp.mean(g.pixel_size[0] * g.detector_shape[0] * to_axis / to_detector)
    views = source.shape[0]
    travel = (jnp.max(detector[:, 2]) - jnp.min(detector[:, 2])) * views / max(views - 1, 1)
    return jnp.mean(to_axis), collimation, jnp.where(travel > 1e-3 * collimation, travel, collimation)


def _chambers(photons, protocol: Protocol, to_axis, phantom: CtdiPhantom):
    """CTDI100 of the centre and the periphery, mGy.

    (1 / R) ∫ dφ Σ_E photons(E) T(E, φ) G(E, R sin φ): photons per steradian, the bow-tie's transmission T, and the kerma times
    length per photon G at a distance from the axis; per mm of beam at the axis, so without the collimation.
    """
    table = jnp.asarray(_table()[phantom.diameter], float)
    strips = table.shape[1]
    width = phantom.diameter / 2 / strips
    fan = jnp.arcsin((np.arange(strips) + 0.5) * width / to_axis)
    angle = width / (to_axis * jnp.cos(fan))
    passed = _transmission(protocol, fan) + _transmission(protocol, -fan)
    given = jnp.einsum("cse,se,e,s->c", table, passed, photons, angle)
    return MILLIGRAY / to_axis * given


def _transmission(protocol: Protocol, fan) -> Float[Array, "strip energy"]:
    """The bow-tie's share of photons that pass, by fan angle."""
    if protocol.bowtie is None:
        return jnp.ones((fan.shape[0], ENERGIES.size))
    attenuation = jnp.stack([m.attenuation(jnp.asarray(ENERGIES, float)) for m in protocol.bowtie.materials])
    return jnp.exp(-jnp.einsum("fe,fs->se", attenuation, protocol.bowtie.paths(fan, jnp.zeros_like(fan))))


@lru_cache(maxsize=1)
def _table() -> dict[float, np.ndarray]:
    """By the phantom's diameter: air kerma times length per photon, keV cm² / (g mm), of [centre and ring, strip, energy]."""
    with (files("physim.ct.source") / "tables" / "ctdi.npz").open("rb") as file, np.load(file) as table:
        return dict(zip(table["diameters"].tolist(), table["kerma_length"].astype(float), strict=True))
