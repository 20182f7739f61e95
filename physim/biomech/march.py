"""Steps of growth, alone and under treatment, in checkpointed chunks: reverse mode keeps one state a chunk."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim.core.diffusion import Faces, logistic, react_diffuse
from physim.core.tensor_diffusion import TensorFaces, diffuse_by_tensors

from .schedule import Span, chunked
from .therapy import Chemotherapy, Radiotherapy, Treatment

Exchange = Faces | TensorFaces


class Effects(NamedTuple):
    """What treatments do to the cells of every voxel: one value or map for each.

    - `survivals`: of a fraction of each radiotherapy. - `kills`: rate under a full dose of each drug, 1/day.
    """

    survivals: tuple[Array, ...]
    kills: tuple[Array, ...]


class Rows(NamedTuple):
    """Of every step, in chunks: its length, which fractions come before it, and ∫ C dt of each drug over its two halves."""

    length: Float[Array, "chunk step"]
    fractions: Bool[Array, "chunk step therapy"]
    exposures: Float[Array, "chunk step drug 2"]


def _effects_of(events: tuple[Treatment, ...], dtype) -> Effects:
    """The effects of all events."""
    fractions = [one.survival().astype(dtype) for one in events if isinstance(one, Radiotherapy)]
    drugs = [
        jnp.asarray(one.sensitivity, dtype) * jnp.asarray(one.dose, dtype)
        for one in events
        if isinstance(one, Chemotherapy)
    ]
    return Effects(tuple(fractions), tuple(drugs))


def march_span(u, faces: Exchange, rate, span: Span, events: tuple[Treatment, ...], stages: int) -> Array:
    """The cell density after all steps of a span."""
    if not len(span.start):
        return u
    counts = chunked(len(span.start))
    lengths = span.stop - span.start
    drugs = [one for one in events if isinstance(one, Chemotherapy) and one.days[0] < span.stop[-1]]
    if not (span.fractions.any() or drugs) and np.ptp(lengths) < 1e-9:
        return _march(u, faces, rate, float(lengths[0]), (*counts, stages))
    return _march_treated(
        u, faces, rate, _effects_of(events, u.dtype), _rows(span, events, counts, u.dtype), stages
    )


def _rows(span: Span, events: tuple[Treatment, ...], counts: tuple[int, int], dtype) -> Rows:
    middle = (span.start + span.stop) / 2
    halves = [
        jnp.stack([one.exposure(span.start, middle), one.exposure(middle, span.stop)], axis=-1)
        for one in events
        if isinstance(one, Chemotherapy)
    ]
    exposures = jnp.stack(halves, axis=1) if halves else jnp.zeros((len(span.start), 0, 2))
    shaped = lambda a, kind: jnp.asarray(a, kind).reshape(*counts, *a.shape[1:])
    return Rows(
        shaped(span.stop - span.start, dtype), shaped(span.fractions.T, bool), shaped(exposures, dtype)
    )


@partial(jax.jit, static_argnums=4)
def _march(u, faces: Exchange, rate, length, counts: tuple[int, int, int]):
    """Equal steps without treatment: what the logistic flow needs is computed once."""
    chunks, chunk, stages = counts
    length = jnp.asarray(length, u.dtype)
    gain = jnp.exp(0.5 * length * rate)

    def step(u, _):
        u = _diffuse(logistic(u, gain), faces, length, stages)
        return logistic(u, gain), None

    march = jax.checkpoint(lambda u, _: jax.lax.scan(step, u, None, length=chunk), prevent_cse=False)  # type: ignore[reportPrivateImportUsage]
    return jax.lax.scan(march, u, None, length=chunks)[0]


@partial(jax.jit, static_argnums=5)
def _march_treated(u, faces: Exchange, rate, effects: Effects, rows: Rows, stages: int):
    """Steps of any length: a fraction first, then half of growth and drugs, diffusion, and the other half."""

    def step(u, row: Rows):
        gain = jnp.exp(0.5 * row.length * rate)
        for number, survival in enumerate(effects.survivals):
            u = u * jnp.where(row.fractions[number], survival, 1)
        u = _killed(logistic(u, gain), effects, row.exposures[:, 0])
        u = _diffuse(u, faces, row.length, stages)
        return logistic(_killed(u, effects, row.exposures[:, 1]), gain), None

    march = jax.checkpoint(lambda u, some: jax.lax.scan(step, u, some), prevent_cse=False)  # type: ignore[reportPrivateImportUsage]
    return jax.lax.scan(march, u, rows)[0]


def _killed(u, effects: Effects, exposures):
    """What drugs leave in half a step."""
    for number, kill in enumerate(effects.kills):
        u = u * jnp.exp(-kill * exposures[number])
    return u


def _diffuse(u, faces: Exchange, length, stages: int):
    """SSPRK(s, 2): s explicit steps of Δt/(s−1), then the mean of the start (weight 1/s) and the end."""
    step = length / (stages - 1)
    if isinstance(faces, TensorFaces):
        far = diffuse_by_tensors(u, faces, step, stages)
    else:
        far = react_diffuse(u, faces, 0.0, step, stages)
    return u / stages + far * ((stages - 1) / stages)
