"""Derivatives of an encoding in places, times and rates, as encodings of weighted magnetisation weighted by sample.

A phase 2π a_j b_n gives −2πi a_j E (b m); a decay a_j b_n gives −a_j E (b m): exact for the sum, and as good as the encoding
for one that comes near it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def parameter_derivative(apply, parameters, tangents, x, transposed: bool):
    """The derivative of E(parameters) x, or of its transpose, along tangents that may be None.

    `apply(x)` is E x, or its transpose; `parameters` are k, time, position, detuning and R₂.
    """
    k, t, position, detuning, r2 = parameters
    moved_k, moved_t, moved_position, moved_detuning, moved_r2 = tangents
    of_samples, of_spins, nothing = [], [], jnp.zeros_like(r2)
    for axis in range(position.shape[0]):
        if moved_k is not None:
            of_samples.append((moved_k[:, axis], position[axis], nothing))
        if moved_position is not None:
            of_spins.append((k[:, axis], moved_position[axis], nothing))
    if moved_t is not None:
        of_samples.append((moved_t, detuning, r2))
    if moved_detuning is not None or moved_r2 is not None:
        own = [nothing if moved is None else moved for moved in (moved_detuning, moved_r2)]
        of_spins.append((t, *own))
    # Apart, so that each sum is linear in what it is given of the tangents.
    return sum(_sum_of_terms(apply, x, transposed, terms) for terms in (of_samples, of_spins) if terms)


def both(a, b):
    """The sum of two tangents that may be None."""
    return b if a is None else a if b is None else a + b


def _sum_of_terms(apply, x, transposed: bool, terms):
    """Σ of `_weighted` over terms, one after another: compiled once, and kept once in memory."""
    rows = tuple(jnp.stack(part) for part in zip(*terms, strict=True))
    made = jax.eval_shape(apply, x)
    add = lambda total, row: (total + _weighted(apply, x, transposed, *row), None)
    return jax.lax.scan(add, jnp.zeros(made.shape, made.dtype), rows)[0]


def _weighted(apply, x, transposed: bool, of_sample, turns_of_spin, decay_of_spin):
    """a_j E ((−2πi b_n − d_n) m), or its transpose."""
    phase = 2 * jnp.pi * turns_of_spin

    def turned(m, sign):
        real, imaginary = m
        left, lost = -sign * phase, -decay_of_spin
        return jnp.stack([lost * real - left * imaginary, left * real + lost * imaginary])

    if transposed:
        return turned(apply(of_sample * x), -1)
    return of_sample * apply(turned(x, 1))
