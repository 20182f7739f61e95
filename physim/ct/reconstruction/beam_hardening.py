"""Beam hardening: from log signals to millimetres of water, of bone, and to line integrals that do not harden."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Tissue

from ..geometry import Geometry
from ..source import Protocol
from .polychromatic import Beams, attenuations, beams, each_view, hardened_attenuations

Sinogram = Float[Array, "view row column"]

_THICKEST = 700.0  # mm of water that the correction is fitted up to
_TERMS = 8
_STEPS = 3
# A head's or half a body's worth of water: what most bone is seen behind, mm.
_BEHIND = 150.0


def water_thickness(
    log: Float[Array | np.ndarray, "view row column"], protocol: Protocol, geometry: Geometry
) -> Sinogram:
    """The thickness of water, mm, whose log signal under this protocol is `log`; the channels of a detector are summed.

    From the protocol's own spectra: a polynomial for each, thickness / log in Chebyshev polynomials of log, least squares
    over 0 to 700 mm; Herman, Phys. Med. Biol. 24 (1979) 81 corrects beam hardening so. Where a bow-tie or the heel
    effect gives every pixel its own spectrum, three steps of Newton's method on the spectrum of each follow.
    """
    return thickness_of_water(jnp.asarray(log), beams(protocol, geometry).summed())


def thickness_of_water(log: Sinogram, scan: Beams) -> Sinogram:
    """`water_thickness` for beams of one channel."""
    start = _polynomial(log, scan)
    if scan.uniform:
        return start
    return _remaining(log, scan, (TISSUES["water"],), start[None])


def _remaining(
    log: Sinogram, scan: Beams, tissues: Sequence[Tissue], paths: Float[Array, "k view row column"]
) -> Sinogram:
    """The path of the first tissue that with the paths of the others gives `log`, by Newton's method from `paths[0]`.

    The log signal is concave in every path, so the steps cannot run away.
    """
    functions = attenuations(tissues)

    def solve(views, log, paths):
        @jax.checkpoint
        def step(first, _):
            made, slopes = views[0].logs(functions, jnp.concatenate([first[None], paths[1:]]))
            return first - (made[0] - log) / slopes[0, 0], None

        return jax.lax.scan(step, paths[0], None, length=_STEPS)[0]

    return each_view([scan], solve, log, jnp.moveaxis(paths, 0, 1))


def bone_corrected(
    log: Sinogram, scan: Beams, bone: Tissue, length: Sinogram
) -> tuple[Sinogram, Float[Array, ""]]:
    """Line integrals in mm of water, of water and `length` mm of bone, as photons of one energy see them; and what a mm of
    bone is worth, mm of water.

    The water is what explains the log signal along with the bone; the bone then counts as much as behind 150 mm of water.
    """
    water = TISSUES["water"]
    worth = bone_worth(scan, bone)
    start = thickness_of_water(log, scan) - worth * length
    rest = _remaining(log, scan, (water, bone), jnp.stack([start, length]))
    return rest + worth * length, worth


def bone_worth(scan: Beams, bone: Tissue) -> Float[Array, ""]:
    """Millimetres of water that a thin millimetre of bone behind 150 mm of water counts as."""
    water = TISSUES["water"]
    thin = hardened_attenuations(scan, (water, bone), attenuations((water,))[0], _BEHIND)
    return thin[0, 1] / thin[0, 0]


def _polynomial(log: Sinogram, scan: Beams) -> Sinogram:
    top, coefficients = jax.vmap(_water_polynomial)(scan.weights[:, 0])
    top, coefficients = (a.astype(log.dtype) for a in (top, coefficients))
    scaled = 2 * log / top[:, None, None] - 1
    # Clenshaw's recurrence.
    ahead, further = jnp.zeros_like(log), jnp.zeros_like(log)
    for coefficient in coefficients.T[:0:-1]:
        ahead, further = coefficient[:, None, None] + 2 * scaled * ahead - further, ahead
    return log * (coefficients[:, :1, None] + scaled * ahead - further)


def _water_polynomial(weights: Float[Array, " energy"]):
    """The log signal behind the thickest water, and the Chebyshev coefficients of thickness over log."""
    thickness = _THICKEST * jnp.linspace(0.0, 1.0, 257)[1:] ** 1.5
    water = attenuations((TISSUES["water"],))[0]
    log = -jnp.log(jnp.exp(-thickness[:, None] * water) @ (weights / jnp.sum(weights)))
    scaled = 2 * log / log[-1] - 1
    columns = [jnp.ones_like(scaled), scaled]
    for _ in range(_TERMS - 2):
        columns.append(2 * scaled * columns[-1] - columns[-2])
    matrix = jnp.stack(columns, axis=1)
    return log[-1], jnp.linalg.solve(matrix.T @ matrix, matrix.T @ (thickness / log))
