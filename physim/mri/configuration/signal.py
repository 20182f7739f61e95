"""From configurations to samples: every row is encoded as isochromats at the centres of voxels are."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError

from ..coils.receive import Receive
from ..encoding import Encoding, Prepared
from .evolve import rows_after_pulses
from .gather import GATHER
from .graph import ConfigurationGraph, ReadOuts
from .voxels import PhaseGraph

CHUNK_BYTES = 128 * 2**20  # what the configurations of one chunk of voxels may keep
FEWEST = 256  # voxels of a chunk


def signal_of(
    spins: PhaseGraph, graph: ConfigurationGraph, receive: Receive, encoding: Encoding
) -> Complex[Array, "coil sample"]:
    """All samples of all coils."""
    if isinstance(encoding, Prepared):
        raise InputError(
            "the encoding was prepared for the samples of a program, and a PhaseGraph has more of them, one set for every "
            "configuration; write mri.Direct() or mri.Automatic()"
        )
    chunk = _chunk(spins, graph)
    chunks = -(-spins.count // chunk)
    encodings = [
        None
        if one is None
        else encoding.prepared(one.samples, spins.position, spins.off_resonance, rate, chunks)
        for one, rate in zip((graph.behind, graph.front), _rates(spins, graph.dephases), strict=True)
    ]
    return _signal(spins, graph, receive, encodings, chunk)


def _rates(spins: PhaseGraph, dephases: bool):
    """Decay of the rows behind their echoes and in front of them, 1/s."""
    r2 = 1 / spins.t2
    return (r2 + 1 / spins.t2_prime, r2 - 1 / spins.t2_prime) if dephases else (r2, r2)


def _chunk(spins: PhaseGraph, graph: ConfigurationGraph) -> int:
    """How many voxels go through at a time: equal chunks within the memory allowed."""
    periods, pairs = graph.moves.z.shape
    numbers = 40 * pairs
    for one in (graph.behind, graph.front):
        if one is not None:
            _, rows, members = one.members.shape
            numbers += 2 * rows * (periods + 2 * members)
    most = max(FEWEST, CHUNK_BYTES // (spins.t1.dtype.itemsize * numbers))
    return -(-spins.count // -(-spins.count // most))


@eqx.filter_jit
def _signal(
    spins: PhaseGraph,
    graph: ConfigurationGraph,
    receive: Receive,
    encodings: list[Encoding | None],
    chunk: int,
) -> Complex[Array, "coil sample"]:
    samples = graph.program.samples.phase.shape[0]
    total = jnp.zeros((samples, 2 * receive.count), spins.t1.dtype)
    whole = spins.count // chunk
    cut = lambda a, start, stop: a[start:stop]
    voxelwise, shared = eqx.partition(spins, _per_voxel(spins))

    def add(total, some):
        return total + _of_some(eqx.combine(some, shared), graph, receive, encodings, samples), None

    head = jax.tree.map(lambda a: cut(a, 0, whole * chunk).reshape(whole, chunk, *a.shape[1:]), voxelwise)
    if whole == 1:
        total, _ = add(total, jax.tree.map(lambda a: a[0], head))
    else:
        total, _ = jax.lax.scan(jax.checkpoint(add), total, head)
    if spins.count > whole * chunk:
        total, _ = add(total, jax.tree.map(lambda a: cut(a, whole * chunk, spins.count), voxelwise))
    of_coils = total.T.reshape(receive.count, 2, samples)
    angle = 2 * jnp.pi * jnp.asarray(graph.program.samples.phase, spins.t1.dtype)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    real, imaginary = of_coils[:, 0], of_coils[:, 1]
    return jax.lax.complex(real * cosine - imaginary * sine, real * sine + imaginary * cosine)


def _per_voxel(spins: PhaseGraph):
    """True for what has one row for each voxel."""
    marked = jax.tree.map(lambda _: True, spins)
    return eqx.tree_at(lambda one: one.edges, marked, False)


def _of_some(
    spins: PhaseGraph, graph: ConfigurationGraph, receive: Receive, encodings, samples: int
) -> Float[Array, "sample part"]:
    """What these voxels add to all samples."""
    seen = receive.sensitivity(spins.position)
    sensitivity = jnp.stack([seen.real, seen.imag], axis=1).astype(spins.t1.dtype)
    total = jnp.zeros((samples, 2 * receive.count), spins.t1.dtype)
    rows = rows_after_pulses(spins, graph)
    sides = zip(rows, (graph.behind, graph.front), encodings, _rates(spins, graph.dephases), strict=True)
    for magnetisation, read, encoding, rate in sides:
        if read is not None:
            total = total + _encoded(spins, magnetisation, read, encoding, sensitivity, rate)
    return total


def _encoded(
    spins: PhaseGraph, magnetisation, read: ReadOuts, encoding: Encoding, sensitivity, rate
) -> Float[Array, "sample part"]:
    """Samples of all rows, weighted by what a voxel shows at their k, and added up."""
    flat = magnetisation.reshape(-1, spins.count)
    transverse = jnp.stack([flat.real, flat.imag])
    made = encoding.encode(transverse, sensitivity, read.samples, spins.position, spins.off_resonance, rate)
    weighted = made.reshape(-1, made.shape[-1]) * jnp.asarray(read.weight, made.dtype)
    return GATHER.transpose((), (read.origin, read.origin_uses), weighted.T)
