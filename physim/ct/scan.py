"""From a patient to noisy detector readings."""

from functools import reduce
from typing import Protocol as Interface
from typing import runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, require_finite

from .concrete import worked_out
from .coverage import require_coverage
from .detection import Collected, Noise, QuantumNoise
from .exposure import air, collect
from .geometry import Geometry
from .materials import basis, enough
from .motion import Motion, Still
from .projector import Joseph, Model
from .projector.project import line_integrals
from .readings import Readings
from .source import ENERGIES, Beam, Protocol, beam
from .subsampling import SubSampling
from .timing import durations, middles

Sinogram = Float[Array, "channel view row column"]


@runtime_checkable
class Scatter(Interface):
    """What `scan` asks of a model of scattered radiation."""

    def signal(self, primary: Sinogram, air: Sinogram, beam: Beam, geometry: Geometry) -> Sinogram:
        """The mean reading of scattered photons, from the mean readings without them behind the patient and in air."""
        ...


def scan(
    patient: Phantom,
    geometry: Geometry,
    protocol: Protocol,
    key: PRNGKeyArray,
    *,
    model: Model = Joseph(),
    noise: Noise = QuantumNoise(),
    materials: int | None = None,
    subsampling: SubSampling = SubSampling(),
    motion: Motion = Still(),
    scatter: Scatter | None = None,
) -> Readings:
    """One CT scan or radiograph: a spectrum, line integrals of basis materials, a detector, noise.

    In this order: intensities of all energies are averaged over `subsampling`; scattered photons are added; photons are
    drawn; crosstalk and lag of the detector follow, then the noise of its electronics; readings below zero become zero.
    The tissues' attenuation is described by `materials` functions of energy (see `physim.ct.materials.basis`; without a
    number, by as many as reach 0.1 %), and only their maps are projected. The geometry of the readings is the nominal
    one, whatever `motion` does. Equal keys give equal bits. Differentiable in patient, geometry, protocol and motion.

    Two energies: a protocol whose `kvp` alternates over the views, or two scans, or `PhotonCounting` bins.
    Raises `ValueError` for fewer than one basis material, NaN, a patient outside the field of view or with a source
    inside; warns of one that the detector cuts off.

    Good values: `scan(patient, ct.circular_cone(...), ct.Protocol(kvp=120.0), jax.random.key(0))`.
    """
    _require_kinds(patient, protocol, key)
    if materials is not None and materials < 1:
        raise InputError(
            f"materials is {materials}; it must be at least 1, or None for as many as are needed"
        )
    require_finite("the fractions of the patient", patient.fractions)
    require_coverage(patient, geometry)
    count = materials or worked_out(enough, patient.tissues, ENERGIES)
    described = worked_out(basis, patient.tissues, ENERGIES, count)
    photons, rest = jax.random.split(key)
    collected = _collected(patient, described, geometry, protocol, photons, model, noise, subsampling, motion)
    signal = _read(collected, geometry, protocol, rest, noise, scatter)
    return Readings(signal[0] if signal.shape[0] == 1 else signal, geometry, protocol)


def _require_kinds(patient: object, protocol: object, key: object) -> None:
    """Refuses what is easily taken for a patient, a protocol or a key."""
    if not isinstance(patient, Phantom):
        raise InputError(
            f"patient is a {type(patient).__name__}; it must be a Phantom: for an array in HU write anatomy.from_ct(grid, hu)"
        )
    if not isinstance(protocol, Protocol):
        raise InputError(
            f"protocol is a {type(protocol).__name__}; it must be a Protocol: write ct.Protocol(kvp=120.0, mas=200.0)"
        )
    if not isinstance(key, jax.Array):
        raise InputError(f"key is {key!r}; it must be a random key: write jax.random.key({key!r})")


def _collected(patient, described, geometry, protocol, key, model, noise, subsampling, motion) -> Collected:
    """What photons leave in the detector, the mean over all rays that stand for one reading."""
    maps = tuple(patient.mix(row) for row in described.coefficients)
    lengths = worked_out(durations, geometry, protocol.rotation_time)
    source, places = _beam(protocol, geometry), subsampling.places()

    def one_ray(maps, source, number: int):
        place = places[number]
        rays = worked_out(
            lambda g, spot: subsampling.moved(g, spot, place), geometry, protocol.tube.focal_spot
        )
        times = worked_out(lambda t: middles(t) + place[4] * t, lengths)
        integrals = lambda volume, part: line_integrals(volume, patient.grid, part, model)
        paths = motion.paths(integrals, maps, patient.grid, rays, times)
        part = jax.random.fold_in(key, number)
        return _collect(paths, described.functions, source, protocol.detector, noise, part, 1 / len(places))

    if len(places) == 1:
        return one_ray(maps, source, 0)
    # Backwards, line integrals are made again instead of kept for every ray.
    again = jax.checkpoint(one_ray, static_argnums=2)
    return reduce(
        lambda total, part: jax.tree.map(jnp.add, total, part),
        (again(maps, source, number) for number in range(len(places))),
    )


_beam = jax.jit(beam)
_collect = jax.jit(collect)


@jax.jit
def _read(collected, geometry, protocol, key, noise, scatter):
    """From what photons leave to what is read."""
    scattered, lost, quantum, electronic = jax.random.split(key, 4)
    detector, lengths = protocol.detector, durations(geometry, protocol.rotation_time)
    if scatter is not None:
        source = beam(protocol, geometry)
        more = scatter.signal(collected.mean, air(source, detector, lengths), source, geometry)
        collected = _with_scatter(scattered, collected, more, source, detector)
    collected = detector.counted(lost, collected, lengths)
    signal = detector.transfer(noise.quantum(quantum, collected), lengths)
    return jnp.maximum(noise.electronic(electronic, signal, detector.electronic_noise), 0)


def _with_scatter(key, collected: Collected, more, source: Beam, detector) -> Collected:
    """Scattered photons as one kind of photon, whose energy is the one that counts for the noise of the open beam.

    Their cumulants are mean × size^(m − 1) with size = κ₂ / κ₁ of the open beam of each view.
    """
    open_beam = detector.quanta(ENERGIES).cumulants(source.spectrum.T)
    size = (open_beam.variance / jnp.where(open_beam.mean > 0, open_beam.mean, 1))[..., None, None]
    size = jnp.where(size > 0, size, 1).astype(more.dtype)
    drawn = collected.drawn
    if drawn is not None:
        drawn = drawn + size * jax.random.poisson(key, jax.lax.stop_gradient(more / size)).astype(more.dtype)
    return Collected(
        collected.mean + more, collected.variance + size * more, collected.third + size**2 * more, drawn
    )
