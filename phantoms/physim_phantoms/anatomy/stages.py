"""Layers that cover one another, and stages that keep the compiler from repeating work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


def staged(function: Callable, arguments: Any, parts: int = 4) -> Any:
    """`function(arguments)` for arrays of one shape, evaluated in `parts` rounds.

    XLA merges point-by-point work into whatever uses it, and repeats it there; a loop is a border it does not cross.
    So each stage is compiled once and its results are kept: minutes of compilation become seconds. Python numbers
    in the result stay as they are; memory in reverse mode is that of the arguments.
    """
    size = max(jnp.size(leaf) for leaf in jax.tree.leaves(arguments))
    if size % parts:
        return function(arguments)
    fields, fixed = eqx.partition(arguments, lambda leaf: jnp.size(leaf) == size)
    kept = []

    @jax.checkpoint
    def one(piece):
        arrays, rest = eqx.partition(function(eqx.combine(piece, fixed)), eqx.is_array)
        kept.append(rest)
        return jax.tree.map(lambda a: jnp.broadcast_to(a, (size // parts,)), arrays)

    pieces = jax.tree.map(lambda a: a.reshape(parts, size // parts), fields)
    arrays = jax.lax.map(one, pieces)
    return eqx.combine(jax.tree.map(lambda a: a.reshape(size), arrays), kept[-1])


class Layer(eqx.Module):
    """One coat of paint: the share of each voxel that it covers, and of which tissues it is made."""

    cover: Any
    shares: dict[str, Any]


def layer(cover, **shares) -> Layer:
    """A layer that covers the share `cover` of every voxel with a mixture of tissues (shares that sum to 1)."""
    return Layer(cover, shares)


def composite(layers: Sequence[Layer]) -> dict[str, Any]:
    """Fractions by tissue when every layer lies over those before it; they never sum above one.

    Seen from the top: a layer gets what the layers above it leave free.
    """
    return staged(_composite, layers)


def _composite(layers: Sequence[Layer]) -> dict[str, Any]:
    covers = jnp.stack([part.cover for part in layers])

    def down(free, cover):
        return free * (1.0 - cover), free * cover

    _, seen = jax.lax.scan(down, jnp.ones_like(covers[0]), covers, reverse=True)
    fractions: dict[str, Any] = {}
    for number, part in enumerate(layers):
        for name, share in part.shares.items():
            fractions[name] = fractions.get(name, 0.0) + seen[number] * share
    return fractions
