"""Bowel: the frame of the large bowel with its pouches, and the small bowel as one folded tube that fills the middle."""

from __future__ import annotations

from functools import lru_cache

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .implicit import coverage, smooth_max
from .rods import Rods
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk, points
from .waves import Waves

_LATTICE = (7, 3, 5)  # folds of the small bowel across, deep and high
_SPACE = 1.5  # mm kept free between bowel and other organs


@lru_cache(maxsize=1)
def _folded_path() -> np.ndarray:
    """A path that visits every point of a small lattice once, well mixed: backbite moves (Mansfield, 1982) from a snake."""
    nx, ny, nz = _LATTICE
    path = []
    for j in range(ny):
        for k in range(nz):
            row = [(i, j, k if j % 2 == 0 else nz - 1 - k) for i in range(nx)]
            path += row if (j * nz + k) % 2 == 0 else row[::-1]
    rng = np.random.default_rng(7)
    for _ in range(4000):
        if rng.random() < 0.5:
            path = path[::-1]
        end = np.array(path[-1])
        axis, step = rng.integers(3), rng.choice([-1, 1])
        new = end.copy()
        new[axis] += step
        if not all(0 <= new[a] < _LATTICE[a] for a in range(3)):
            continue
        place = path.index(tuple(int(c) for c in new))
        path = path[: place + 1] + path[place + 1 :][::-1]
    return np.array(path, dtype=float)


class Bowel(eqx.Module):
    """The tubes of small and large bowel, and the fields that bend them and spread the gas."""

    small: Rods
    large: Rods
    bends: Waves
    stool: Waves


def bowel(trunk: Trunk, noise, bends: Waves, stool: Waves) -> Bowel:
    """The bowel of one patient from standard normal `noise` "node 3"."""
    z = trunk.level(-110.0)
    half_width, middle, half_depth = trunk.wall(z)
    face = trunk.face(z)
    front = middle + half_depth
    unit = (_folded_path() / (np.array(_LATTICE) - 1.0)) * 2.0 - 1.0
    moved = jnp.asarray(unit) + 0.09 * noise[: len(unit)]
    centre = points((4.0, 0.5 * (face + front) - 1.0, z))[0]
    reach = points((0.62 * half_width, 0.5 * (front - face) - 21.0, trunk.level(72.0)))[0]
    small = Rods.chain(
        centre + moved * reach, 12.0 + 1.5 * noise[len(unit) : 2 * len(unit), 0].clip(-1.5, 1.5)
    )
    return Bowel(small, _colon(trunk, noise[2 * len(unit) :]), bends, stool)


def _colon(trunk: Trunk, noise) -> Rods:
    """Caecum, ascending, transverse, descending and sigmoid colon, drawn fine enough for its pouches."""
    level = trunk.level
    lift = 0.5 * trunk.lift
    z = level(-100.0)
    half_width, middle, half_depth = trunk.wall(z)
    front, right, left = middle + half_depth, 0.74 * half_width, -0.78 * half_width
    back = middle - 0.25 * half_depth
    knots = points(
        (0.66 * half_width, middle + 8.0, level(-168.0)),
        (right, middle - 8.0, level(-128.0)),
        (1.03 * right, back, level(-92.0)),
        (0.92 * right, middle, level(-62.0) + lift),
        (0.55 * right, front - 30.0, level(-72.0) + lift),
        (0.0, front - 25.0, level(-92.0) + 0.6 * lift),
        (0.55 * left, front - 30.0, level(-70.0) + lift),
        (0.90 * left, middle - 4.0, level(-26.0) + lift),
        (1.02 * left, back - 4.0, level(-60.0)),
        (left, back, level(-110.0)),
        (0.92 * left, middle - 14.0, level(-150.0)),
        (0.55 * left, middle - 4.0, level(-178.0)),
        (-8.0, middle - 14.0, level(-190.0)),
    )
    radii = np.array([26, 25, 24, 22, 19, 18, 18, 18, 16, 14, 14, 14, 15.0])
    knots = knots + 5.0 * noise[: len(radii)]
    steps = 5
    t = np.linspace(0, len(radii) - 1, steps * (len(radii) - 1) + 1)
    weights = np.maximum(0.0, 1.0 - np.abs(t[:, None] - np.arange(len(radii))))
    pouches = 1.0 + 0.13 * np.cos(np.pi * np.arange(len(t)))
    return Rods.chain(jnp.asarray(weights) @ knots, (weights @ radii) * pouches)


def layers(spot: Spot, edge, inside, others, tubes: Bowel, gas) -> list[Layer]:
    """The bowel in what the other organs leave of the belly; `gas` is its share, which rises to the front."""
    move = tubes.bends(spot.place)
    bent = (spot.x + 6.0 * move[0], spot.y + 6.0 * move[1], spot.z + 6.0 * move[2])
    free = jnp.maximum(inside + 2.0, _SPACE - others)
    large = smooth_max(tubes.large.distance(bent, 8.0), free, 5.0)
    small = smooth_max(tubes.small.distance(bent, 3.0), jnp.maximum(free, _SPACE - large), 4.0)
    froth = jnp.clip(0.10 + 0.18 * tubes.stool(spot.place)[0], 0.0, 0.5)
    pocket = jnp.clip(0.5 + 3.0 * (gas - 0.75 + 0.35 * spot.forward + 0.25 * move[0]), 0.0, 1.0)
    filled = jnp.clip(0.5 + 5.0 * (gas - 0.52 + 0.5 * spot.forward + 0.3 * move[1]), 0.0, 1.0)
    return [
        layer(coverage(small, edge), bowel_wall=1.0),
        layer(coverage(small + 2.2, edge), bowel_content=1.0),
        layer(coverage(small + 2.2, edge) * pocket, air=1.0),
        layer(coverage(large, edge), bowel_wall=1.0),
        layer(coverage(large + 2.5, edge), bowel_content=1.0 - froth, air=froth),
        layer(coverage(large + 2.5, edge) * filled, air=1.0),
    ]
