"""Derivatives of an encoding in places, times and rates, as encodings of weighted magnetisation weighted by sample.

A phase 2π a_j b_n gives −2πi a_j E (b m); a decay a_j b_n gives −a_j E (b m): exact for the sum, and as good as the encoding
for one that comes near it.
"""

from __future__ import annotations

import jax.numpy as jnp


def parameter_derivative(apply, parameters, tangents, x, transposed: bool):
    """The derivative of E(parameters) x, or of its transpose, along tangents that may be None.

    `apply(x)` is E x, or its transpose; `parameters` are k, time, position, detuning and R₂.
    """
    k, t, position, detuning, r2 = parameters
    moved_k, moved_t, moved_position, moved_detuning, moved_r2 = tangents
    terms = []
    for axis in range(3):
        if moved_k is not None:
            terms.append((moved_k[:, axis], position[axis], None))
        if moved_position is not None:
            terms.append((k[:, axis], moved_position[axis], None))
    if moved_t is not None:
        terms.append((moved_t, detuning, r2))
    if moved_detuning is not None or moved_r2 is not None:
        terms.append((t, moved_detuning, moved_r2))
    return sum(_weighted(apply, x, transposed, *term) for term in terms)


def both(a, b):
    """The sum of two tangents that may be None."""
    return b if a is None else a if b is None else a + b


def _weighted(apply, x, transposed: bool, of_sample, phase_of_spin, decay_of_spin):
    """a_j E ((−2πi b_n − d_n) m), or its transpose."""
    nothing = jnp.zeros((), x.dtype)
    phase = nothing if phase_of_spin is None else 2 * jnp.pi * phase_of_spin
    decay = nothing if decay_of_spin is None else decay_of_spin

    def turned(m, sign):
        real, imaginary = m
        return jnp.stack([sign * phase * imaginary - decay * real, -sign * phase * real - decay * imaginary])

    if transposed:
        return turned(apply(of_sample * x), -1)
    return of_sample * apply(turned(x, 1))
