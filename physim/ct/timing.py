"""When each view is read out, and for how long."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .geometry import Geometry, ParallelBeam, n_views


def durations(geometry: Geometry, rotation_time) -> Float[Array, " view"]:
    """How long each view lasts, s: `rotation_time` is that of a full turn; of all views together where nothing turns.

    Parallel rays turn by the mean step between their views.
    """
    views = n_views(geometry)
    if isinstance(geometry, ParallelBeam):
        angles = jnp.asarray(geometry.angles, float)
        turn = jnp.broadcast_to((angles[-1] - angles[0]) / max(views - 1, 1), (views,))
    else:
        turn = jnp.asarray(geometry.sweep.turn, float)
    turns = jnp.abs(turn) / (2 * jnp.pi)
    return rotation_time * jnp.where(turns > 0, turns, 1 / views)


def middles(lengths: Float[Array, " view"]) -> Float[Array, " view"]:
    """The middle of each view, s after the scan began."""
    return jnp.cumsum(lengths) - lengths / 2
