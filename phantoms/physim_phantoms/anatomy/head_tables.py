"""Many bodies in one loop: ellipsoids and rods as tables, which compile several times faster than one call for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .implicit import Place, length
from .rods import Rods


def rotation(degrees: Sequence[Any]) -> np.ndarray:
    """The matrix that takes a place into the frame of a body turned about x, then y, then z by these angles."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    about_x = np.array([[1, 0, 0], [0, ca, sa], [0, -sa, ca]])
    about_y = np.array([[cb, 0, -sb], [0, 1, 0], [sb, 0, cb]])
    about_z = np.array([[cc, sc, 0], [-sc, cc, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


def _table(rows: Sequence[Sequence[Any]], place: Place):
    dtype = jnp.result_type(*place)
    if all(isinstance(c, int | float) for row in rows for c in row):
        return jnp.asarray(np.array(rows, dtype=float), dtype=dtype)
    return jnp.stack([jnp.stack([jnp.asarray(c, dtype=dtype) for c in row]) for row in rows])


def ellipsoids(place: Place, *rows: Sequence[Any]) -> list[Any]:
    """`implicit.ellipsoid` of every row: centre, semi-axes and, if it is turned, three angles in degrees."""
    flat = [(*row[0], *rotation(row[2] if len(row) > 2 else (0, 0, 0)).ravel(), *row[1]) for row in rows]

    def distance(row):
        q = [c - o for c, o in zip(place, row[:3], strict=True)]
        q = [q[0] * row[3 + 3 * i] + q[1] * row[4 + 3 * i] + q[2] * row[5 + 3 * i] for i in range(3)]
        scaled = [c / row[12 + i] for i, c in enumerate(q)]
        k0, k1 = length(*scaled), length(*(s / row[12 + i] for i, s in enumerate(scaled)))
        return k0 * (k0 - 1.0) / (k1 + 1e-6)

    return list(jax.lax.map(distance, _table(flat, place)))


def capsules(place: Place, *rows: Sequence[Any]) -> list[Any]:
    """`implicit.capsule` of every row: start, end and the radius at each."""
    flat = [(*row[0], *row[1], row[2], row[3]) for row in rows]

    def distance(row):
        q = [c - o for c, o in zip(place, row[:3], strict=True)]
        axis = [row[3 + i] - row[i] for i in range(3)]
        inverse = 1.0 / (axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2)
        along = jnp.clip((q[0] * axis[0] + q[1] * axis[1] + q[2] * axis[2]) * inverse, 0.0, 1.0)
        return (
            length(*(c - along * a for c, a in zip(q, axis, strict=True)))
            - row[6]
            - along * (row[7] - row[6])
        )

    return list(jax.lax.map(distance, _table(flat, place)))


def tube(place: Place, points, radii, blend: float = 2.0, stretch: Sequence[Any] = (1.0, 1.0, 1.0)):
    """`implicit.tube`, a chain of rods."""
    least = min(stretch)
    rods = Rods.chain(points, [least * r for r in radii])
    return rods.distance(place, blend, (stretch[0] / least, stretch[1] / least, stretch[2] / least))
