"""Numbers of a geometry: checked where they can be looked at, passed on where they are traced."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_number

Number = float | int | Float[Array | np.ndarray, ""]
Numbers = Sequence[Number] | Float[Array | np.ndarray, " n"]


def number(name: str, value) -> Array | np.ndarray:
    """A number or array of numbers in float64, or the tracer it is."""
    if not is_concrete(value):
        return value
    require_number(name, value)
    require_finite(name, value)
    return np.asarray(value, np.float64)


def numbers(name: str, values, count: int) -> Array | np.ndarray:
    """`count` finite numbers as one array; some of them may be traced."""
    # Not numpy.ndim: it would look into a tuple of tracers.
    if not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
        raise InputError(
            f"{name} is {values!r}; it must be {count} numbers: write {name}=({', '.join([str(values)] * count)})"
        )
    if len(values) != count:
        raise InputError(f"{name} is {values!r}; it must be {count} numbers")
    if is_concrete(values) and all(is_concrete(v) for v in values):
        return number(name, values)
    return values if not is_concrete(values) else jnp.stack([jnp.asarray(v, float) for v in values])


def positive(name: str, value, unit: str = "mm", like: str = "") -> Array | np.ndarray:
    """A number above zero as float64, or the tracer it is."""
    made = number(name, value)
    if is_concrete(made) and not np.all(np.asarray(made) > 0):
        hint = f"; write {like}" if like else ""
        raise InputError(f"{name} is {np.asarray(made).min():g} {unit}; it must be above 0{hint}")
    return made


def arc_of(value, n_views: int) -> Array | np.ndarray:
    """The angle that `n_views` views are spread over, rad, or the tracer it is; more than two turns are degrees."""
    made = number("arc", value)
    if not is_concrete(made):
        return made
    if abs(float(made)) > 4 * np.pi:
        raise InputError(
            f"arc is {float(made):g} rad; it must lie within two turns, 4π: for degrees write arc=math.radians({float(made):g})"
        )
    if n_views > 1 and float(made) == 0:
        raise InputError(
            f"arc is 0, so all {n_views} views are the same one; write arc=2 * math.pi for a turn"
        )
    return made


def whole(name: str, value, like: str) -> int:
    """A whole number of at least 1."""
    if int(value) != value or value < 1:
        raise InputError(f"{name} is {value}; it must be a whole number of at least 1, like {like}")
    return int(value)


def pixels(detector_shape: Sequence[int]) -> tuple[int, int]:
    """(rows, columns), both at least 1."""
    shape = tuple(int(n) for n in detector_shape)
    if len(shape) != 2 or any(n < 1 for n in shape):
        raise InputError(f"detector_shape is {tuple(detector_shape)}; write (rows, columns), like (120, 256)")
    return shape[0], shape[1]
