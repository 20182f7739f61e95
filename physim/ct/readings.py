"""Raw data of a scan: what every pixel read in every view, and its logarithm."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .exposure import air
from .geometry import Geometry
from .source import Protocol, beam
from .timing import durations


class Readings(eqx.Module):
    """Raw data of a CT scan or a radiograph.

    - `signal`: what each pixel read in each view: keV of an energy-integrating detector, counts in each bin of a
      photon-counting one. - `geometry`, `protocol`: how it was taken.
    """

    signal: Float[Array | np.ndarray, "*channel view row column"]
    geometry: Geometry
    protocol: Protocol

    def log(self) -> Float[Array, "*channel view row column"]:
        """−ln(signal / signal of air), channel by channel; a reading below half a photon counts as that, so it is finite."""
        signal = jnp.asarray(self.signal)
        open_signal = air_signal(self.protocol, self.geometry).astype(signal.dtype)
        least = self.protocol.detector.least
        # A bin that sees no photon even in air tells nothing: its logarithm is 0.
        open_signal = jnp.maximum(open_signal.reshape(signal.shape), least)
        return jnp.log(open_signal) - jnp.log(jnp.maximum(signal, least))


@jax.jit
def air_signal(protocol: Protocol, geometry: Geometry) -> Float[Array, "channel view row column"]:
    """The mean reading of every pixel with nothing in the way: the calibration scan of air, free of noise."""
    lengths = durations(geometry, protocol.rotation_time)
    return air(beam(protocol, geometry), protocol.detector, lengths)
