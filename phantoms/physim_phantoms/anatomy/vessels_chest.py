"""The great vessels of the chest: aorta with its arch, pulmonary trunk, caval and pulmonary veins."""

from __future__ import annotations

import jax.numpy as jnp

from .organs_heart import heart_place
from .rods import Rods
from .trunk_frame import Trunk, points


def _rise(trunk: Trunk, heart_height):
    """How far the vessels follow a heart that stands higher than usual, mm."""
    return 0.35 * (heart_height - trunk.level(125.0))


def arteries(trunk: Trunk, volume, diameter) -> Rods:
    """Ascending aorta, arch with three branches, descending aorta, pulmonary trunk with both arteries."""
    (hx, hy, hz), s = heart_place(trunk, volume)
    r, w, lift = 0.5 * diameter, trunk.width, _rise(trunk, hz)
    forward = 0.45 * (hy - trunk.face(trunk.level(205.0)))  # from the spine to the front of the arch
    root = points((hx + 24.0 * s, hy - 10.0 * s, hz + 18.0 * s), (hx + 34.0 * s, hy - 2.0, trunk.level(172.0) + lift))
    arch = trunk.along(
        [(14.0, 2.0 * forward, 196), (4.0, forward + 4.0, 211), (-12.0, 16.0, 210), (-21.0, 1.0, 196)], lift
    )
    descending = trunk.along([(-23.0, 1.0, 170), (-20.0, 4.0, 130), (-15.0, 9.0, 90), (-8.0, 13.0, 40)])
    shares = jnp.asarray([1.12, 1.0, 0.95, 0.85, 0.8, 0.76] + [0.74] * 4)
    main = Rods.chain(jnp.concatenate([root, arch, descending]), shares * r)
    ends = trunk.along(
        [
            (16.0, 36.0, 232), (30.0, 26.0, 262), (34.0, 22.0, 310),
            (-9.0, 28.0, 236), (-28.0, 22.0, 310),
            (-24.0, 16.0, 238), (-50.0, 14.0, 264), (-95.0 * w, 8.0, 258),
            (58.0, 16.0, 266), (95.0 * w, 8.0, 258),
        ],
        lift,
    )  # fmt: skip
    branches = (
        Rods.chain(jnp.concatenate([arch[1:2], ends[:3]]), 5.0),
        Rods.chain(jnp.concatenate([arch[1:2], ends[3:5]]), 3.6),
        Rods.chain(jnp.concatenate([arch[2:3], ends[5:8]]), 4.4),
        Rods.chain(jnp.concatenate([ends[1:2], ends[8:]]), 4.2),
    )
    out = points((hx - 2.0, hy + 22.0 * s, hz + 30.0 * s), (hx + 0.0, hy + 10.0, trunk.level(168.0) + lift))
    split = trunk.along([(-14.0, forward + 2.0, 177)], lift)
    right = trunk.along([(6.0, 28.0, 171), (42.0, 22.0, 165)], lift)
    left = trunk.along([(-30.0, 18.0, 179), (-46.0, 10.0, 168)], lift)
    pulmonary = (
        Rods.chain(jnp.concatenate([out, split]), jnp.asarray([13.0, 13.5, 12.0])),
        Rods.chain(jnp.concatenate([split, right]), jnp.asarray([10.5, 9.5, 8.5])),
        Rods.chain(jnp.concatenate([split, left]), jnp.asarray([10.5, 9.8, 8.5])),
    )
    return Rods.join(main, *branches, *pulmonary)


def veins(trunk: Trunk, volume) -> Rods:
    """Superior caval vein with both brachiocephalic veins, and the pulmonary veins."""
    (hx, hy, hz), s = heart_place(trunk, volume)
    w, lift = trunk.width, _rise(trunk, hz)
    forward = 0.55 * (hy - trunk.face(trunk.level(205.0)))
    side = trunk.along(
        [(-70.0 * w, 26.0, 256), (-38.0, 38.0, 244), (66.0 * w, 24.0, 258), (40.0, 32.0, 248), (27.0, forward, 220), (28.0, forward + 4.0, 180)],
        lift,
    )
    atrium = points((hx + 38.0 * s, hy - 4.0, hz + 24.0 * s))
    caval = Rods.chain(jnp.concatenate([side[4:], atrium]), jnp.asarray([9.0, 9.5, 10.5]))
    lungs = [
        Rods.chain(
            points((hx + 10.0 * s, hy - 42.0 * s, hz + 20.0 * s), (sign * 46.0, hy - 46.0 * s, hz + up)), 6.5
        )
        for sign in (1.0, -1.0)
        for up in (8.0, 26.0)
    ]
    left, right = Rods.chain(side[jnp.asarray([0, 1, 4])], 6.0), Rods.chain(side[jnp.asarray([2, 3, 4])], 6.5)
    return Rods.join(left, right, caval, *lungs)
