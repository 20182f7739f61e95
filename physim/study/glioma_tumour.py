"""The tumour of one case: where it starts, how it grows, what it turns the tissue into."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from physim.biomech import Appearance, FisherKPP, Strang, grow, seed_tumour, with_tumour
from physim_phantoms import Phantom

from .lesion_site import lesion_site
from .recipe_fields import largest
from .recipe_glioma import GliomaRecipe

COMPARTMENTS = ("oedema", "enhancing_tumour", "necrotic_core")
_GROWTH_PER_STEP = 0.15  # ρ Δt of the fastest case a recipe allows; the splitting error falls with its square


@dataclass(frozen=True)
class Lesion:
    """A grown tumour: the patient with it, its cell density, where it began, and the record of all that."""

    patient: Phantom
    density: np.ndarray
    centre: tuple[float, float, float]
    record: dict[str, Any]


def make_tumour(
    recipe: GliomaRecipe, healthy: Phantom, key: PRNGKeyArray, numbers: Mapping[str, float]
) -> Lesion:
    """Seeds a tumour in white matter, lets it grow for the days of the case, and changes the tissue accordingly."""
    grid = healthy.grid
    conduct = healthy.map("tumour_diffusivity")
    brain = np.asarray(healthy.mix(jnp.asarray(healthy.values("tumour_diffusivity") > 0, jnp.float32))) > 0.5
    centre = lesion_site(np.asarray(healthy.fraction("white_matter")), brain, grid, key)
    # A seed below the voxel size would be lost between the voxels.
    radius = max(numbers["tumour.seed_radius"], recipe.grid.spacing)
    seed = seed_tumour(grid, centre, radius, numbers["tumour.seed_density"])
    model = FisherKPP(numbers["tumour.diffusivity"] * conduct, numbers["tumour.proliferation"])
    days = numbers["tumour.days"]
    density = grow(seed, grid, model, [days], domain=brain, scheme=_scheme(recipe, days))[-1]
    limits = Appearance(
        *(numbers[f"tumour.{name}"] for name in ("oedema_from", "enhancing_from", "necrotic_from"))
    )
    patient = with_tumour(healthy, density, limits)
    return Lesion(patient, np.asarray(density), centre, {"seed_mm": list(centre), **_volumes(patient)})


def _scheme(recipe: GliomaRecipe, days: float) -> Strang:
    """As many steps and stages for every case of a recipe, so that one compiled program serves all of them."""
    longest, fastest = largest(recipe.tumour.days), largest(recipe.tumour.proliferation)
    steps = math.ceil(math.sqrt(max(4.0, longest * fastest / _GROWTH_PER_STEP))) ** 2
    # Six neighbours drain a voxel of the best conducting tissue at 6 D / h².
    outflow = 6 * largest(recipe.tumour.diffusivity) / recipe.grid.spacing**2
    return Strang(days / steps, 1 + max(1, math.ceil(longest / steps * outflow / 0.95)))


def _volumes(patient: Phantom) -> dict[str, float]:
    """Volume of each compartment and of all of them, ml; summed in double precision in a fixed order."""
    voxel = patient.grid.voxel_volume / 1000
    volumes = {}
    for name in COMPARTMENTS:
        filled = float(np.sum(np.asarray(patient.fraction(name)), dtype=np.float64))
        volumes[f"{name}_ml"] = round(filled * voxel, 4)
    return volumes | {"volume_ml": round(math.fsum(volumes.values()), 4)}
