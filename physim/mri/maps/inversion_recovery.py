"""T1 from inversion recovery, with three parameters, from signed images or from magnitudes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim_phantoms._checks import InputError

from .checks import inside, require_not_negative, require_signals, require_times
from .least_squares import fit

STEPS = 12
T1_GUESSES = np.geomspace(0.02, 10.0, 64)  # s


class Recovery(eqx.Module):
    """A recovery a + b exp(−TI / T1); zeros outside the mask.

    - `t1`: s. - `offset`, `swing`: a and b, in the unit of the signals; b / a = −2 for a perfect inversion and long TR.
    """

    t1: Float[Array, "*voxels"]
    offset: Float[Array, "*voxels"]
    swing: Float[Array, "*voxels"]


@runtime_checkable
class Polarity(Protocol):
    """What is known of the signals' sign."""

    def candidates(self, signals: Float[Array, "inversion voxel"]) -> Float[Array, "choice inversion voxel"]:
        """Signed signals, of which the one that fits the recovery best is taken; TI ascending."""
        ...


class Signed(eqx.Module):
    """Real images with their sign, as of `mri.reconstruction.phase_sensitive`."""

    def candidates(self, signals: Float[Array, "inversion voxel"]) -> Float[Array, "choice inversion voxel"]:
        """The signals."""
        return signals[None]


class Magnitudes(eqx.Module):
    """Magnitudes: the first 0, 1, 2 ... inversion times are tried as negative, and the best fit is kept.

    Source: Nekolla et al., J. Comput. Assist. Tomogr. 16 (1992) 327.
    """

    def candidates(self, signals: Float[Array, "inversion voxel"]) -> Float[Array, "choice inversion voxel"]:
        """One choice for each place at which the signal may change its sign."""
        require_not_negative(signals)
        count = len(signals)
        signs = jnp.asarray(1 - 2 * np.tri(count + 1, count, -1), signals.dtype)
        return signs[:, :, None] * signals


def inversion_recovery(
    signals: Float[Array | np.ndarray, "inversion *voxels"],
    inversion_times: Float[Array | np.ndarray, " inversion"],
    polarity: Polarity = Magnitudes(),
    mask: Bool[Array | np.ndarray, "*voxels"] | None = None,
) -> Recovery:
    """T1 from images at several inversion times, free of the inversion's efficiency.

        S = a + b exp(−TI / T1)

    a and b follow linearly from T1: a first T1 is searched on a grid, then all three are fitted by least squares. Source:
    Barral et al., Magn. Reson. Med. 64 (2010) 1057.

    - `inversion_times`: s, any order. - `polarity`: `Magnitudes()` or `Signed()`.

    Raises `ValueError` for NaN, fewer than three times (four for magnitudes), negative magnitudes, shapes that do not fit.
    Good values: 0.05, 0.4, 1.1 and 2.5 s for brain.
    """
    if isinstance(polarity, type) or not isinstance(polarity, Polarity):
        raise InputError(f"polarity is {polarity!r}; write mri.maps.Magnitudes() or mri.maps.Signed()")
    require_signals(signals, "inversion_times", inversion_times, 4 if isinstance(polarity, Magnitudes) else 3)
    require_times("inversion_times", inversion_times)
    signals = jnp.asarray(signals)
    choices = polarity.candidates(_sorted(signals, inversion_times))
    return _recovery(choices, jnp.sort(jnp.asarray(inversion_times, signals.dtype)), inside(mask, signals))


def _sorted(signals, times):
    return signals.reshape(len(times), -1)[jnp.argsort(jnp.asarray(times))]


@jax.jit
def _recovery(choices, times, mask) -> Recovery:
    scale = jnp.maximum(jnp.max(jnp.abs(choices)), jnp.finfo(choices.dtype).tiny)
    choices = choices / scale
    guesses = jnp.asarray(T1_GUESSES, times.dtype)

    centred = choices - jnp.mean(choices, axis=1, keepdims=True)

    def of_guess(t1):
        """Residual of every choice, the best of which counts; written without vmap, whose axis of one crashes XLA here."""
        curve = jnp.exp(-times / t1) - jnp.mean(jnp.exp(-times / t1))
        swing = jnp.einsum("i,civ->cv", curve, centred) / jnp.sum(curve**2)
        left = jnp.sum((centred - swing[:, None] * curve[:, None]) ** 2, axis=1)
        return jnp.min(left, axis=0), jnp.argmin(left, axis=0)

    left, choice = jax.lax.map(of_guess, guesses)
    best = jnp.argmin(left, axis=0)
    chosen = jnp.take_along_axis(choice, best[None], axis=0)
    signals = jnp.take_along_axis(choices, chosen[None], axis=0)[0]
    t1 = guesses[best]
    offset, swing = _linear(signals, times, t1)
    start = jnp.stack([jnp.log(t1), offset, swing])
    log_t1, offset, swing = fit(
        lambda p: p[1] + p[2] * jnp.exp(-times * jnp.exp(-p[0])), start, signals, STEPS
    )
    if len(choices) > 1:
        # Magnitudes before any null look the same the other way up: after an inversion signals rise.
        upward = jnp.where(swing > 0, -scale, scale)
    else:
        upward = scale
    seen = mask & jnp.any(signals != 0, axis=0).reshape(mask.shape)
    shaped = lambda value: jnp.where(seen, value.reshape(mask.shape), 0)
    return Recovery(shaped(jnp.exp(log_t1)), shaped(offset * upward), shaped(swing * upward))


def _linear(signals, times, t1):
    """a and b of the best a + b exp(−TI / T1), for the T1 of each voxel."""
    curve = jnp.exp(-times[:, None] / t1)
    middle = jnp.mean(curve, axis=0)
    mean = jnp.mean(signals, axis=0)
    swing = jnp.sum((curve - middle) * signals, axis=0) / jnp.sum((curve - middle) ** 2, axis=0)
    return mean - swing * middle, swing
