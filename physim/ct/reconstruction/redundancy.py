"""How much every ray counts: shares of uneven views, short scans, detectors that stand to one side."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..geometry import ConeBeam, Rays, rays, view_angles


class Fan(NamedTuple):
    """In-plane rays of every view and column: fan angle, length of the source's way across them per rad of turn, mm.

    `angle` is against the line from the focal spot to the axis.
    """

    angle: Float[Array, "view column"]
    sweep: Float[Array, "view column"]


@jax.jit
def half_turn_shares(angles: Float[Array, " view"]) -> Float[Array, " view"]:
    """The share of half a turn that each parallel view stands for, rad: half the gaps to its neighbours modulo π."""
    order, folded = _sorted(angles, jnp.pi)
    gaps = jnp.diff(folded, append=folded[:1] + jnp.pi)
    return (0.5 * (gaps + jnp.roll(gaps, 1)))[jnp.argsort(order)]


def widest_gap(angles: np.ndarray, turn: float = np.pi) -> float:
    """The widest range of directions, rad, within `turn` that no view sees."""
    folded = np.sort(np.mod(angles, turn))
    return float(np.max(np.diff(folded, append=folded[0] + turn)))


@jax.jit
def orbit_axis(geometry: ConeBeam) -> Float[Array, "2"]:
    """x and y of the axis that the focal spot turns about, mm: the circle next to all focal spots.

    Least squares that are linear in the circle's equation: Kåsa, IEEE Trans. Instrum. Meas. 25 (1976) 8.
    """
    places = jnp.asarray(geometry.source)[:, :2]
    middle = jnp.mean(places, axis=0)
    # The axis lies ahead of the source by about the radius of the orbit; in its units all numbers are about 1.
    size = jnp.sqrt(jnp.mean(jnp.sum((places - middle) ** 2, -1)))
    x, y = ((places - middle) / size).T
    matrix = jnp.stack([2 * x, 2 * y, jnp.ones_like(x)], -1)
    found = jnp.linalg.solve(matrix.T @ matrix, matrix.T @ (x**2 + y**2))
    return middle + size * found[:2]


@jax.jit
def fan(geometry: ConeBeam) -> Fan:
    """Angles of the in-plane rays and what a small turn of the gantry sweeps across them."""
    r: Rays = rays(geometry)
    ahead = (r.columns - r.source[:, None])[..., :2]
    ahead = ahead / jnp.linalg.norm(ahead, axis=-1, keepdims=True)
    inwards = orbit_axis(geometry) - r.source[:, :2]
    along = jnp.sum(ahead * inwards[:, None], -1)
    across = inwards[:, None, 0] * ahead[..., 1] - inwards[:, None, 1] * ahead[..., 0]
    # Positive towards the direction in which the columns' angle θ falls: n turned by −γ.
    return Fan(jnp.arctan2(-across, along), along)


@jax.jit
def cone_cosines(geometry: ConeBeam) -> Float[Array, "view row column"]:
    """Cosine of every ray's angle against the plane across the axis."""
    ahead = rays(geometry).directions()
    return jnp.linalg.norm(ahead[..., :2], axis=-1) / jnp.linalg.norm(ahead, axis=-1)


class Scan(NamedTuple):
    """Views of a circular scan by angle: place from the start of the scan, share of the turn, length of the scan, rad."""

    place: Float[Array, " view"]
    share: Float[Array, " view"]
    length: Float[Array, ""]
    closed: Float[Array, ""]


@jax.jit
def circular_scan(geometry: ConeBeam) -> Scan:
    """Where views stand on the circle; more than a turn folds onto it. Open if one gap is over three others long."""
    order, folded = _sorted(view_angles(geometry), 2 * jnp.pi)
    gaps = jnp.diff(folded, append=folded[:1] + 2 * jnp.pi)
    widest = jnp.argmax(gaps)
    step = (2 * jnp.pi - gaps[widest]) / max(len(gaps) - 1, 1)
    closed = gaps[widest] <= 3 * step
    gaps = jnp.where(closed | (jnp.arange(len(gaps)) != widest), gaps, step)
    back = jnp.argsort(order)
    share = (0.5 * (gaps + jnp.roll(gaps, 1)))[back]
    first = jnp.roll(folded, -1)[widest]
    place = jnp.mod(folded - first, 2 * jnp.pi)[back] + step / 2
    return Scan(place, share, jnp.sum(gaps), closed)


@jax.jit
def ray_weights(scan: Scan, angle: Float[Array, "view column"]) -> Float[Array, "view column"]:
    """Weights that sum to one over the two times a ray is measured: halves in a full turn, less than that smoothly.

    Less than a turn: Parker, Med. Phys. 9 (1982) 254, with what is scanned beyond π + fan angle used too, Silver, Med.
    Phys. 27 (2000) 773. A full turn with the detector to one side: smooth weights in the band that is seen twice, after
    Wang, Med. Phys. 29 (2002) 1634.
    """
    g, beta, half = -angle, scan.place[:, None], (scan.length - jnp.pi) / 2
    tiny = 1e-6
    rise = jnp.clip(beta / (2 * jnp.maximum(half - g, tiny)), 0, 1)
    fall = jnp.clip((jnp.pi + 2 * half - beta) / (2 * jnp.maximum(half + g, tiny)), 0, 1)
    short = jnp.sin(jnp.pi / 2 * rise) ** 2 * jnp.sin(jnp.pi / 2 * fall) ** 2
    left, right = -jnp.min(angle), jnp.max(angle)
    twice, once = jnp.minimum(left, right), jnp.maximum(left, right)
    towards = jnp.where(right >= left, 1.0, -1.0)
    beside = 0.5 * (1 + jnp.sin(jnp.pi / 2 * jnp.clip(towards * angle / jnp.maximum(twice, tiny), -1, 1)))
    full = jnp.where(twice < 0.8 * once, beside, 0.5)
    return jnp.where(scan.closed, full, short)


def _sorted(angles, turn):
    """The order of angles folded into a turn, and they in it."""
    folded = jnp.mod(jnp.asarray(angles), turn)
    order = jnp.argsort(folded)
    return order, folded[order]
