"""MR fingerprinting: which entry of a dictionary looks most like a voxel's signal."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite

from .checks import inside

CHUNK = 4096  # voxels compared at a time

Signals = Complex[Array | np.ndarray, "time *voxels"]
Atoms = Complex[Array | np.ndarray, "time atom"] | Float[Array | np.ndarray, "time atom"]


class Match(eqx.Module):
    """The best entry of a dictionary for every voxel; zeros outside the mask.

    - `values`: the entry's tissue values. - `amplitude`: proton density, with the phase of the signal.
    - `similarity`: |cosine| between signal and entry, 1 for a perfect match.
    """

    values: Float[Array, "value *voxels"]
    amplitude: Complex[Array, "*voxels"]
    similarity: Float[Array, "*voxels"]


class Dictionary(eqx.Module):
    """Signals of many tissues, ready for comparison. Build it with `fingerprints`.

    - `atoms`: of length 1, in the compressed space. - `lengths`: what they were before. - `basis`: of the compression.
    - `values`: tissue values of every atom.
    """

    atoms: Complex[Array, "rank atom"]
    lengths: Float[Array, " atom"]
    basis: Complex[Array, "time rank"]
    values: Float[Array, "value atom"]


def fingerprints(
    atoms: Atoms, values: Float[Array | np.ndarray, "value atom"], rank: int | None = None
) -> Dictionary:
    """A dictionary from simulated signals, compressed to the first `rank` singular vectors if that is given.

    Source: Ma et al., Nature 495 (2013) 187; compression: McGivney et al., IEEE Trans. Med. Imaging 33 (2014) 2311.
    - `atoms`: signals of unit proton density. - `values`: for instance T1 and T2, s. - `rank`: static.
    Raises `ValueError` for NaN, atoms of zero, and a rank beyond the number of time points.
    Good values: rank 20 to 50 for 500 to 1000 time points, which keeps 0.9999 of the energy.
    """
    require_finite("atoms", atoms)
    require_finite("values", values)
    times, count = np.shape(atoms)
    if np.shape(values)[1] != count:
        raise InputError(
            f"values has {np.shape(values)[1]} columns for {count} atoms; give the values of every atom"
        )
    if rank is not None and not 1 <= rank <= min(times, count):
        raise InputError(f"rank is {rank}; it must lie between 1 and {min(times, count)}")
    signals = jnp.asarray(atoms, jnp.result_type(jnp.asarray(atoms).dtype, jnp.complex64))
    if is_concrete(atoms) and not np.all(np.any(np.asarray(atoms), axis=0)):
        raise InputError("atoms has an entry of zeros, which resembles nothing: leave it out")
    basis = jnp.eye(times, dtype=signals.dtype) if rank is None else _leading(signals, rank)
    compressed = jnp.conj(basis.T) @ signals
    lengths = jnp.linalg.norm(compressed, axis=0)
    return Dictionary(compressed / lengths, lengths, basis, jnp.asarray(values))


def match(
    signals: Signals, dictionary: Dictionary, mask: Bool[Array | np.ndarray, "*voxels"] | None = None
) -> Match:
    """For every voxel the atom of the largest |⟨atom, signal⟩|, in chunks of voxels.

    Differentiable in the amplitude and similarity; the choice of the atom is not. Raises `ValueError` for NaN and signals
    of another number of time points. Good values: `match(series, fingerprints(atoms, jnp.stack([t1, t2]), rank=30))`.
    """
    require_finite("signals", signals)
    if np.shape(signals)[0] != dictionary.basis.shape[0]:
        raise InputError(
            f"signals have {np.shape(signals)[0]} time points, the dictionary {dictionary.basis.shape[0]}; both must come "
            "from the same sequence"
        )
    return _match(jnp.asarray(signals), dictionary, inside(mask, signals))


@partial(jax.jit, static_argnames="rank")
def _leading(signals, rank: int):
    """The first left singular vectors, from the Gram matrix of the shorter side."""
    return jnp.linalg.eigh(signals @ jnp.conj(signals.T))[1][:, ::-1][:, :rank]


@jax.jit
def _match(signals, dictionary: Dictionary, mask) -> Match:
    compressed = (jnp.conj(dictionary.basis.T) @ signals.reshape(len(signals), -1)).T
    adjoint = jnp.conj(dictionary.atoms.T)

    def of_voxel(signal):
        products = adjoint @ signal
        best = jnp.argmax(products.real**2 + products.imag**2)
        return best, products[best]

    best, product = jax.lax.map(of_voxel, compressed, batch_size=CHUNK)
    length = jnp.sqrt(jnp.maximum(jnp.sum(jnp.abs(signals.reshape(len(signals), -1)) ** 2, axis=0), 1e-37))
    shaped = lambda value: jnp.where(mask, value.reshape(mask.shape), 0)
    values = jax.vmap(shaped)(dictionary.values[:, best])
    return Match(values, shaped(product / dictionary.lengths[best]), shaped(jnp.abs(product) / length))
