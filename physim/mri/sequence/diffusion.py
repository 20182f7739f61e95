"""How strongly a sequence weights diffusion: the b-matrix, integrated exactly.

    B = (2π)² ∫ k kᵀ dt        from the middle of the excitation to the echo; k turns round with refocusing

Gradients are linear between corners, so k is a parabola and k kᵀ of degree 4: three Gauss-Legendre nodes are exact.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError, require_range

from ..units import picoseconds, seconds
from .blocks import Sequence
from .trajectory import kspace_of, sample_times, states
from .waveforms import Gradients, gradients_of


def b_matrix(sequence: Sequence, at: float | None = None) -> Float[np.ndarray, "3 3"]:
    """What diffusion sees at a time, s/mm²: a signal falls by exp(−B:D), with the tensor D in mm²/s.

    All gradients count, also those of slice selection and read-out; the trace is b for isotropic diffusion.

    - `at`: s; None for the sample that is nearest to k = 0, the first of them if there are several.

    Source: Basser, Mattiello and LeBihan, J. Magn. Reson. B 103 (1994) 247. Raises `ValueError` for a time before the first
    excitation or behind the end, and without `at` for a sequence without samples.

    Good values: `numpy.trace(mri.b_matrix(mri.sequences.diffusion_echo_planar(b_value=1000.0)))`.
    """
    curve = gradients_of(sequence)
    middles, origins, sets = states(sequence, curve)
    end = _echo(sequence) if at is None else picoseconds(at)
    if at is not None:
        require_range("at", at, 0.0, sequence.duration, "s")
    before = np.nonzero(sets & (middles <= end))[0]
    if not len(before):
        raise InputError(
            f"no excitation comes before {end / 1e12:g} s; b counts from an excitation on: choose a later time"
        )
    first = int(before[-1])
    last = int(np.searchsorted(middles, end, side="right"))
    bounds = [*middles[first:last].astype(float).tolist(), float(end)]
    parts = [
        _between(curve, origin, start, stop)
        for origin, start, stop in zip(origins[first:last], bounds, bounds[1:], strict=False)
    ]
    return (2 * np.pi) ** 2 * np.sum(parts, axis=0)


def _echo(sequence: Sequence) -> float:
    """When the sample nearest to k = 0 is read, ps."""
    if not sequence.samples:
        raise InputError("the sequence has no samples, so no echo; say when: b_matrix(sequence, at=0.08)")
    distance = np.linalg.norm(kspace_of(sequence), axis=1)
    return float(sample_times(sequence)[np.argmax(distance <= distance.min() + 1e-9)])


def _between(curve: Gradients, origin, start: float, stop: float) -> Float[np.ndarray, "3 3"]:
    """∫ k kᵀ dt with k counted from `origin`, between two times (ps) without a pulse's middle between them."""
    corners = np.unique(np.concatenate([axis.times for axis in curve.axes]))
    inside = corners[(corners > start) & (corners < stop)]
    edges = np.concatenate([[start], inside, [stop]]).astype(float)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    nodes, weights = np.polynomial.legendre.leggauss(3)
    k = curve.moment(middle[:, None] + half[:, None] * nodes) - origin
    return np.einsum("e,n,eni,enj->ij", seconds(half), weights, k, k)
