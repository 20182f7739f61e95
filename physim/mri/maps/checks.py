"""What parameter maps refuse: signals and settings that do not fit together, NaN, too few measurements."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

LONGEST = 1e4  # s, no time of a protocol is longer


def require_signals(signals: object, name: str, values: object, least: int) -> None:
    """Refuses signals whose first axis is not `values`, fewer than `least` different values, and NaN."""
    shape, count = np.shape(signals), np.shape(values)  # type: ignore[arg-type]
    if len(count) != 1 or len(shape) < 1 or shape[0] != count[0]:
        raise InputError(
            f"signals have shape {shape} for {name} of shape {count}; the first axis of signals must be one measurement per "
            f"value: write jnp.stack(images)"
        )
    require_finite("signals", signals)
    require_finite(name, values)
    if is_concrete(values) and len(np.unique(np.asarray(values))) < least:
        raise InputError(
            f"{name} has {len(np.unique(np.asarray(values)))} different values; the model needs at least {least}: measure more"
        )


def require_times(name: str, values: object) -> None:
    """Refuses negative times and those that must be in ms."""
    require_range(name, values, 0.0, LONGEST, "s")


def require_not_negative(signals: object) -> None:
    """Refuses signed or complex images where magnitudes are wanted."""
    if is_concrete(signals) and np.min(np.asarray(signals)) < 0:
        raise InputError(
            "signals are negative in places; this model is one of magnitudes: write jnp.abs(images)"
        )


def inside(mask: object, signals: object):
    """The mask as an array, everywhere unless given; refuses one of another shape than the voxels."""
    voxels = np.shape(signals)[1:]  # type: ignore[arg-type]
    if mask is None:
        return jnp.ones(voxels, bool)
    require_shape("mask", mask, voxels)
    return jnp.asarray(mask)
