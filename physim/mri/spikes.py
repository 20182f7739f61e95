"""Spikes: sparks that add to single samples of the raw data."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Int, PRNGKeyArray

from physim_phantoms._checks import InputError, require_range

from .contrasts import Number


class Sparks(eqx.Module):
    """What is added to raw data besides noise."""

    @abstractmethod
    def add(
        self, samples: Complex[Array, "*coil kx ky kz"], key: PRNGKeyArray
    ) -> Complex[Array, "*coil kx ky kz"]:
        """The samples with what the sparks add; equal keys give equal bits."""


class NoSparks(Sparks):
    """Nothing is added."""

    def add(
        self, samples: Complex[Array, "*coil kx ky kz"], key: PRNGKeyArray
    ) -> Complex[Array, "*coil kx ky kz"]:
        """The samples as they are."""
        return samples


class Spikes(Sparks):
    """Each sample is hit with the probability `rate`, by a spike of random phase that every coil sees alike.

    - `rate`: 0 to 1. - `amplitude`: of a spike, as a fraction of the largest sample without it.

    A spike at k puts stripes of that spatial frequency over the image (herringbone).

    Good values: `Spikes(rate=1e-4, amplitude=0.5)`.
    """

    rate: Number = 1e-4
    amplitude: Number = 0.5

    def __check_init__(self):
        require_range("rate", self.rate, 0.0, 1.0)
        require_range("amplitude", self.amplitude, 0.0, 1e6)

    def add(
        self, samples: Complex[Array, "*coil kx ky kz"], key: PRNGKeyArray
    ) -> Complex[Array, "*coil kx ky kz"]:
        """The samples with spikes where chance wills."""
        where, phase = jax.random.split(key)
        dtype = samples.real.dtype
        hit = jax.random.uniform(where, samples.shape[-3:], dtype) < self.rate
        return samples + _height(samples, self.amplitude) * jnp.where(
            hit, _phases(phase, hit.shape, dtype), 0
        )


class SpikesAt(Sparks):
    """Spikes on given samples, of random phase, which every coil sees alike.

    - `places`: indices along kx, ky and kz as stored, one row for each spike. - `amplitude`: as of `Spikes`.
    Raises `ValueError` for a place outside the raw data.

    Good values: `SpikesAt([[40, 70, 0]], 0.5)`.
    """

    places: Int[np.ndarray, "spike 3"]
    amplitude: Number

    def __init__(self, places, amplitude: Number = 0.5):
        self.places = np.asarray(places)
        if self.places.ndim != 2 or self.places.shape[1] != 3 or self.places.dtype.kind not in "iu":
            raise InputError(
                f"places are {places!r}; they must be whole numbers, (spikes, 3): write [[40, 70, 0]]"
            )
        require_range("amplitude", amplitude, 0.0, 1e6)
        self.amplitude = amplitude

    def add(
        self, samples: Complex[Array, "*coil kx ky kz"], key: PRNGKeyArray
    ) -> Complex[Array, "*coil kx ky kz"]:
        """The samples with spikes at the places."""
        shape = samples.shape[-3:]
        outside = np.any((self.places < 0) | (self.places >= np.array(shape)), axis=1)
        if np.any(outside):
            bad = tuple(int(i) for i in self.places[int(np.argmax(outside))])
            raise InputError(f"a spike is at {bad}, outside the raw data of {shape} samples; count from 0")
        hit = np.zeros(shape, bool)
        hit[tuple(self.places.T)] = True
        made = jnp.where(hit, _phases(key, shape, samples.real.dtype), 0)
        return samples + _height(samples, self.amplitude) * made


def _height(samples, amplitude) -> Array:
    return jnp.asarray(amplitude * jnp.max(jnp.abs(samples)), samples.real.dtype)


def _phases(key, shape, dtype) -> Array:
    angle = 2 * jnp.pi * jax.random.uniform(key, shape, dtype)
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
