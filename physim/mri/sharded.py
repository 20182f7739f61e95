"""Spins spread over devices: each device plays the sequence to its own, and the signals are added up."""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Complex

from physim_phantoms._checks import InputError

from .encoding import Direct, Encoding
from .many_pools import ManyPools
from .pools import Pools
from .scanner import Scanner
from .sequence.blocks import Sequence
from .sequence.program import Program
from .simulate import checked_program, simulated
from .spins import Isochromats


def simulate_sharded(
    spins: Isochromats | Pools | ManyPools,
    sequence: Sequence | Program | Any,
    scanner: Scanner,
    mesh: Mesh,
    encoding: Encoding = Direct(),
) -> Complex[Array, "coil sample"]:
    """`simulate` with the spins divided over the only axis of `mesh`; every device ends with the whole signal.

    Where spins do not divide evenly, silent ones are added. Differentiable like `simulate`, and jitted or not.
    `encoding` is `Direct()`, or one prepared for all spins by `prepare_encoding`: devices cannot choose each for itself.
    Raises `ValueError` as `simulate`, and for a mesh of several axes.

    Good values: `simulate_sharded(spins, program, mri.Scanner(), jax.make_mesh((8,), ("spin",)))`.
    """
    if len(mesh.axis_names) != 1:
        raise InputError(f'the mesh has axes {mesh.axis_names}; write jax.make_mesh((devices,), ("spin",))')
    program = checked_program(sequence, scanner)
    spins = _evenly(spins, mesh.size)
    given = jax.tree.map(
        jnp.asarray, eqx.filter((spins, program, scanner.receive, encoding), eqx.is_array_like)
    )
    rest = eqx.filter((spins, program, scanner.receive, encoding), eqx.is_array_like, inverse=True)
    divided, whole = PartitionSpec(*mesh.axis_names), PartitionSpec()
    of_spins = jax.tree.map(lambda leaf: divided if _is_of_spins(leaf, spins.count) else whole, given[0])
    places = (of_spins, *jax.tree.map(lambda leaf: whole, given[1:]))
    # Of whichever kind the user's axes are: what is divided and what is not is said here.
    plain = Mesh(mesh.devices, mesh.axis_names)

    @partial(jax.shard_map, mesh=plain, in_specs=places, out_specs=whole, check_vma=False)
    def of_some(*arrays):
        return jax.lax.psum(simulated(*eqx.combine(arrays, rest)), plain.axis_names)

    return of_some(*given)


def _evenly(spins: Isochromats | Pools | ManyPools, devices: int) -> Isochromats | Pools | ManyPools:
    """The spins, with copies of the last one without density up to a multiple of the number of devices."""
    missing = -spins.count % devices
    if not missing:
        return spins

    def longer(leaf):
        if not _is_of_spins(leaf, spins.count):
            return leaf
        return jnp.concatenate([leaf, jnp.repeat(leaf[-1:], missing, axis=0)])

    longer_pd = jnp.concatenate([spins.pd, jnp.zeros(missing, spins.pd.dtype)])
    return eqx.tree_at(lambda made: made.pd, jax.tree.map(longer, spins), longer_pd)


def _is_of_spins(leaf, count: int) -> bool:
    return getattr(leaf, "shape", ())[:1] == (count,)
