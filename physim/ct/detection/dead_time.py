"""Dead time: a counting pixel is blind for a moment after each photon, and misses some at high rates.

Both models: Knoll, Radiation Detection and Measurement, chapter 4, "Dead time".
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

from ..geometry.checks import Number

Rate = Float[Array, "..."]


class NonParalyzable(eqx.Module):
    """A photon within the dead time τ after a counted one is lost and has no further effect: m = n / (1 + n τ).

    - `dead_time`: τ, s. Good values: 10e-9 to 100e-9. Raises `ValueError` outside 0..1 ms.
    """

    dead_time: Number

    def __init__(self, dead_time: Number):
        require_range("dead_time", dead_time, 0.0, 1e-3, "s")
        self.dead_time = dead_time

    def kept(self, rate: Rate) -> Rate:
        """The fraction of photons counted where they arrive at `rate`, 1/s."""
        return 1 / (1 + rate * self.dead_time)

    def arriving(self, counted: Rate) -> Rate:
        """The rate at which photons arrive where they are counted at `counted`, 1/s; the inverse of n `kept`(n)."""
        return counted / jnp.maximum(1 - counted * self.dead_time, 1e-3)


class Paralyzable(eqx.Module):
    """Every photon blinds the pixel for the dead time τ anew: m = n exp(−n τ); at high rates it counts less and less.

    - `dead_time`: τ, s. Good values: 10e-9 to 100e-9. Raises `ValueError` outside 0..1 ms.
    """

    dead_time: Number

    def __init__(self, dead_time: Number):
        require_range("dead_time", dead_time, 0.0, 1e-3, "s")
        self.dead_time = dead_time

    def kept(self, rate: Rate) -> Rate:
        """The fraction of photons counted where they arrive at `rate`, 1/s."""
        return jnp.exp(-rate * self.dead_time)

    def arriving(self, counted: Rate) -> Rate:
        """The lower one of the two rates at which photons may arrive, 1/s; up to the highest rate that can be counted."""
        load = jnp.minimum(counted * self.dead_time, np.exp(-1.0))
        step = lambda _, x: jnp.minimum(x - (x - load * jnp.exp(x)) / jnp.maximum(1 - x, 0.02), 1.0)
        solved = jax.lax.fori_loop(0, 20, step, load)
        return counted * jnp.exp(solved)


DeadTime = NonParalyzable | Paralyzable
