"""What spins of every kind are made from: values that are one for all or one for each."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite

PerSpin = int | float | np.floating | Float[np.ndarray | Array, ""] | Float[np.ndarray | Array, " spin"]


def places_of(position) -> Float[Array, "spin 3"]:
    """Positions in mm."""
    places = jnp.asarray(position, jnp.result_type(float))
    if places.ndim != 2 or places.shape[1] != 3 or not places.shape[0]:
        raise InputError(
            f"position has shape {places.shape}; it must be (spins, 3) with at least one spin: "
            "write numpy.zeros((1, 3)) for one at the centre"
        )
    require_finite("position", places)
    return places


def per_spin(name: str, values, count: int, kind: str = "spin") -> Float[Array, " spin"]:
    """One value for each spin, or whatever else of a `kind`."""
    given = _one_or_each(name, values, count, kind)
    require_finite(name, given)
    return jnp.broadcast_to(given, (count,))


def times(name: str, values, count: int, kind: str = "spin") -> Float[Array, " spin"]:
    """Relaxation times, infinity allowed."""
    if is_concrete(values):
        given = np.asarray(values, float)
        if given.size and not np.all(given > 0):
            first = int(np.argmin(given > 0)) if given.ndim else 0
            raise InputError(
                f"{name} of {kind} {first} is {given.reshape(-1)[first]:g} s; relaxation times must be above 0 s: "
                "leave out what has no signal, or write numpy.inf for no relaxation"
            )
    return jnp.broadcast_to(_one_or_each(name, values, count, kind), (count,))


def _one_or_each(name: str, values, count: int, kind: str) -> Array:
    given = jnp.asarray(values, jnp.result_type(float))
    if given.shape not in ((), (count,)):
        raise InputError(
            f"{name} has shape {given.shape}; it must be one number, or one for each of {count} {kind}s"
        )
    return given


def refuse_slow_t2(t1, t2, of_pool: str = "", kind: str = "spin") -> None:
    """T2 is at most 2 T1."""
    if not (is_concrete(t1) and is_concrete(t2)):
        return
    bad = np.asarray(t2) > 2 * np.asarray(t1) * (1 + 1e-6)
    if np.any(bad):
        first = int(np.argmax(bad))
        raise InputError(
            f"t2{of_pool} of {kind} {first} is {float(t2[first]):g} s and its t1 {float(t1[first]):g} s; T2 cannot exceed 2 T1 "
            f"({int(bad.sum())} such {kind}s): leave them out (keep = t2 <= 2 * t1), or check that the two are not exchanged"
        )


def refuse_outside(name: str, values, high: float, unit: str, instead: str) -> None:
    """Refuses concrete values below 0 or above `high`, and says of which spin."""
    if not is_concrete(values):
        return
    given = np.asarray(values, float)
    good = (given >= 0) & (given <= high * (1 + 1e-6))
    if not np.all(good):
        first = int(np.argmin(good)) if given.ndim else 0
        raise InputError(
            f"{name} of spin {first} is {given.reshape(-1)[first]:g}{unit}; it must lie between 0 and {high:g}{unit}: "
            f"{instead}"
        )
