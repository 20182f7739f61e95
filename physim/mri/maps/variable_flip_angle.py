"""T1 from spoiled gradient echoes at several flip angles."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim_phantoms._checks import require_range, require_shape

from .checks import inside, require_signals
from .least_squares import fit

STEPS = 10


class LongitudinalMap(eqx.Module):
    """T1, s, and the equilibrium signal (proton density times receive field times T2* decay); 0 outside the mask."""

    t1: Float[Array, "*voxels"]
    equilibrium: Float[Array, "*voxels"]


def variable_flip_angle(
    signals: Float[Array | np.ndarray, "angle *voxels"],
    flip_angles: Float[Array | np.ndarray, " angle"],
    tr: float | Float[Array | np.ndarray, ""],
    b1: Float[Array | np.ndarray, "*voxels"] | None = None,
    mask: Bool[Array | np.ndarray, "*voxels"] | None = None,
) -> LongitudinalMap:
    """T1 by DESPOT1: S / sin α = E1 S / tan α + M0 (1 − E1), refined by least squares of the signal itself.

    Source: Deoni, Rutt and Peters, Magn. Reson. Med. 49 (2003) 515; the linear form alone is biased by noise (Chang et al.,
    Magn. Reson. Med. 60 (2008) 496).

    - `flip_angles`: nominal, rad. - `tr`: s. - `b1`: actual over nominal flip angle; 1 unless given.

    Raises `ValueError` for NaN, fewer than two angles and shapes that do not fit.
    Good values: 3° and 17° (0.05, 0.30 rad) at TR 15 ms for T1 about 1 s; a map of b1 at 3 T.
    """
    require_signals(signals, "flip_angles", flip_angles, 2)
    require_range("flip_angles", flip_angles, 1e-6, math.pi, "rad")
    require_range("tr", tr, 1e-6, 100.0, "s")
    signals = jnp.asarray(signals)
    if b1 is not None:
        require_shape("b1", b1, signals.shape[1:])
        require_range("b1", b1, 0.0, 10.0)
    b1 = jnp.ones(signals.shape[1:], signals.dtype) if b1 is None else jnp.asarray(b1, signals.dtype)
    return _longitudinal(signals, jnp.asarray(flip_angles), jnp.asarray(tr), b1, inside(mask, signals))


@jax.jit
def _longitudinal(signals, angles, tr, b1, mask) -> LongitudinalMap:
    tr = jnp.asarray(tr, signals.dtype)
    scale = jnp.maximum(jnp.max(jnp.abs(signals)), jnp.finfo(signals.dtype).tiny)
    flat = signals.reshape(len(angles), -1) / scale
    # Angles of 0 make no signal; where b1 is 0 nothing is known, and the voxel is left out below.
    own = jnp.asarray(angles, signals.dtype)[:, None] * jnp.where(b1.ravel() > 0, b1.ravel(), 1)
    y, x = flat / jnp.sin(own), flat / jnp.tan(own)
    x_mean, y_mean = jnp.mean(x, axis=0), jnp.mean(y, axis=0)
    spread = jnp.sum((x - x_mean) ** 2, axis=0)
    e1 = jnp.sum((x - x_mean) * (y - y_mean), axis=0) / jnp.where(spread > 0, spread, 1)
    e1 = jnp.clip(e1, jnp.exp(-tr / 0.01), jnp.exp(-tr / 30.0))
    start = jnp.stack([jnp.log(-tr / jnp.log(e1)), (y_mean - e1 * x_mean) / (1 - e1)])

    def model(parameters, angle):
        rise = -jnp.expm1(-tr * jnp.exp(-parameters[0]))
        cosine = jnp.cos(angle)
        return parameters[1] * jnp.sin(angle) * rise / (1 - cosine + cosine * rise)

    log_t1, equilibrium = fit(model, start, flat, STEPS, (own,))
    seen = mask & (b1 > 0) & jnp.any(signals != 0, axis=0)
    shaped = lambda value: jnp.where(seen, value.reshape(mask.shape), 0)
    return LongitudinalMap(shaped(jnp.exp(log_t1)), shaped(equilibrium * scale))
