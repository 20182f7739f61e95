"""The vertebral column of the trunk: bodies with end plates, discs, arches with processes, canal and cord."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .implicit import coverage, length, smooth_max
from .rods import Rods
from .stages import Layer, layer
from .trunk_frame import DISCS, Spot, Trunk, curve

_MIDDLES = 0.5 * (DISCS[1:] + DISCS[:-1])  # of the vertebrae, lumbar 5 first, thoracic 1 last
_SHELL = 1.1  # mm of compact bone around every body
_SACRUM = float(DISCS[0]) - 6.0


def _from_disc(c):
    """Height above or below the nearest disc's middle, mm for 170 cm."""
    nearest = jnp.abs(c - float(DISCS[0]))
    for disc in DISCS[1:]:
        nearest = jnp.minimum(nearest, jnp.abs(c - float(disc)))
    return nearest


def stack(spot: Spot) -> tuple:
    """Distances to the bodies (without discs) and to the discs; bodies are waisted and hollow behind."""
    apart = _from_disc(spot.c)
    waist = 1.4 * jnp.clip(apart / 9.0, 0.0, 1.0)
    a, b = spot.body_width - waist, spot.body_depth - waist
    v = spot.y - spot.y_spine
    v = jnp.where(v < 0, v * 1.12, v)
    column = (length(spot.x - spot.x_spine, v * (a / b)) - a) * (0.5 * (1.0 + b / a))
    gap = apart - curve(spot.c, (-230, -60, 20, 160, 290), (5.2, 5.0, 3.4, 2.3, 2.1))
    ends = jnp.maximum(spot.c - float(DISCS[-1]) - 34.0, _SACRUM - spot.c)
    body = smooth_max(smooth_max(column, -gap, 1.5), ends, 1.5)
    return body, jnp.maximum(jnp.maximum(column + 0.5, gap), ends)


def arches(trunk: Trunk) -> Rods:
    """Pedicles, laminae, transverse, articular and spinous processes of all vertebrae, right of the spine's middle."""
    lumbar = np.arange(len(_MIDDLES)) < 5
    pick = lambda low, high: np.where(lumbar, low, high)
    z = trunk.level(jnp.asarray(_MIDDLES))
    a, b = trunk.vertebra(z)
    y = trunk.spine(z)[1]
    size = trunk.rise * np.where(lumbar, 1.0, 0.85 - 0.012 * (np.arange(len(_MIDDLES)) - 5))
    zero = jnp.zeros_like(z)
    back = y - b - 17.0 * size  # of the canal
    pedicle = (0.62 * a, y - 0.7 * b, z + 4.0 * size)
    root = (14.0 * size, y - b - 9.0 * size, z + 3.0 * size)
    lamina = (zero, back - 5.0 * size, z - 3.0 * size)
    facet = (15.0 * size, y - b - 14.0 * size, z - 15.0 * size)
    # Thoracic spinous processes point down, lumbar ones straight back.
    tip = (zero, back - pick(27.0, 24.0) * size, z - pick(6.0, 20.0) * size)
    side = (pick(40.0, 31.0) * size, root[1] - pick(2.0, 12.0) * size, z + 4.0 * size)
    parts = (
        (pedicle, root, 4.4, 4.6),
        (root, lamina, 4.2, 3.6),
        (root, facet, 4.6, 4.6),
        (lamina, tip, 3.2, 3.4),
        (root, side, 4.2, 3.2),
    )
    column = lambda place: jnp.stack(jnp.broadcast_arrays(*place), axis=1)
    return Rods.join(
        *(Rods(column(s), column(e), jnp.stack([r * size, q * size], axis=1)) for s, e, r, q in parts)
    )


def canal(spot: Spot) -> tuple:
    """Distances to the vertebral canal and to the cord, which tapers off at the first lumbar vertebra."""
    ring = length((spot.x - spot.x_spine) / 1.2, spot.y - (spot.y_spine - spot.body_depth - 8.5))
    taper = jnp.clip((spot.c + 28.0) / 25.0, 0.0, 1.0)
    return jnp.maximum(ring - 8.0, -(spot.c + 235.0)), ring - 4.6 * taper + 3.0 * (1.0 - taper)


def sacrum(trunk: Trunk, spot: Spot):
    """Distance to the sacrum: a wedge that leans back below the last lumbar disc."""
    down = jnp.maximum(_SACRUM - spot.c, 0.0)
    half_width = (54.0 - 0.35 * down) * trunk.rise
    u = jnp.abs(spot.x - spot.x_spine) / half_width
    v = jnp.abs(spot.y - (spot.y_spine - 6.0)) / (21.0 - 0.04 * down)
    radius = (u**2.6 + v**2.6 + 1e-6) ** (1 / 2.6)
    return jnp.maximum((radius - 1.0) * 22.0, spot.c - _SACRUM)


def layers(processes: Rods, spot: Spot, edge, share) -> list[Layer]:
    """The column; `share` is that of trabecular bone in the spongy core."""
    body, disc = stack(spot)
    arch = processes.distance(spot.beside, 3.0)
    ring, cord = canal(spot)
    return [
        layer(coverage(disc, edge), intervertebral_disc=1.0),
        layer(coverage(jnp.minimum(body, arch), edge), cortical_bone=1.0),
        layer(
            coverage(jnp.minimum(body + _SHELL, arch + 2.0), edge),
            trabecular_bone=share,
            yellow_marrow=1.0 - share,
        ),
        layer(coverage(ring, edge), csf=1.0),
        layer(coverage(cord, edge), white_matter=1.0),
    ]
