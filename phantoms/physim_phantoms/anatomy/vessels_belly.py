"""The great vessels of the belly: aorta and inferior caval vein with their branches, portal and splenic veins."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .rods import Rods
from .trunk_frame import Trunk

# (x, y in front of the spine, height) of each vessel; mm for 170 cm.
_AORTA = [(-8, 13, 40), (-5, 13, 0), (-5, 12, -60), (-4, 11, -128)]
_ARTERIES = [
    [(-4, 14, -4), (-2, 34, -6), (22, 40, -4)],  # coeliac
    [(-4, 14, -22), (-3, 30, -40), (0, 36, -110)],  # superior mesenteric
    [(-4, 11, -128), (26, 12, -160), (50, 26, -200)],  # common iliac
    [(-4, 11, -128), (-26, 12, -160), (-50, 26, -200)],
    [(-4, 12, -42), (24, 4, -46), (44, -6, -48)],  # renal
    [(-4, 12, -42), (-24, 4, -46), (-44, -6, -48)],
]
_ARTERY_RADII = (3.2, 3.4, 5.0, 5.0, 2.8, 2.8)
_VEINS = [
    [(18, 46, 66), (21, 33, 38), (22, 20, 8), (18, 11, -30), (16, 9, -132)],  # inferior caval
    [(16, 9, -132), (30, 6, -166), (54, 20, -204)],  # common iliac
    [(16, 9, -132), (-30, 6, -166), (-54, 20, -204)],
    [(14, 12, -36), (-8, 24, -36), (-44, -2, -40)],  # renal
    [(18, 10, -44), (32, 3, -47), (44, -4, -50)],
    [(4, 34, -40), (12, 36, -14), (22, 36, 0)],  # portal
    [(4, 32, -36), (-26, 30, -24), (-70, 0, -8)],  # splenic
    [(4, 34, -40), (6, 35, -76), (9, 36, -112)],  # superior mesenteric
]
_VEIN_RADII = (
    (12.5, 12.0, 11.5, 11.0, 10.5),
    (5.5,) * 3,
    (5.5,) * 3,
    (3.8,) * 3,
    (3.8,) * 3,
    (5.5, 6, 6),
    (4.5, 4.2, 3.4),
    (4.4,) * 3,
)
_VEIN_LIFT = (
    (1.0, 1.0, 0.4, 0.0, 0.0),
    (0.0,) * 3,
    (0.0,) * 3,
    (0.0,) * 3,
    (0.0,) * 3,
    (0.6, 0.7, 0.8),
    (0.6,) * 3,
    (0.6, 0.4, 0.2),
)


def vessels(trunk: Trunk, diameter) -> Rods:
    """All of them; `diameter` is that of the ascending aorta, the share of the breath moves the veins above."""
    rows = [row for chain in (_AORTA, *_ARTERIES, *_VEINS) for row in chain]
    lengths = [len(chain) for chain in (_AORTA, *_ARTERIES, *_VEINS)]
    lift = np.concatenate([np.zeros(sum(lengths[:7])), *map(np.array, _VEIN_LIFT)])
    fixed = np.concatenate([np.repeat(_ARTERY_RADII, 3), *map(np.array, _VEIN_RADII)])
    aorta = 0.5 * diameter * np.array([0.72, 0.66, 0.6, 0.54])
    return Rods.chains(
        trunk.along(rows, lift * trunk.lift), lengths, jnp.concatenate([aorta, jnp.asarray(fixed)])
    )
