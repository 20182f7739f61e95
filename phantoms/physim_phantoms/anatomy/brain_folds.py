"""The cerebral cortex: gyri and sulci as sheets of fluid that enter the hemisphere, and the ribbon around them.

Sulci are the zero lines of a narrow-band random field on the brain's surface, continued inwards along the surface's
normal; the Sylvian fissure with the insula and the central sulcus are placed. Grey matter is whatever lies within one
cortical thickness of fluid, so the ribbon has its thickness by construction.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .brain_shape import Level, cerebral_hull, midline_core, posterior_fossa, smallest
from .implicit import Canvas, Place, coverage, length, mirrored, smooth_min
from .waves import Waves

_SYLVIAN_TURN = np.deg2rad(28.0)  # the lateral fissure climbs backwards by this angle
_TENTORIUM = (0.35, 0.2, 0.91)  # direction from the tentorium into the hemisphere
_FARTHEST = 24.0  # mm: no sulcus is followed deeper than this


class Folds(eqx.Module):
    """One patient's folding pattern.

    - `pattern`: the field whose zero lines are the sulci, in units of its wavelength;
    - `depths`: the field that makes some deep and some shallow; - `drift`: displaces the pattern, each side its own way;
    - `wavelength`: twice the width of a gyrus, mm.
    """

    pattern: Waves
    depths: Waves
    drift: Waves
    wavelength: Any


def _field_sheets(folds: Folds, side: Place, depth: Level) -> tuple[Any, Any]:
    """In-surface distance to the nearest sulcus of the pattern, mm, and how deep sulci are here, relative.

    `side` is the place folded onto one side and displaced; `depth` is the depth under the surface with its gradient.
    """
    out = 0.9 * jnp.clip(depth[0], 0.0, _FARTHEST)
    foot = tuple(p - out * n for p, n in zip(side, depth[1], strict=True))
    unit = [f / folds.wavelength for f in foot]
    value, gx, gy, gz = folds.pattern.with_gradient((unit[0], unit[1], unit[2]))
    nx, ny, nz = depth[1]
    along = (gx * nx + gy * ny + gz * nz) / (nx * nx + ny * ny + nz * nz + 0.05)
    slope = length(gx - along * nx, gy - along * ny, gz - along * nz)
    wave_number = 2.0 * np.pi
    # Exact for a plane wave, whose slope over the wave number is the sine that belongs to its cosine.
    across = jnp.arctan2(jnp.abs(value), slope / wave_number + 1e-4) / wave_number
    shrink = 1.0 - 0.011 * out  # sulci converge on their way in
    (variation,) = folds.depths((foot[0], foot[1], foot[2]))
    return across * folds.wavelength * shrink, 1.0 + 0.5 * jnp.tanh(variation)


def _central_sulcus(side: Place):
    """Signed distance across the central sulcus and the distance past its lower end, mm."""
    x, y, z = side
    line = -34.0 + 0.5 * x + 3.0 * jnp.sin(z / 9.0)
    return 0.87 * (y - line), jnp.maximum(20.0 - z, 0.0)


def _sylvian(side: Place, half_width):
    """Distance to the fluid of the lateral fissure and over the insula."""
    x, y, z = side
    along = np.cos(_SYLVIAN_TURN) * (y - 2.0) - np.sin(_SYLVIAN_TURN) * z
    up = np.sin(_SYLVIAN_TURN) * (y - 2.0) + np.cos(_SYLVIAN_TURN) * z
    past = jnp.maximum(jnp.abs(along + 12.0) - 36.0, 0.0)
    stem = length(up - 2.0 * jnp.sin(along / 9.0), jnp.maximum(40.0 - x, 0.0), past)
    bowl = 40.0 - 0.006 * along**2 - 0.008 * up**2
    beyond = length(jnp.maximum(jnp.abs(along) - 20.0, 0.0), jnp.maximum(jnp.abs(up) - 12.0, 0.0))
    insula = length(x - bowl, beyond)
    return smooth_min(stem, insula, 3.0) - half_width


def depth_under_fluid(folds: Folds, place: Place, room: dict) -> Any:
    """Distance from a place of the cerebrum to the nearest fluid outside it, mm; negative in the fluid.

    `room`: `shrink` of the hull, `sulcus` and `fissure` half widths, `sulcal_depth`, all mm.
    """
    mirror = mirrored(place)
    drift = folds.drift(place)
    side = (mirror[0] + 3.0 * drift[0], mirror[1] + 5.0 * drift[1], mirror[2] + 5.0 * drift[2])
    (hull, outwards), fossa = cerebral_hull(mirror), posterior_fossa(mirror)
    above = jnp.maximum(-midline_core(mirror), 0.0)
    middle = length(mirror[0], above)
    one = jnp.ones_like(hull)
    depth = (-hull, (-outwards[0], -outwards[1], -outwards[2]))
    depth = smallest(depth, (mirror[0] + 2.0 * above, (one, 0.0 * one, 0.0 * one)), 7.0)
    depth = smallest(
        depth, (fossa - 1.0, (_TENTORIUM[0] * one, _TENTORIUM[1] * one, _TENTORIUM[2] * one)), 7.0
    )
    norm = length(*depth[1])
    longer = jnp.maximum(norm, 0.6)
    depth = (depth[0], (depth[1][0] / longer, depth[1][1] / longer, depth[1][2] / longer))
    across, relative = _field_sheets(folds, side, depth)
    central, end = _central_sulcus(side)
    alone = 5.0 * jnp.exp(-((central / 8.0) ** 2)) * jnp.exp(-((end / 6.0) ** 2))
    wider = room["sulcus"] * (1.0 + 1.2 * jnp.exp(-jnp.maximum(depth[0], 0.0) / 5.0))
    # Sulci end before the ridge, where the way out to the surface is no longer one.
    ridge = 40.0 * jnp.maximum(0.8 - norm, 0.0)
    deeper = jnp.maximum(depth[0] - room["sulcal_depth"] * relative, 0.0)
    sulci = length(across + alone, deeper + ridge) - wider
    placed = length(central, end, jnp.maximum(depth[0] - 16.0, 0.0)) - wider
    total = smooth_min(smooth_min(sulci, placed, 2.0), _sylvian(side, room["fissure"]), 2.0)
    total = smooth_min(total, middle - room["fissure"], 2.0)
    return smooth_min(total, smooth_min(-hull - room["shrink"], fossa - 1.0 - room["shrink"], 3.0), 3.0)


def paint_cerebrum(canvas: Canvas, folds: Folds, place: Place, edge, room: dict, thickness) -> None:
    """Paints cortex of the given thickness (mm) over white matter; see `depth_under_fluid`."""
    depth = depth_under_fluid(folds, place, room)
    white = coverage(thickness - depth, edge)
    canvas.paint(coverage(-depth, edge), grey_matter=1.0 - white, white_matter=white)
