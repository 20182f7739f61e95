"""What the detector reads: energy per pixel and view, its expectation and its noise."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .geometry import ParallelBeam
from .protocol import ENERGIES, Protocol

_HIGHEST = jax.lax.Precision.HIGHEST


class Moments(eqx.Module):
    """First three cumulants of the energy that photons leave in a pixel, keV, keV² and keV³.

    The number of photons of energy E is Poisson with mean n(E), so the sum of their energies has the cumulants
    κ_m = Σ_E E^m n(E): a compound Poisson distribution.
    """

    mean: Float[Array, "view row column"]
    variance: Float[Array, "view row column"]
    third: Float[Array, "view row column"]


class QuantumNoise(eqx.Module):
    """Photon and electronic noise: the compound Poisson distribution by its first three cumulants, smoothly.

    Cornish and Fisher, Rev. Inst. Int. Stat. 5 (1938) 307, to first order: with z standard normal,
    mean + √(κ₂ + σ² − 2c²) z + c (z² − 1), c = κ₃ / 6 (κ₂ + σ²), has the mean and variance exactly and the skewness to
    first order. Differentiable in the cumulants with z held. Negative readings become zero; the approximation is good
    above about ten photons a pixel.
    """

    def read(
        self, moments: Moments, protocol: Protocol, key: PRNGKeyArray
    ) -> Float[Array, "view row column"]:
        """One noisy reading per pixel, keV."""
        z = jax.random.normal(key, moments.mean.shape, moments.mean.dtype)
        variance = moments.variance + jnp.asarray(protocol.electronic_noise, z.dtype) ** 2
        # Fully shadowed pixels have no variance and no skewness.
        skew = moments.third / jnp.where(variance > 0, 6 * variance, 1)
        spread = variance - 2 * skew**2
        deviation = jnp.where(spread > 0, jnp.sqrt(jnp.where(spread > 0, spread, 1)), 0)
        return jnp.maximum(moments.mean + deviation * z + skew * (z**2 - 1), 0)


class Noiseless(eqx.Module):
    """The expectation itself."""

    def read(
        self, moments: Moments, protocol: Protocol, key: PRNGKeyArray
    ) -> Float[Array, "view row column"]:
        """The mean reading of each pixel, keV."""
        return moments.mean


def photons(protocol: Protocol, geometry: ParallelBeam) -> Float[Array, " energy"]:
    """Photons in each bin of `ENERGIES` that hit one pixel in one view with nothing in the way."""
    area = geometry.pixel_size[0] * geometry.pixel_size[1]
    nearer = (1000.0 / geometry.source_to_detector) ** 2
    return protocol.fluence() * area * nearer / geometry.angles.shape[0]


def moments(
    paths: tuple[Float[Array, "view row column"], ...],
    functions: Float[Array, "k energy"],
    incident: Float[Array, " energy"],
) -> Moments:
    """Cumulants behind line integrals of basis materials: n(E) = incident(E) exp(−Σ_k functions(k, E) paths(k)).

    Pairs of bins become one, which changes log signals by less than 0.02 %. Views one after the other, so the memory
    for the energies stays small, in reverse mode too.
    """
    dtype = paths[0].dtype
    energies, functions, incident = _paired(functions, incident)
    powers = jnp.stack([incident * energies**m for m in (1, 2, 3)]).astype(dtype)
    functions = functions.astype(dtype)

    @jax.checkpoint
    def one(view):
        lengths = jnp.stack([path.ravel() for path in view])
        passed = jnp.exp(-jnp.einsum("ke,kp->ep", functions, lengths, precision=_HIGHEST))
        return jnp.einsum("me,ep->mp", powers, passed, precision=_HIGHEST).reshape(3, *view[0].shape)

    made = jax.lax.map(one, tuple(paths))
    return Moments(made[:, 0], made[:, 1], made[:, 2])


def _paired(functions, incident):
    """Bins of 2 keV from bins of 1 keV: photons add, energies and attenuation are their averages, weighted by them."""
    pair = lambda values: values.reshape(*values.shape[:-1], -1, 2).sum(-1)
    total, carried = pair(incident), incident * jnp.asarray(ENERGIES)
    energies = pair(carried) / jnp.where(total > 0, total, 1)
    flux = jnp.where(total > 0, total * energies, 1)
    return energies, pair(carried * functions) / flux, total


def open_signal(protocol: Protocol, geometry: ParallelBeam) -> Float[Array, ""]:
    """The mean reading with nothing in the way, keV: the calibration scan of air, free of noise."""
    return jnp.sum(jnp.asarray(ENERGIES) * photons(protocol, geometry))
