"""A test object is a list of parts: a tissue and a shape each. The first part is the body and holds all others.

From the one list come the phantom on a grid, the exact shape of any of its properties, and, as the centres of the
shapes, the places to measure at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import InputError
from ..grid import Grid
from ..phantom import Phantom
from ..shapes import Body, Sum
from ..tissue import TISSUES, Tissue

Part = tuple[str | Tissue, Body]


def assemble(
    grid: Grid, parts: Sequence[Part], background: str | Tissue = "air", oversampling: int = 2
) -> Phantom:
    """The phantom of a body with inserts: each voxel holds its tissues by volume, anti-aliased as in `Shape.voxelise`.

    The inserts must lie inside the body and not overlap each other. Differentiable in the shapes.
    Raises `ValueError` for an empty list, unknown tissues, or inserts that overlap.
    Good values: the parts that `qa.ct_sensitometry_parts()` and its like return.
    """
    tissues = [_tissue(name) for name, _ in _checked(parts)]
    body = parts[0][1].voxelise(grid, oversampling)
    maps: dict[str, Float[Array, "x y z"]] = {}
    filled = jnp.zeros_like(body)
    for tissue, (_, shape) in zip(tissues[1:], parts[1:], strict=True):
        share = shape.voxelise(grid, oversampling)
        maps[tissue.name] = maps[tissue.name] + share if tissue.name in maps else share
        filled = filled + share
    rest = jnp.maximum(body - filled, 0)
    maps[tissues[0].name] = maps[tissues[0].name] + rest if tissues[0].name in maps else rest
    by_name = {tissue.name: tissue for tissue in tissues}
    return Phantom.from_fractions(
        grid, {by_name[name]: share for name, share in maps.items()}, background=background
    )


def exact(
    parts: Sequence[Part], value: Callable[[Tissue], float | Array | np.ndarray], background: float = 0.0
) -> Sum:
    """The exact shape of one property of a test object, measured from that of the background.

    - `value`: from a tissue to the property, like `lambda t: t.attenuation(60.0)`.
    - `background`: the property outside; it is subtracted everywhere, so that the shape is finite.

    Its line integrals, k-space and voxels are truths for what is computed from the phantom.
    Raises `ValueError` for an empty list or unknown tissues.
    """
    tissues = [_tissue(name) for name, _ in _checked(parts)]
    inside = value(tissues[0])
    shapes = [_with_value(parts[0][1], inside - background)]
    shapes += [_with_value(s, value(t) - inside) for t, (_, s) in zip(tissues[1:], parts[1:], strict=True)]
    return Sum(*shapes)


def _checked(parts: Sequence[Part]) -> Sequence[Part]:
    if not parts:
        raise InputError(
            'no part was given; write for example [("water", shapes.Cylinder((0, 0, 0), 100.0, 150.0))]'
        )
    return parts


def _tissue(name: str | Tissue) -> Tissue:
    return TISSUES[name] if isinstance(name, str) else name


def _with_value(shape: Body, value) -> Body:
    """The same body with another density."""
    return eqx.tree_at(lambda s: s.value, shape, shape.value * jnp.asarray(value).reshape(()))
