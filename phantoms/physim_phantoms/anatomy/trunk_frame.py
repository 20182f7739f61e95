"""The frame of the trunk: where the spine, the inner wall and the levels of one patient lie.

Trunk coordinates: x to the right, y forward from the middle of the twelfth thoracic vertebra, z up from the disc
between the twelfth thoracic and the first lumbar vertebra, mm. Heights are written for a person of 170 cm and
multiplied by the patient's `rise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .implicit import Place, length
from .stages import staged

# Heights of body plus disc, mm, for 170 cm: thoracic 12 up to 1 (286 mm together), lumbar 1 down to 5 (179 mm).
THORACIC = (28.5, 27.5, 26.5, 25.5, 24.8, 24.0, 23.3, 22.6, 22.0, 21.4, 20.8, 20.0)
LUMBAR = (34.5, 35.5, 36.5, 36.5, 36.0)
DISCS = np.concatenate(
    [-np.cumsum(LUMBAR)[::-1], [0.0], np.cumsum(THORACIC)]
)  # below lumbar 5 up to above thoracic 1

# Inner surface of the trunk wall (pleura above, peritoneum below), mm: height, half width, front, back from the spine.
_WALL = np.array(
    [
        (-230, 112, 88, -12),
        (-180, 120, 100, -12),
        (-140, 122, 108, -20),
        (-100, 121, 112, -28),
        (-60, 122, 116, -33),
        (-20, 127, 120, -36),
        (20, 133, 124, -38),
        (60, 137, 125, -39),
        (100, 136, 122, -39),
        (150, 130, 113, -38),
        (190, 120, 99, -36),
        (220, 105, 84, -33),
        (245, 84, 69, -28),
        (270, 60, 58, -20),
        (300, 46, 50, -12),
    ],
    dtype=float,
)
# Height and how far the spine's middle lies in front of that of the twelfth thoracic vertebra, at 40° and 50°.
_SPINE = np.array([(-230, -48), (-179, -2), (-100, 12), (-30, 8), (20, 0), (160, -16), (286, 4)], dtype=float)
# Heights, half widths and half depths of the vertebral bodies.
_VERTEBRA = np.array(
    [(-230, -160, 0, 150, 286), (32, 26, 20, 14.5, 15), (16, 17.5, 16, 13.5, 9)], dtype=float
)
_POWER = 2.35  # of the superellipse of a cross-section: between an ellipse (2) and a box


def ramp(t, width: float):
    """max(t, 0) with its corner rounded over ±`width` (quadratic, C¹)."""
    inside = jnp.clip(t + width, 0.0, 2.0 * width)
    return inside * inside / (4.0 * width) + jnp.maximum(t - width, 0.0)


def curve(t, knots, values, width: float = 12.0):
    """The broken line through (knots, values) with every corner rounded over ±`width`: no overshoot, C¹, cheap.

    `values` may hold several curves, one a row: the results are stacked along a new first axis.
    """
    knots, values = np.asarray(knots, dtype=float), jnp.asarray(values, dtype=float)
    slopes = jnp.diff(values, axis=-1) / np.diff(knots)
    turns = jnp.diff(slopes, axis=-1)
    t = jnp.asarray(t, dtype=float)
    corners = knots[1:-1].reshape(-1, *([1] * t.ndim))
    bends = jnp.tensordot(turns, ramp(t[None] - corners, width), axes=1)
    first, slope = (v.reshape(*v.shape, *([1] * t.ndim)) for v in (values[..., 0], slopes[..., 0]))
    return first + slope * (t - knots[0]) + bends


def bump(t, centre, width):
    """A smooth hill of height one: (1 + ((t - centre) / width)²)⁻², cheaper than a Gaussian."""
    q = (t - centre) / width
    return 1.0 / (1.0 + q * q) ** 2


class Trunk(eqx.Module):
    """The measures of one trunk that all its parts share; every one is differentiable.

    - `rise`: height relative to 170 cm; - `width`, `depth`: of the thorax relative to the reference;
    - `belly`: extra half width and extra depth of the abdomen that the visceral fat needs, mm;
    - `bend`: curvature of the thoracic and lumbar spine relative to 40° and 50°, and the lateral bow, mm;
    - `lift`: how far the diaphragm stands above its place at total lung capacity, mm.
    """

    rise: Any
    width: Any
    depth: Any
    belly: tuple[Any, Any]
    bend: tuple[Any, Any, Any]
    lift: Any

    def level(self, canonical):
        """The height, mm, of what lies at `canonical` in a person of 170 cm."""
        return canonical * self.rise

    def spine(self, z) -> tuple[Any, Any]:
        """x and y of the middle of the vertebral bodies at height z."""
        c = z / self.rise
        kyphosis, lordosis, bow = self.bend
        offsets = jnp.where(_SPINE[:, 0] > 20, kyphosis, lordosis) * _SPINE[:, 1]
        return bow * bump(c, 130.0, 140.0), curve(c, _SPINE[:, 0], offsets, 25.0)

    def vertebra(self, z) -> tuple[Any, Any]:
        """Half width and half depth of the vertebral bodies at height z, mm."""
        sizes = curve(z / self.rise, _VERTEBRA[0], _VERTEBRA[1:], 20.0) * self.rise**0.5
        return sizes[0], sizes[1]

    def wall(self, z) -> tuple[Any, Any, Any]:
        """Half width, middle and half depth of the inner wall's cross-section at height z, mm."""
        heights, wide, front, back = _WALL.T
        low = np.clip((60.0 - heights) / 120.0, 0.0, 1.0)  # 1 in the abdomen, 0 in the thorax
        rows = jnp.stack(
            [
                wide * self.width + low * self.belly[0],
                front * self.depth + low * self.belly[1],
                back * self.depth,
            ]
        )
        half_width, y_front, y_back = curve(z / self.rise, heights, rows)
        y_back = self.spine(z)[1] + y_back
        return half_width, 0.5 * (y_front + y_back), 0.5 * (y_front - y_back)

    def face(self, z):
        """y of the front face of the vertebral bodies at height z."""
        return self.spine(z)[1] + self.vertebra(z)[1]

    def along(self, rows, lift=0.0):
        """Places "point 3" beside the spine: rows of (x, y in front of the vertebral bodies, height for 170 cm).

        What lies far from the middle moves out with the width of the chest. `lift` raises the places, mm, without
        moving them forward or back.
        """
        x, y, c = np.asarray(rows, dtype=float).T
        z = self.level(c)
        out = np.clip((np.abs(x) - 20.0) / 40.0, 0.0, 1.0)
        x = x * (1.0 - out) + x * out * self.width
        return jnp.stack([x + self.spine(z)[0], y + self.face(z), z + lift], axis=1)

    def on_wall(self, angle, z, outward) -> tuple[Any, Any, Any]:
        """The place on the wall at an angle from the back's middle (rad, to the right), moved out by `outward` mm."""
        half_width, middle, half_depth = self.wall(z)
        sine, cosine = jnp.sin(angle), jnp.cos(angle)
        radius = (jnp.abs(sine) ** _POWER + jnp.abs(cosine) ** _POWER) ** (-1.0 / _POWER)
        return (half_width + outward) * radius * sine, middle - (half_depth + outward) * radius * cosine, z


class Spot(eqx.Module):
    """A place together with what the frame says about its height: spine, vertebra, inner wall."""

    x: Any
    y: Any
    z: Any
    c: Any  # height for a person of 170 cm
    x_spine: Any
    y_spine: Any
    body_width: Any  # half width and depth of the vertebral bodies
    body_depth: Any
    half_width: Any  # of the inner wall
    middle: Any
    half_depth: Any
    inner: Any  # distance to the inner wall

    @property
    def place(self) -> Place:
        """The three coordinates."""
        return self.x, self.y, self.z

    @property
    def folded(self) -> Place:
        """The place mirrored onto the right side of the body's middle plane."""
        return jnp.sqrt(self.x * self.x + 0.01), self.y, self.z

    @property
    def beside(self) -> Place:
        """The place mirrored onto the right side of the spine."""
        return jnp.sqrt((self.x - self.x_spine) ** 2 + 0.01), self.y, self.z

    @property
    def face(self):
        """y of the front of the vertebral bodies."""
        return self.y_spine + self.body_depth

    @property
    def across(self):
        """Distance from the middle plane in half widths of the wall."""
        return self.folded[0] / self.half_width

    @property
    def forward(self):
        """-1 at the back of the inner wall, 1 at its front."""
        return (self.y - self.middle) / self.half_depth


def spots(trunk: Trunk, place: Place) -> Spot:
    """The spot of every place; the wall's distance is f / |∇f| of a superellipse whose axes change with height."""

    def look(place: Place) -> Spot:
        x, y, z = place
        one = jnp.ones_like(z)
        (wide, middle, deep), (d_wide, d_middle, d_deep) = jax.jvp(trunk.wall, (z,), (one,))
        return Spot(
            x,
            y,
            z,
            z / trunk.rise,
            *trunk.spine(z),
            *trunk.vertebra(z),
            wide,
            middle,
            deep,
            (d_wide, d_middle, d_deep),
        )

    def measure(spot: Spot):
        def level(x, y, wide, middle, deep):
            u = jnp.abs(x / wide) + 1e-3
            v = jnp.abs((y - middle) / deep) + 1e-3
            return (u**_POWER + v**_POWER) ** (1.0 / _POWER) - 1.0

        here = (spot.x, spot.y, spot.half_width, spot.middle, spot.half_depth)
        one, zero = jnp.ones_like(spot.x), jnp.zeros_like(spot.x)
        value, dx = jax.jvp(level, here, (one, zero, zero, zero, zero))
        _, dy = jax.jvp(level, here, (zero, one, zero, zero, zero))
        _, dz = jax.jvp(level, here, (zero, zero, *spot.inner))
        return value / length(dx, dy, dz)

    spot = staged(look, place)
    return eqx.tree_at(lambda s: s.inner, spot, staged(measure, spot), is_leaf=lambda v: isinstance(v, tuple))


def points(*rows: Sequence[Any]):
    """Places as one array, "point 3"."""
    return jnp.stack([jnp.stack([jnp.asarray(c, dtype=float) for c in row]) for row in rows])
