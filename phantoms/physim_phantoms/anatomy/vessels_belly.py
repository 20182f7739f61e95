"""The great vessels of the belly: aorta and inferior caval vein with their branches, portal and splenic veins."""

from __future__ import annotations

import jax.numpy as jnp

from .rods import Rods
from .trunk_frame import Trunk


def arteries(trunk: Trunk, diameter) -> Rods:
    """Abdominal aorta with coeliac, mesenteric, renal and common iliac arteries."""
    main = trunk.along([(-8.0, 13, 40), (-5.0, 13, 0), (-5.0, 12, -60), (-4.0, 11, -128)])
    aorta = Rods.chain(main, jnp.asarray([0.72, 0.66, 0.6, 0.54]) * 0.5 * diameter)
    coeliac = Rods.chain(trunk.along([(-4, 14, -4), (-2, 34, -6), (22, 40, -4)]), 3.2)
    mesenteric = Rods.chain(trunk.along([(-4, 14, -22), (-3, 30, -40), (0, 36, -110)]), 3.4)
    pairs = []
    for s in (1.0, -1.0):
        pairs.append(Rods.chain(trunk.along([(-4, 11, -128), (s * 26, 12, -160), (s * 50, 26, -200)]), 5.0))
        pairs.append(Rods.chain(trunk.along([(-4, 12, -42), (s * 24, 4, -46), (s * 44, -6, -48)]), 2.8))
    return Rods.join(aorta, coeliac, mesenteric, *pairs)


def veins(trunk: Trunk) -> Rods:
    """Inferior caval vein from the right atrium, renal, iliac, portal, splenic and mesenteric veins."""
    lift, w = trunk.lift, trunk.width
    high = trunk.along([(18, 48, 88), (21, 34, 58)], lift)
    low = trunk.along([(22, 20, 20), (18, 11, -30), (16, 9, -132)])
    caval = Rods.chain(jnp.concatenate([high, low]), jnp.asarray([12.5, 12.0, 11.5, 11.0, 10.5]))
    iliac = [Rods.chain(trunk.along([(16, 9, -132), (s * 30, 6, -166), (s * 54, 20, -204)]), 5.5) for s in (1, -1)]
    renal = [
        Rods.chain(trunk.along([(14, 12, -36), (-8, 24, -36), (-44, -2, -40)]), 3.8),
        Rods.chain(trunk.along([(18, 10, -44), (44, -4, -50)]), 3.8),
    ]
    portal = trunk.along([(4, 34, -40), (12, 36, -8), (22, 36, 14)], 0.7 * lift)
    splenic = trunk.along([(4, 32, -36), (-26, 30, -24), (-70.0 * w, 0, 2)], 0.6 * lift)
    mesenteric = trunk.along([(4, 34, -40), (9, 36, -112)], 0.6 * lift)
    return Rods.join(
        caval,
        *iliac,
        *renal,
        Rods.chain(portal, jnp.asarray([5.5, 6.0, 6.0])),
        Rods.chain(splenic, jnp.asarray([4.5, 4.2, 3.4])),
        Rods.chain(mesenteric, 4.4),
    )
