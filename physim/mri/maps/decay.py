"""T2 and T2* from echoes: the exponential decay of a magnitude, down into the noise floor."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e, i1e
from jaxtyping import Array, Bool, Float

from physim_phantoms._checks import require_range

from .checks import inside, require_not_negative, require_signals, require_times
from .least_squares import fit

STEPS = 12
SLOWEST, FASTEST = 1e-3, 1e5  # 1/s, rates to which a first guess is held


class Decay(eqx.Module):
    """A decay A exp(−t / T).

    - `amplitude`: A at t = 0, in the unit of the signals. - `time`: T2 or T2*, s. Both are 0 outside the mask.
    """

    amplitude: Float[Array, "*voxels"]
    time: Float[Array, "*voxels"]


def decay(
    magnitudes: Float[Array | np.ndarray, "echo *voxels"],
    echo_times: Float[Array | np.ndarray, " echo"],
    noise: float | Float[Array | np.ndarray, ""] = 0.0,
    mask: Bool[Array | np.ndarray, "*voxels"] | None = None,
) -> Decay:
    """T2 from spin echoes, T2* from gradient echoes.

    Least squares of the magnitudes against the mean of a Rice distribution about A exp(−TE/T): at high signal that is the
    decay itself, at low signal the floor √(π/2) σ on which magnitudes lie. Source of the mean: Gudbjartsson and Patz, Magn.
    Reson. Med. 34 (1995) 910; the first guess is a logarithmic fit weighted by the squared signal.

    - `echo_times`: s. - `noise`: σ, standard deviation of real and imaginary part of one image; 0 ignores the floor.
    - `mask`: where to fit; everywhere unless given.

    Raises `ValueError` for NaN, negative magnitudes, fewer than two echo times and shapes that do not fit.
    Good values: 4 to 16 echoes up to 1.5 times the T2 of interest; σ from an empty corner, its mean times √(2/π).
    """
    require_signals(magnitudes, "echo_times", echo_times, 2)
    require_times("echo_times", echo_times)
    require_not_negative(magnitudes)
    require_range("noise", noise, 0.0, np.inf)
    return _decay(
        jnp.asarray(magnitudes), jnp.asarray(echo_times), jnp.asarray(noise), inside(mask, magnitudes)
    )


@jax.jit
def _decay(magnitudes, times, noise, mask) -> Decay:
    times, noise = (jnp.asarray(value, magnitudes.dtype) for value in (times, noise))
    scale = jnp.maximum(jnp.max(magnitudes), jnp.finfo(magnitudes.dtype).tiny)
    signals = magnitudes.reshape(len(times), -1) / scale
    log_amplitude, rate = exponential_start(signals, times)
    rate = jnp.clip(rate, SLOWEST, FASTEST)
    start = jnp.stack([jnp.exp(log_amplitude), jnp.log(rate)])
    model = partial(_mean_magnitude, times, noise / scale)
    amplitude, log_rate = fit(model, start, signals, STEPS)
    shape = magnitudes.shape[1:]
    seen = mask & jnp.any(magnitudes > 0, axis=0)
    return Decay(
        jnp.where(seen, (amplitude * scale).reshape(shape), 0),
        jnp.where(seen, jnp.exp(-log_rate).reshape(shape), 0),
    )


def exponential_start(signals, values):
    """ln A and rate of A exp(−rate · value), by least squares of the logarithm weighted by the squared signal."""
    positive = signals > 0
    log = jnp.log(jnp.where(positive, signals, 1))
    weight = jnp.where(positive, signals, 0) ** 2
    total = jnp.maximum(jnp.sum(weight, axis=0), jnp.finfo(signals.dtype).tiny)
    x = values[:, None]
    mean_x, mean_y = (jnp.sum(weight * v, axis=0) / total for v in (x, log))
    spread = jnp.sum(weight * (x - mean_x) ** 2, axis=0) / total
    slope = jnp.sum(weight * (x - mean_x) * (log - mean_y), axis=0) / total
    slope = slope / jnp.where(spread > 0, spread, 1)
    return mean_y - slope * mean_x, -slope


def _mean_magnitude(times, noise, parameters):
    """Mean of the magnitude of A exp(−R t) plus complex noise of standard deviation σ."""
    amplitude, log_rate = parameters
    signal = amplitude * jnp.exp(-times * jnp.exp(log_rate))
    sigma = jnp.where(noise > 0, noise, 1)
    # Beyond 30 σ the mean is S + σ²/2S to rounding, and the Bessel functions' derivatives would lose digits.
    near = jnp.clip(signal / sigma, -30, 30)
    half = near**2 / 4
    floor = jnp.sqrt(jnp.pi / 2) * sigma * ((1 + 2 * half) * i0e(half) + 2 * half * i1e(half))
    far = signal + noise**2 / (2 * jnp.where(signal > 0, signal, 1))
    return jnp.where((noise > 0) & (jnp.abs(signal) < 30 * sigma), floor, far)
