"""What chance does to a reading: three objects from the expectation to exact statistics."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .quanta import Collected, Quanta, Signal

Photons = Float[Array, "energy *pixel"]


class QuantumNoise(eqx.Module):
    """Photon and electronic noise: the compound Poisson distribution by its first three cumulants, smoothly.

    Cornish and Fisher, Rev. Inst. Int. Stat. 5 (1938) 307, to first order: with z standard normal,
    κ₁ + √(κ₂ − 2c²) z + c (z² − 1), c = κ₃ / 6κ₂ but at most √(κ₂ / 2), has the mean and variance exactly and the
    skewness to first order. Differentiable in everything with z held. Good above about ten photons a pixel;
    `CompoundPoisson` below.
    """

    def collect(self, key: PRNGKeyArray, quanta: Quanta, photons: Photons) -> Collected:
        """The cumulants; nothing is drawn yet."""
        return quanta.cumulants(photons)

    def quantum(self, key: PRNGKeyArray, collected: Collected) -> Signal:
        """One reading per pixel with the noise of its photons."""
        return collected.mean + deviate(key, collected.variance, collected.third)

    def electronic(self, key: PRNGKeyArray, signal: Signal, deviation) -> Signal:
        """The reading with Gaussian noise of the electronics."""
        return signal + _gaussian(key, signal, deviation)


class CompoundPoisson(eqx.Module):
    """Photon and electronic noise, exactly: a Poisson number of photons for every energy, each weighted by what it leaves.

    Right down to no photon at all, and slower than `QuantumNoise`. Derivatives are those of the mean, with the
    fluctuation held: right on average for whatever is linear in the reading.
    """

    def collect(self, key: PRNGKeyArray, quanta: Quanta, photons: Photons) -> Collected:
        """The cumulants and one draw."""
        made = quanta.cumulants(photons)
        drawn = quanta.draw(key, jax.lax.stop_gradient(photons))
        return Collected(made.mean, made.variance, made.third, drawn)

    def quantum(self, key: PRNGKeyArray, collected: Collected) -> Signal:
        """The draw, with the derivative of the mean."""
        assert collected.drawn is not None
        return jax.lax.stop_gradient(collected.drawn - collected.mean) + collected.mean

    def electronic(self, key: PRNGKeyArray, signal: Signal, deviation) -> Signal:
        """The reading with Gaussian noise of the electronics."""
        return signal + _gaussian(key, signal, deviation)


class Noiseless(eqx.Module):
    """The expectation itself."""

    def collect(self, key: PRNGKeyArray, quanta: Quanta, photons: Photons) -> Collected:
        """The cumulants."""
        return quanta.cumulants(photons)

    def quantum(self, key: PRNGKeyArray, collected: Collected) -> Signal:
        """The mean reading of each pixel."""
        return collected.mean

    def electronic(self, key: PRNGKeyArray, signal: Signal, deviation) -> Signal:
        """The reading as it is."""
        return signal


def deviate(key: PRNGKeyArray, variance: Signal, third: Signal) -> Signal:
    """Random numbers of mean 0, this variance, and to first order this third cumulant; smooth in both."""
    z = jax.random.normal(key, variance.shape, variance.dtype)
    # Fully shadowed pixels have no variance and no skewness; few photons have more skewness than a square can give.
    some = variance > 0
    most = jnp.where(some, jnp.sqrt(jnp.where(some, variance, 1) / 2), 0)
    skew = jnp.minimum(third / jnp.where(some, 6 * variance, 1), most)
    spread = variance - 2 * skew**2
    deviation = jnp.where(spread > 0, jnp.sqrt(jnp.where(spread > 0, spread, 1)), 0)
    return deviation * z + skew * (z**2 - 1)


def _gaussian(key: PRNGKeyArray, signal: Signal, deviation) -> Signal:
    return jnp.asarray(deviation, signal.dtype) * jax.random.normal(key, signal.shape, signal.dtype)
