"""The great vessels of the chest: aorta with its arch, pulmonary trunk, caval and pulmonary veins."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from .organs_heart import heart_place
from .rods import Rods
from .trunk_frame import Trunk

# (x, y in front of the spine, height, share of the way from the spine to the heart); mm for 170 cm.
_KNOTS = np.array(
    [
        (14, 0, 196, 0.9), (4, 4, 211, 0.45), (-12, 16, 210, 0), (-21, 1, 196, 0),  # arch
        (-23, 1, 170, 0), (-20, 4, 130, 0), (-15, 9, 90, 0), (-8, 13, 40, 0),  # descending aorta
        (4, 4, 211, 0.45), (16, 36, 232, 0), (30, 26, 262, 0), (34, 22, 310, 0),  # brachiocephalic, right carotid
        (4, 4, 211, 0.45), (-9, 28, 236, 0), (-28, 22, 310, 0),  # left carotid
        (-12, 16, 210, 0), (-24, 16, 238, 0), (-50, 14, 264, 0), (-95, 8, 258, 0),  # left subclavian
        (30, 26, 262, 0), (58, 16, 266, 0), (95, 8, 258, 0),  # right subclavian
        (-14, 2, 177, 0.45), (6, 28, 171, 0), (42, 22, 165, 0),  # right pulmonary artery
        (-14, 2, 177, 0.45), (-30, 18, 179, 0), (-46, 10, 168, 0),  # left pulmonary artery
        (-70, 26, 256, 0), (-38, 38, 244, 0), (27, 0, 220, 0.55),  # left brachiocephalic vein
        (66, 24, 258, 0), (40, 32, 248, 0), (27, 0, 220, 0.55),  # right brachiocephalic vein
        (27, 0, 220, 0.55), (28, 4, 180, 0.55),  # superior caval vein
    ],
    dtype=float,
)  # fmt: skip
_AORTA = (1.12, 1.0, 0.95, 0.85, 0.8, 0.76, 0.74, 0.74, 0.74, 0.74)  # radii relative to the ascending aorta's
_BRANCHES = (5.5, 5.2, 5.0, 3.8, 3.8, 3.6, 3.6, 4.6, 4.4, 4.4, 4.2, 4.4, 4.2, 4.0)
_LUNGS = (10.5, 9.5, 8.5, 10.5, 9.8, 8.5)
_CAVAL = (6.0, 6.0, 6.5, 6.5, 6.5, 7.0, 9.0, 9.5, 10.5)


def vessels(trunk: Trunk, volume, diameter) -> Rods:
    """All of them, hung between spine and heart; `diameter` is that of the ascending aorta."""
    heart, s = heart_place(trunk, volume)
    heart = jnp.stack(heart)
    high = trunk.level(205.0)
    lift = 0.35 * (heart[2] - trunk.level(125.0))  # the vessels follow a heart that stands high
    knots = trunk.along(_KNOTS[:, :3], lift)
    knots = knots.at[:, 1].add(_KNOTS[:, 3] * (heart[1] - trunk.face(high)))
    on_heart = np.array(
        [(24, -10, 18), (34, -2, 40), (-2, 22, 30), (0, 10, 40), (38, -4, 24), (10, -42, 20)], dtype=float
    )
    hung = heart + s * jnp.asarray(on_heart)
    # Where a vessel leaves the pericardium its height follows the spine, not the heart's size.
    leave = lambda n, c: jnp.concatenate(
        [hung[n : n + 1, :2], jnp.reshape(trunk.level(c) + lift, (1, 1))], axis=1
    )
    veins = heart + jnp.stack(
        [
            jnp.stack([jnp.asarray(x - 0.0), -46.0 * s, jnp.asarray(up)])
            for x in (66.0, -26.0)
            for up in (8.0, 26.0)
        ]
    )
    aorta = jnp.concatenate([hung[:1], leave(1, 172.0), knots[:8]])
    trunk_of_lungs = jnp.concatenate([hung[2:3], leave(3, 168.0), knots[22:23]])
    lungs = jnp.stack([jnp.broadcast_to(hung[5], (4, 3)), veins], axis=1).reshape(-1, 3)
    places = jnp.concatenate([aorta, trunk_of_lungs, knots[8:36], hung[4:5], lungs])
    radii = jnp.concatenate(
        [
            0.5 * diameter * np.array(_AORTA),
            np.array([13.0, 13.5, 12.0, *_BRANCHES, *_LUNGS, *_CAVAL, *(6.5,) * 8]),
        ]
    )
    return Rods.chains(places, [10, 3, 4, 3, 4, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2], radii)
