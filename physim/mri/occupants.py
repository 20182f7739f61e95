"""What has protons in a patient: every pair of a voxel and a tissue in it, with the tissue's values and the fields there."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, is_concrete, require_range

from .units import RATE_PER_PPM

PerVoxel = Float[np.ndarray | Array, "x y z"] | float


class Occupants(NamedTuple):
    """Tissues side by side in voxels, which do not exchange: one number for each pair of both."""

    position: Float[Array, "pair 3"]  # of the voxel's centre, mm
    pd: Float[Array, " pair"]  # proton density times mm³
    t1: Float[Array, " pair"]  # s, as all times
    t2: Float[Array, " pair"]
    t2_prime: Float[Array, " pair"]
    off_resonance: Float[Array, " pair"]  # Hz, the tissue's chemical shift included
    b1: Float[Array, " pair"]
    diffusivity: Float[Array, " pair"]  # mm²/s


def occupants(patient: Phantom, field: float, off_resonance: PerVoxel, b1: PerVoxel) -> Occupants:
    """All pairs with protons. Differentiable in volume fractions and maps; what is in a voxel at all is looked up now,
    outside jit.

    Raises `ValueError` for a patient whose tissues are traced or have no protons, and for a field outside 0.01 to 20 T.
    """
    require_range("field", field, 0.01, 20.0, "T")
    component, voxels, tissue = _pairs(patient)
    dtype = jnp.result_type(float)
    numbers = (jnp.asarray(value, dtype) for value in (field, off_resonance, b1))
    return _values(patient, component, voxels, tissue, *numbers)


def _pairs(patient: Phantom) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Component, voxel and tissue of every pair that has protons."""
    if not is_concrete(patient.ids):
        raise InputError(
            "the tissues of the phantom are traced; make the spins outside jit: only what they are worth may be traced"
        )
    ids = np.asarray(patient.ids)
    if is_concrete(patient.fractions):
        seen = np.asarray(patient.fractions)
        seen = np.concatenate([1 - seen.sum(0, keepdims=True), seen])
    else:
        seen = np.ones(ids.shape)
    protons = np.asarray([float(np.asarray(t.proton_density)) > 0 for t in patient.tissues])
    component, *place = np.nonzero((seen > 1e-6) & protons[ids])
    if not component.size:
        raise InputError(f"nothing in this phantom has protons: its tissues are {', '.join(patient.names)}")
    voxels = np.ravel_multi_index(place, patient.grid.shape)
    return component, voxels, ids.reshape(len(ids), -1)[component, voxels]


@eqx.filter_jit
def _values(patient: Phantom, component, voxels, tissue, field, off_resonance, b1) -> Occupants:
    """What the pairs are worth: one program, where each line by itself would be several."""
    dtype = field.dtype
    rest = 1 - patient.fractions.sum(0, keepdims=True)
    fractions = jnp.concatenate([rest, patient.fractions]).reshape(len(patient.ids), -1)

    def value(name):
        return patient.values(name, field).astype(dtype)[tissue]

    def mapped(values):
        return jnp.broadcast_to(values, patient.grid.shape).reshape(-1)[voxels]

    amount = fractions[component, voxels].astype(dtype) * patient.grid.voxel_volume
    t2 = value("t2")
    return Occupants(
        jnp.asarray(patient.grid.centres(), dtype).reshape(-1, 3)[voxels],
        amount * value("proton_density"),
        value("t1"),
        t2,
        1 / jnp.maximum(1 / value("t2_star") - 1 / t2, 1e-6),
        mapped(off_resonance) + value("chemical_shift") * (RATE_PER_PPM * field),
        mapped(b1),
        value("diffusivity"),
    )


@jax.jit
def spread(pairs: Occupants, offsets: Float[Array, "point 3"]) -> Occupants:
    """Points about each centre (mm), which share what is there."""
    count = len(offsets)
    each = jax.tree.map(lambda values: jnp.repeat(values, count, axis=0), pairs)
    position = (pairs.position[:, None] + offsets).reshape(-1, 3)
    return each._replace(position=position, pd=each.pd / count)
