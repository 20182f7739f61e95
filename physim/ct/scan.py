"""From a patient to noisy detector readings."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError

from .detector import Noiseless, QuantumNoise, moments, open_signal, photons
from .geometry import ParallelBeam
from .joseph import Joseph
from .materials import basis, enough
from .project import project
from .protocol import ENERGIES, Protocol


class Readings(eqx.Module):
    """Raw data of a CT scan.

    - `signal`: energy that each pixel read in each view, keV. - `geometry`, `protocol`: how it was taken.
    """

    signal: Float[Array | np.ndarray, "view row column"]
    geometry: ParallelBeam
    protocol: Protocol

    def log(self) -> Float[Array, "view row column"]:
        """−ln(signal / signal of air); a reading below half a photon of 60 keV counts as that."""
        signal = jnp.asarray(self.signal)
        air = open_signal(self.protocol, self.geometry).astype(signal.dtype)
        return jnp.log(air) - jnp.log(jnp.maximum(signal, 30.0))


def scan(
    patient: Phantom,
    geometry: ParallelBeam,
    protocol: Protocol,
    key: PRNGKeyArray,
    *,
    model: Joseph = Joseph(),
    noise: QuantumNoise | Noiseless = QuantumNoise(),
    materials: int | None = None,
) -> Readings:
    """One CT scan: line integrals of basis materials, a spectrum, an energy-integrating detector, photon noise.

    The tissues' attenuation is described by `materials` functions of energy (see `physim.ct.materials.basis`; without a
    number, by as many as reach 0.1 %), and only their maps are projected. Equal keys give equal bits. Differentiable
    in patient, geometry and protocol.
    Raises `ValueError` for fewer than one basis material and for what `project` refuses.

    Good values: `scan(patient, ct.parallel_beam(400, (120, 300), (1.5, 1.0)), ct.Protocol(kvp=120.0), jax.random.key(0))`.
    """
    if materials is not None and materials < 1:
        raise InputError(
            f"materials is {materials}; it must be at least 1, or None for as many as are needed"
        )
    energies = jnp.asarray(ENERGIES)
    described = basis(patient.tissues, energies, materials or enough(patient.tissues, energies))
    paths = tuple(project(patient.mix(row), patient.grid, geometry, model) for row in described.coefficients)
    return Readings(_read(paths, described.functions, geometry, protocol, key, noise), geometry, protocol)


@jax.jit
def _read(paths, functions, geometry, protocol, key, noise):
    return noise.read(moments(paths, functions, photons(protocol, geometry)), protocol, key)
