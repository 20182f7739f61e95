"""Many round rods at once: chains and trees as tables that a scan walks through, so that compiling stays short."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .implicit import Place, length, smooth_min
from .population import low_discrepancy

_FAR = 1e3


class Rods(eqx.Module):
    """Round rods between pairs of places, mm; the radius runs linearly from one end to the other."""

    starts: Float[Array, "rod 3"]
    ends: Float[Array, "rod 3"]
    radii: Float[Array, "rod 2"]

    @classmethod
    def chain(cls, places, radii) -> Rods:
        """A chain through "point 3" places with a radius at each (or one for all)."""
        places = jnp.asarray(places, dtype=float)
        radii = jnp.broadcast_to(jnp.asarray(radii, dtype=float), places.shape[:1])
        return cls(places[:-1], places[1:], jnp.stack([radii[:-1], radii[1:]], axis=1))

    @classmethod
    def chains(cls, places, lengths: Sequence[int], radii) -> Rods:
        """Several chains from one list of places: the first takes `lengths[0]` of them, and so on."""
        ends = np.cumsum(lengths)
        first = np.setdiff1d(np.arange(ends[-1]), ends - 1)
        places = jnp.asarray(places, dtype=float)
        radii = jnp.broadcast_to(jnp.asarray(radii, dtype=float), places.shape[:1])
        return cls(places[first], places[first + 1], jnp.stack([radii[first], radii[first + 1]], axis=1))

    @classmethod
    def join(cls, *parts: Rods) -> Rods:
        """Several sets as one."""
        return cls(*(jnp.concatenate([getattr(p, f) for p in parts]) for f in ("starts", "ends", "radii")))

    def distance(
        self, place: Place, blend: float = 0.0, stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ):
        """Distance to the nearest rod, seams rounded over `blend` mm; `stretch` (at least 1) widens along an axis."""
        factor = jnp.asarray(stretch, dtype=self.starts.dtype)
        scaled = tuple(c / s for c, s in zip(place, stretch, strict=True))
        starts, axes = self.starts / factor, (self.ends - self.starts) / factor
        inverse = 1.0 / (jnp.sum(axes**2, axis=1) + 1e-6)

        @jax.checkpoint
        def step(nearest, rod):
            start, axis, inverse, radii = rod
            q = [scaled[i] - start[i] for i in range(3)]
            along = jnp.clip((q[0] * axis[0] + q[1] * axis[1] + q[2] * axis[2]) * inverse, 0.0, 1.0)
            gap = length(*(q[i] - along * axis[i] for i in range(3)))
            new = gap - (radii[0] + along * (radii[1] - radii[0]))
            return (smooth_min(nearest, new, blend) if blend else jnp.minimum(nearest, new)), None

        far = jnp.full_like(place[0], _FAR)
        return jax.lax.scan(step, far, (starts, axes, inverse, self.radii))[0]


@lru_cache(maxsize=8)
def _branches(leaves: int, offset: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parent of each node, place of each node in the unit ball, and how many leaves hang on it; node 0 is the root.

    Evenly scattered leaves are halved along their longest side again and again; each half hangs on a node part of the
    way from its parent to its centre.
    """
    cloud = 2.0 * low_discrepancy(8 * leaves + offset)[offset:] - 1.0
    cloud = cloud[np.sum(cloud**2, axis=1) < 1.0][:leaves]
    parents, places, counts = [-1], [np.array([-0.8, -0.1, 0.05])], [leaves]

    def grow(parent: int, members: np.ndarray) -> None:
        centre = members.mean(axis=0)
        reach = 1.0 if len(members) == 1 else 0.5
        parents.append(parent)
        places.append(places[parent] + reach * (centre - places[parent]))
        counts.append(len(members))
        node = len(parents) - 1
        if len(members) > 1:
            axis = int(np.argmax(np.ptp(members, axis=0)))
            order = members[np.argsort(members[:, axis])]
            for half in (order[: len(order) // 2], order[len(order) // 2 :]):
                grow(node, half)

    axis = int(np.argmax(np.ptp(cloud, axis=0)))
    order = cloud[np.argsort(cloud[:, axis])]
    for part in np.array_split(order, 3):
        grow(0, part)
    return np.array(parents), np.array(places), np.array(counts, dtype=float)


def tree(
    noise, root, centre, semi_axes, leaves: int, tip_radius, offset: int = 0, jitter: float = 0.12
) -> Rods:
    """A branching tree from `root` into an ellipsoid; a branch that serves n tips is n^(1/2.4) times as wide as a tip.

    Standard normal `noise` "node 3" (at least a row a node) moves every node by `jitter` of the ellipsoid's size. The
    power lies between equal area (2) and Murray's law (3; Proc Natl Acad Sci 12 (1926) 207).
    """
    parents, places, counts = _branches(leaves, offset)
    moves = jitter * noise[: len(places)] * (counts < leaves)[:, None] / (1.0 + 0.3 * counts[:, None] ** 0.5)
    nodes = jnp.asarray(centre) + (jnp.asarray(places) + moves) * jnp.asarray(semi_axes)
    nodes = jnp.concatenate([jnp.asarray(root)[None], nodes[1:]])
    radii = tip_radius * counts ** (1.0 / 2.4)
    start_radii = radii[1:] * 1.05
    return Rods(nodes[parents[1:]], nodes[1:], jnp.stack([start_radii, radii[1:]], axis=1))
