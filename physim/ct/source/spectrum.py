"""Spectra of tungsten anodes: a table from SpekPy, smooth in the tube's voltage and anode angle."""

from functools import lru_cache
from importlib.resources import files

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Middles of the bins of 1 keV that every spectrum is kept in.
ENERGIES = np.arange(10, 150) + 0.5
LOWEST_KVP, HIGHEST_KVP = 40.0, 150.0  # kV
LOWEST_ANGLE, HIGHEST_ANGLE = np.deg2rad(4.0), np.deg2rad(31.0)  # rad


def tungsten_fluence(
    kvp: float | Float[Array | np.ndarray, "*view"], anode_angle: float | Float[Array | np.ndarray, ""]
) -> Float[Array, "*view energy"]:
    """Photons per mm², mAs and bin of `ENERGIES`, 1 m from the focal spot, unfiltered, of a tungsten anode.

    - `kvp`: tube voltage, 40 to 150 kV, one or one per view. - `anode_angle`: between the anode's surface and the ray,
      rad, 4° to 31°.

    A table made with SpekPy 2.5.4 (G. Poludniowski et al., Med. Phys. 48 (2021) 3630). Over the voltage a quadratic B-spline with
    a knot at every kilovolt: positive, with a continuous derivative; over the angle a polynomial in its logarithm through
    Chebyshev nodes, within 1e-4. Differentiable in both.
    """
    voltages, table = _tungsten()
    weights = _quadratic_spline(jnp.asarray(kvp, float)[..., None] - jnp.asarray(voltages, float))
    across = jnp.einsum("a,kae->ke", _chebyshev(anode_angle, table.shape[1]), jnp.asarray(table, float))
    return weights @ across


@lru_cache(maxsize=1)
def _tungsten() -> tuple[np.ndarray, np.ndarray]:
    """Voltages, kV, and for each the Chebyshev coefficients over the angle of photons per mm², mAs and bin at 1 m."""
    with (files("physim.ct.source") / "tables" / "tungsten.npz").open("rb") as file, np.load(file) as table:
        nodes = _scaled(np.deg2rad(table["anode_angles"].astype(float)))
        matrix = np.polynomial.chebyshev.chebvander(nodes, nodes.size - 1)
        fluence = table["fluence"].astype(float) / 100
        return table["voltages"].astype(float), np.einsum("ca,kae->kce", np.linalg.inv(matrix), fluence)


def _scaled(angle):
    """Log angle from −1 to 1 over the table."""
    low, high = np.log(LOWEST_ANGLE), np.log(HIGHEST_ANGLE)
    log = np.log(angle) if isinstance(angle, np.ndarray) else jnp.log(angle)
    return 2 * (log - low) / (high - low) - 1


def _chebyshev(angle, count: int) -> Float[Array, " count"]:
    """The first `count` Chebyshev polynomials of the scaled log angle."""
    x = _scaled(jnp.asarray(angle, float))
    values = [jnp.ones_like(x), x]
    while len(values) < count:
        values.append(2 * x * values[-1] - values[-2])
    return jnp.stack(values[:count])


def _quadratic_spline(t):
    """The quadratic B-spline: positive, smooth, sums to one over whole numbers."""
    t = jnp.abs(t)
    return jnp.where(t < 0.5, 0.75 - t**2, 0.5 * jnp.maximum(1.5 - t, 0) ** 2)
