"""Relaxation times between the field strengths at which they are tabulated."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

FIELDS = (1.5, 3.0, 7.0)  # T
LOWEST_FIELD, HIGHEST_FIELD = 0.01, 20.0  # T
# Relaxivities of gadobutrol at these fields, l/(mmol s): see Tissue.with_gadolinium.
R1, R2 = np.array([4.78, 4.97, 3.83]), np.array([6.1, 7.1, 7.1])

Times = Float[Array | np.ndarray, "3"]


@jax.jit
def t1_at(t1: Times, field) -> Float[Array, ""]:
    """T1 at a field (T): monotone cubic in log T1 over log field, continued as a power law beyond 1.5 and 7 T.

    Power laws in the field describe tissue T1 from 0.01 T up: P. A. Bottomley et al., Med. Phys. 11 (1984) 425.
    """
    return jnp.exp(_monotone_cubic(jnp.log(jnp.asarray(t1)), field, continued=True))


@jax.jit
def t2_at(t2: Times, t1: Times, field) -> Float[Array, ""]:
    """T2 at a field (T): monotone cubic in log T2 over log field, held beyond 1.5 and 7 T, never above T1."""
    return jnp.minimum(
        jnp.exp(_monotone_cubic(jnp.log(jnp.asarray(t2)), field, continued=False)), t1_at(t1, field)
    )


@jax.jit
def t2_star_at(t2_star: Times, t2: Times, t1: Times, field) -> Float[Array, ""]:
    """T2* at a field (T): 1/T2* = 1/T2 + R2', where R2' over the field is interpolated and held beyond 1.5 and 7 T.

    R2' comes from susceptibility and so grows in proportion to the field; interpolating it instead of T2* keeps
    T2* at or below T2 everywhere. D. A. Yablonskiy and E. M. Haacke, Magn. Reson. Med. 32 (1994) 749.
    """
    static = 1 / jnp.asarray(t2_star) - 1 / jnp.asarray(t2)
    per_tesla = _monotone_cubic(static / np.array(FIELDS, static.dtype), field, continued=False)
    return 1 / (1 / t2_at(t2, t1, field) + per_tesla * jnp.asarray(field, static.dtype))


def _monotone_cubic(values: Float[Array, "3"], field, *, continued: bool) -> Float[Array, ""]:
    """Through three values over log field, once differentiable and without overshoot; a straight line beyond, or level.

    F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300: harmonic mean of the neighbouring slopes.
    """
    knots = np.log(np.array(FIELDS)).astype(values.dtype)
    width = np.diff(knots)
    x = jnp.log(jnp.asarray(field, values.dtype))
    secant = (values[1:] - values[:-1]) / width
    product = secant[0] * secant[1]
    weights = np.array([(width[0] + 2 * width[1]), (2 * width[0] + width[1])]) / (3 * width.sum())
    mean = weights[0] * secant[1] + weights[1] * secant[0]
    middle = jnp.where(product > 0, product / jnp.where(product > 0, mean, 1), 0)
    tangents = (
        jnp.stack([secant[0], middle, secant[1]])
        if continued
        else jnp.stack([0 * middle, middle, 0 * middle])
    )
    upper = x >= knots[1]
    low, run = jnp.where(upper, knots[1], knots[0]), jnp.where(upper, width[1], width[0])
    u = jnp.clip((x - low) / run, 0, 1)
    start, stop = jnp.where(upper, values[1:], values[:-1])
    start_tangent, stop_tangent = jnp.where(upper, tangents[1:], tangents[:-1])
    inside = (
        (1 + 2 * u) * (1 - u) ** 2 * start
        + u**2 * (3 - 2 * u) * stop
        + run * u * (1 - u) * ((1 - u) * start_tangent - u * stop_tangent)
    )
    below, above = jnp.minimum(x - knots[0], 0), jnp.maximum(x - knots[2], 0)
    return inside + tangents[0] * below + tangents[2] * above
