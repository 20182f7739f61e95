"""Concomitant (Maxwell) fields: a gradient cannot be without field components across B0, which lengthen the field.

    Bc = [(Gx² + Gy²) z² + Gz² (x² + y²) / 4 − Gx Gz x z − Gy Gz y z] / (2 B0)

for coils whose z gradient is symmetric; the next order is smaller by G r / B0. Gradients here are those after delays and
without eddy currents, which would change the squares in the next order. Source: Bernstein et al., Magn. Reson. Med. 39
(1998) 300, equation 2.

The phase is a sum of four products, of a moment and a function of position. Both are scaled by a length of 100 mm, so that
they are cycles/mm and mm like k and r.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..units import GYROMAGNETIC_RATIO, seconds
from .curve import Curve

LENGTH = 100.0  # mm


class ConcomitantFields(eqx.Module):
    """Switches concomitant fields on: `GradientSystem(concomitant=ConcomitantFields())`."""

    def places(self, position: Float[Array, "spin 3"]) -> Float[Array, "spin 4"]:
        """The four functions of position, mm."""
        x, y, z = position.T
        return jnp.stack([z * z, (x * x + y * y) / 4, -x * z, -y * z], axis=1) / LENGTH


@dataclass(frozen=True, eq=False)
class Products:
    """The four products of gradients that concomitant fields are made of: parabolas between corners of any axis.

    - `times`: corners, ps, those of jumps once. - `before`, `after`: gradients at each corner, limits from both sides,
      Hz/mm. - `field`: T.
    """

    times: Int[np.ndarray, " knot"]
    before: Float[np.ndarray, "knot 3"]
    after: Float[np.ndarray, "knot 3"]
    field: float

    @classmethod
    def of(cls, axes: tuple[Curve, Curve, Curve], field: float) -> Products:
        """The products of three curves."""
        times = np.unique(np.concatenate([curve.times for curve in axes]))
        before, after = (
            np.stack([curve.at(times, side) for curve in axes], axis=1) for side in ("left", "right")
        )
        return cls(times, before, after, field)

    def rate(self, times) -> Float[np.ndarray, "... 4"]:
        """Hz/mm at `times` (ps)."""
        index, elapsed, slope = self._place(np.asarray(times))
        now = self.after[index] + slope * elapsed[..., None]
        return self._scale * _four(now, now)

    def moment(self, times) -> Float[np.ndarray, "... 4"]:
        """The integral of `rate` from the first corner to `times` (ps), cycles/mm."""
        index, elapsed, slope = self._place(np.asarray(times))
        return self._scale * (self._whole[index] + _integrated(self.after[index], slope, elapsed))

    @cached_property
    def _whole(self) -> Float[np.ndarray, "knot 4"]:
        """The unscaled integrals at each corner."""
        steps = np.asarray(seconds(np.diff(self.times)))
        slopes = (self.before[1:] - self.after[:-1]) / steps[:, None]
        pieces = _integrated(self.after[:-1], slopes, steps)
        return np.concatenate([np.zeros((1, 4)), np.cumsum(pieces, axis=0)])

    @property
    def _scale(self) -> float:
        return LENGTH / (2 * GYROMAGNETIC_RATIO * self.field)

    def _place(self, times):
        index = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self.times) - 2)
        length = np.asarray(seconds(self.times[index + 1] - self.times[index]))
        slope = (self.before[index + 1] - self.after[index]) / length[..., None]
        return index, np.asarray(seconds(times - self.times[index])), slope


def _four(a, b):
    """The products of two gradients that go with the four functions of position."""
    x, y, z = np.moveaxis(a, -1, 0)
    u, v, w = np.moveaxis(b, -1, 0)
    return np.stack([x * u + y * v, z * w, (x * w + z * u) / 2, (y * w + z * v) / 2], axis=-1)


def _integrated(value, slope, elapsed):
    """The integral of the products of value + slope t from 0 to `elapsed`."""
    t = elapsed[..., None]
    return t * (_four(value, value) + t * (_four(value, slope) + t / 3 * _four(slope, slope)))
