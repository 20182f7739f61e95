"""Lesions of the CT studies: an ellipsoid of one tissue at a random place of an organ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim_phantoms import Grid, Phantom

from .draws import named_key
from .lesion_site import lesion_site


def add_ellipsoid(
    patient: Phantom,
    tissue: str,
    name: str,
    host: np.ndarray,
    within: np.ndarray,
    key: PRNGKeyArray,
    numbers: Mapping[str, float],
    depth: float,
) -> tuple[Phantom, np.ndarray, dict[str, Any]]:
    """The patient with an ellipsoid of `tissue`, the share of it in every voxel, and the record of it.

    - `name`: of the recipe's section: its diameter and elongation, and its streams of random numbers. - `host`: fraction of
      the tissue it sits in. - `within`: share of every voxel that it may fill. - `depth`: below the organ's surface, mm.
    """
    site = lesion_site(host, within > 0.5, patient.grid, named_key(key, f"{name}.site"), depth=depth)
    diameter, elongation = numbers[f"{name}.diameter"], numbers[f"{name}.elongation"]
    if diameter == 0:
        return patient, np.zeros(patient.grid.shape, np.float32), {"centre_mm": list(site), "volume_ml": 0.0}
    short = diameter / 2 / elongation ** (1 / 3)
    axes = jnp.array([short, short, short * elongation])
    rotation = jax.random.orthogonal(named_key(key, f"{name}.direction"), 3)
    amount = _ellipsoid(patient.grid, jnp.asarray(site), axes, rotation) * within
    volume = float(np.sum(np.asarray(amount), dtype=np.float64)) * patient.grid.voxel_volume / 1000
    record = {
        "centre_mm": list(site),
        "semi_axes_mm": np.asarray(axes).tolist(),
        "long_axis": np.asarray(rotation)[:, 2].tolist(),
        "volume_ml": round(volume, 4),
    }
    return patient.with_tissue(tissue, amount), np.asarray(amount), record


@jax.jit
def _ellipsoid(grid: Grid, centre, axes, rotation) -> Float[Array, "x y z"]:
    """Share of every voxel that lies in the ellipsoid; the edge is one voxel wide."""
    radius = jnp.linalg.norm(((grid.centres() - centre) @ rotation) / axes, axis=-1)
    voxel = jnp.prod(jnp.asarray(grid.spacing)) ** (1 / 3)
    return jnp.clip((1 - radius) * jnp.mean(axes) / voxel + 0.5, 0.0, 1.0)
