"""Mixtures of tissues per voxel, packed: the few largest components, differentiable, without scatter or gather.

Dense fraction maps become `k` tissue indices and `k - 1` fractions per voxel; component 0 is what the others leave. The
packing inserts one tissue after another into a running list of the largest, so memory stays at k maps however many
tissues there are. Looking a value up compares indices instead of indexing, so reverse mode needs no scatter.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, UInt8

_TOGETHER = 5  # tissues to a pass over the volume: one program for all takes many seconds to compile


@jax.jit
def insert(
    ids: UInt8[Array, "k x y z"],
    amounts: Float[Array, "k x y z"],
    new_id: UInt8[Array, "..."],
    new: Float[Array, "x y z"],
) -> tuple[UInt8[Array, "k x y z"], Float[Array, "k x y z"]]:
    """Puts one tissue (per voxel or everywhere the same) into the descending list of the k largest.

    What falls off the end is forgotten.
    """
    out_ids, out_amounts = [], []
    carried_id, carried = jnp.broadcast_to(new_id, new.shape), new
    for rank in range(ids.shape[0]):
        larger = carried > amounts[rank]
        out_ids.append(jnp.where(larger, carried_id, ids[rank]))
        out_amounts.append(jnp.where(larger, carried, amounts[rank]))
        carried_id = jnp.where(larger, ids[rank], carried_id)
        carried = jnp.where(larger, amounts[rank], carried)
    return jnp.stack(out_ids), jnp.stack(out_amounts)


@jax.jit
def _insert_several(ids, amounts, numbers: Sequence, maps: Sequence):
    for number, fraction in zip(numbers, maps, strict=True):
        ids, amounts = insert(ids, amounts, number, fraction)
    return ids, amounts


def pack(
    maps: Sequence[Float[Array, "x y z"]], background: UInt8[Array, ""], components: int
) -> tuple[UInt8[Array, "k x y z"], Float[Array, "k-1 x y z"]]:
    """The k largest of the tissues 0..n-1 with `maps` and of the background, which fills up to one.

    What lies beyond the k largest is shared out in proportion, so the fractions of a voxel sum to one.
    """
    shape, dtype = maps[0].shape, maps[0].dtype
    ids = jnp.full((components, *shape), background, jnp.uint8)
    amounts = jnp.zeros((components, *shape), dtype)
    parts = [*maps, jnp.maximum(1 - sum(maps[1:], maps[0]), 0)]
    numbers = [*np.arange(len(maps), dtype=np.uint8), background]
    for first in range(0, len(parts), _TOGETHER):
        these = slice(first, first + _TOGETHER)
        ids, amounts = _insert_several(ids, amounts, numbers[these], parts[these])
    return _normalised(ids, amounts)


@jax.jit
def mix(
    ids: UInt8[Array, "k x y z"], fractions: Float[Array, "k-1 x y z"], values: Inexact[Array, " tissue"]
) -> Inexact[Array, "x y z"]:
    """Sum over components of fraction times the tissue's value: linear mixing by volume."""
    total = lookup(ids[0], values)
    rest = [lookup(ids[rank], values) for rank in range(1, ids.shape[0])]
    for fraction, value in zip(fractions, rest, strict=True):
        total = total + fraction * (value - lookup(ids[0], values))
    return total


def lookup(ids: UInt8[Array, "x y z"], values: Inexact[Array, " tissue"]) -> Inexact[Array, "x y z"]:
    """values[ids], as a sum of comparisons: its transpose is a masked sum, not a scatter."""
    total = jnp.zeros(ids.shape, values.dtype)
    for number in range(values.shape[0]):
        total = jnp.where(ids == number, values[number], total)
    return total


@jax.jit
def fraction_of(
    ids: UInt8[Array, "k x y z"], fractions: Float[Array, "k-1 x y z"], number: UInt8[Array, ""]
) -> Float[Array, "x y z"]:
    """The volume fraction of one tissue in every voxel."""
    implicit = 1 - jnp.sum(fractions, axis=0)
    total = jnp.where(ids[0] == number, implicit, 0)
    for rank in range(1, ids.shape[0]):
        total = total + jnp.where(ids[rank] == number, fractions[rank - 1], 0)
    return total


@jax.jit
def dominant(ids: UInt8[Array, "k x y z"], fractions: Float[Array, "k-1 x y z"]) -> UInt8[Array, "x y z"]:
    """The tissue with the largest fraction, over all components that name it; of equals the first."""
    parts = [1 - jnp.sum(fractions, axis=0), *fractions]
    best_id, best = ids[0], jnp.full(ids.shape[1:], -jnp.inf, fractions.dtype)
    for number in ids:
        total = sum(jnp.where(other == number, part, 0) for other, part in zip(ids, parts, strict=True))
        larger = total > best
        best_id, best = jnp.where(larger, number, best_id), jnp.where(larger, total, best)
    return best_id


@partial(jax.jit, static_argnames="components")
def repack(
    ids: UInt8[Array, "k x y z"], fractions: Float[Array, "k-1 x y z"], components: int
) -> tuple[UInt8[Array, "n x y z"], Float[Array, "n-1 x y z"]]:
    """The same mixture with the `components` largest tissues of each voxel; components of one tissue become one."""
    parts = [1 - jnp.sum(fractions, axis=0), *fractions]
    new_ids = jnp.broadcast_to(ids[:1], (components, *ids.shape[1:]))
    amounts = jnp.zeros((components, *ids.shape[1:]), fractions.dtype)
    for rank, number in enumerate(ids):
        total = sum(jnp.where(other == number, part, 0) for other, part in zip(ids, parts, strict=True))
        repeated = sum((ids[earlier] == number for earlier in range(rank)), jnp.zeros(number.shape, bool))
        new_ids, amounts = insert(new_ids, amounts, number, jnp.where(repeated, 0, total))
    return _normalised(new_ids, amounts)


@jax.jit
def _normalised(ids, amounts):
    """Amounts that sum to one, without the first, which is what the others leave."""
    kept = jnp.sum(amounts, axis=0)
    fractions = amounts[1:] / jnp.where(kept > 0, kept, 1)
    # An empty slot must name some tissue: the largest one, so that it never adds a tissue that is not there.
    return jnp.where(amounts > 0, ids, ids[:1]), fractions
