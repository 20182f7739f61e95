"""A patient's attenuation at all energies from a few maps: materials are projected, not energies."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Tissue
from physim_phantoms._checks import is_concrete

WHEN_TRACED = 5


class Basis(eqx.Module):
    """μ of tissue t at energy E ≈ Σ_k coefficients[k, t] functions[k, E].

    - `functions`: attenuation of each basis material at the energies, 1/mm. - `coefficients`: how much of it each tissue
      holds.
    """

    functions: Float[Array, "k energy"]
    coefficients: Float[Array, "k tissue"]


def basis(tissues: tuple[Tissue, ...], energies: Float[Array | np.ndarray, " energy"], count: int) -> Basis:
    """The `count` functions of energy that describe the attenuation of all `tissues` best; exact for `count` tissues.

    Singular vectors of the tissues' attenuation relative to water's, per density: all tissues and energies count alike.
    Without K edges between the energies, photoelectric and Compton attenuation are two functions of energy each near
    separable in composition (Alvarez and Macovski, Phys. Med. Biol. 21 (1976) 733), so few of them suffice. The
    functions are held when differentiating; the coefficients are linear in the tissues' attenuation.
    """
    energies = jnp.asarray(energies, float)
    table = jnp.stack([jnp.asarray(t.attenuation(energies)) for t in tissues])
    if len(tissues) <= count:
        return Basis(table, jnp.eye(len(tissues), dtype=table.dtype))
    water = jnp.asarray(TISSUES["water"].attenuation(energies))
    relative = table / water
    weights = 1 / jnp.mean(relative, axis=1, keepdims=True)
    held = jax.lax.stop_gradient(relative * weights)
    functions = jnp.linalg.svd(held, full_matrices=False)[2][:count]
    return Basis(functions * water, functions @ relative.T)


def enough(
    tissues: tuple[Tissue, ...], energies: Float[Array | np.ndarray, " energy"], tolerance: float = 1e-3
) -> int:
    """The fewest basis materials that describe every tissue within `tolerance`, relative, above 20 keV.

    Soft tissue and bone need 3, one more for iodine or a metal. Tissues that are traced cannot be looked at: 5 then.
    """
    if not all(is_concrete(leaf) for leaf in jax.tree.leaves(tissues)):
        return min(WHEN_TRACED, len(tissues))
    table = np.stack([np.asarray(t.attenuation(energies)) for t in tissues])
    seen = np.asarray(energies) > 20
    for count in range(1, len(tissues)):
        made = basis(tissues, energies, count)
        error = np.asarray(made.coefficients).T @ np.asarray(made.functions) / table - 1
        if np.max(np.abs(error[:, seen])) < tolerance:
            return count
    return len(tissues)
