"""Checks at the public boundary: every refusal says what was given, what is allowed and what to write."""

import difflib
import sys
from collections.abc import Iterable

import numpy as np


class InputError(ValueError):
    """A value that a public function cannot accept; the message names the value, the range and the remedy."""


def suggest(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for an unknown `name`, with the nearest of the `known` ones."""
    options = sorted(known)
    folded = {option.lower(): option for option in options}
    near = difflib.get_close_matches(str(name).lower(), folded, n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(repr(folded[n]) for n in near)}?"
        if near
        else f"known: {', '.join(options)}"
    )
    return InputError(f"unknown {kind} {name!r}; {hint}")


def is_concrete(value: object) -> bool:
    """Whether `value` can be looked at now: False inside jit, grad and vmap, where checks must be skipped."""
    # While nobody has loaded JAX nothing is traced, and reading a recipe need not load it.
    jax = sys.modules.get("jax")
    return jax is None or not isinstance(value, jax.core.Tracer)


def require_finite(name: str, value: object) -> None:
    """Refuses NaN and infinity in concrete arrays; traced ones pass."""
    if not is_concrete(value):
        return
    array = np.asarray(value)
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        first = [int(k) for k in np.argwhere(~np.isfinite(array))[0]]
        place = f", the first at {first}" if first else ""
        raise InputError(
            f"{name} has {bad} NaN or infinite values of {array.size}{place}; every value must be finite: find where they "
            "come from, or write numpy.nan_to_num(values) if 0 is right for them"
        )


def require_number(name: str, value: object) -> None:
    """Refuses text, which NumPy would read as a number."""
    if np.asarray(value).dtype.kind in "US":
        raise InputError(f"{name} is {value!r}; it must be a number: write it without quotes")


def require_shape(name: str, value: object, shape: tuple[int, ...]) -> None:
    """Refuses an array whose shape is not `shape`."""
    given = tuple(np.shape(value))  # type: ignore[arg-type]
    if given != tuple(shape):
        raise InputError(f"{name} has shape {given}; it must have shape {tuple(shape)}")


def require_range(name: str, value: object, low: float, high: float, unit: str = "") -> None:
    """Refuses concrete values outside [low, high]; traced ones pass."""
    if not is_concrete(value):
        return
    if isinstance(value, str | bytes):
        require_number(name, value)
    array = np.asarray(value, dtype=float)
    if array.size and (not np.all(np.isfinite(array)) or array.min() < low or array.max() > high):
        shown = f"{array.min():g}" if array.size == 1 else f"values from {array.min():g} to {array.max():g}"
        raise InputError(
            f"{name} is {shown}; it must lie between {low:g} and {high:g}{' ' + unit if unit else ''}"
        )
