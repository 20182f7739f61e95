"""The scan as a linear system A x = b, and loops whose gradients need little memory."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_shape

from ..coverage import require_meeting
from ..geometry import Geometry
from ..projector import Model
from ..projector.frame import RayFrame
from ..projector.operator import PROJECTOR, prepare
from ..projector.reference import Scene

Sinogram = Float[Array | np.ndarray, "view row column"]


class System(eqx.Module):
    """The projection of a grid's volumes onto a geometry's rays, and its exact transpose; see `system`.

    What `project` and `backproject` do, prepared once: outside of jit, where the numbers of the geometry can be looked at.
    """

    scene: Scene = eqx.field(static=True)
    frame: RayFrame

    def forward(self, volume: Float[Array, "x y z"]) -> Float[Array, "view row column"]:
        """A x."""
        return PROJECTOR.apply(self.scene, tuple(self.frame), volume)

    def transpose(self, sino: Float[Array, "view row column"]) -> Float[Array, "x y z"]:
        """Aᵀ b."""
        return PROJECTOR.transpose(self.scene, tuple(self.frame), sino)

    def subsets(self, views: np.ndarray) -> "System":
        """The systems of some of the views for each row of `views`, with their arrays stacked: for `jax.lax.scan`."""
        count = len(views)
        shared = {name: getattr(self.frame, name) for name in ("spacing", "sound")}
        held = {name: jnp.broadcast_to(value, (count, *value.shape)) for name, value in shared.items()}
        parted = {name: leaf[views] for name, leaf in self.frame._asdict().items() if name not in shared}
        frame = RayFrame(**parted, **held)
        scene = self.scene._replace(views=views.shape[1])
        return System(scene, frame)


def system(grid: Grid, geometry: Geometry, model: Model, dtype) -> System:
    """The scan of a grid as A; refuses a grid that no ray meets."""
    require_meeting(grid, geometry)
    return System(*prepare(grid, geometry, model, dtype))


def checked(
    sino: Sinogram, geometry: Geometry, weights: Sinogram | None
) -> tuple[Float[Array, "view row column"], Float[Array, "view row column"] | None]:
    """Sinogram and weights as arrays of one floating type; refuses NaN, wrong shapes and negative weights."""
    require_shape("sino", sino, geometry.sinogram_shape)
    require_finite("sino", sino)
    sino = jnp.asarray(sino)
    sino = sino if jnp.issubdtype(sino.dtype, jnp.floating) else sino.astype(float)
    if weights is None:
        return sino, None
    require_shape("weights", weights, geometry.sinogram_shape)
    require_finite("weights", weights)
    if is_concrete(weights) and np.min(np.asarray(weights)) < 0:
        raise InputError(
            f"weights reach down to {np.min(np.asarray(weights)):g}; they are inverse variances and must be at least 0: "
            "give a ray that is not to count the weight 0.0"
        )
    return sino, jnp.asarray(weights, sino.dtype)


def checked_count(name: str, value: int, like: int) -> int:
    """A whole number of at least 1 that sets a loop's length."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise InputError(f"{name} is {value!r}; it must be a whole number of at least 1, like {like}")
    return int(value)


def repeat(step: Callable[[Any], Any], state: Any, count: int) -> Any:
    """`step` applied `count` times; reverse mode keeps about 2 √count states and runs every step once more."""
    block = max(1, math.isqrt(count))

    def several(state, length: int):
        return jax.lax.scan(lambda s, _: (step(s), None), state, None, length=length)[0]

    inner = jax.checkpoint(lambda s: several(s, block))
    state = jax.lax.scan(lambda s, _: (inner(s), None), state, None, length=count // block)[0]
    return several(state, count % block) if count % block else state


def dot(a: Array, b: Array) -> Float[Array, ""]:
    """Σ a b in full precision."""
    return jnp.vdot(a, b, precision=jax.lax.Precision.HIGHEST)


def ratio(above: Array, below: Array) -> Array:
    """above / below, and 0 where `below` is 0, in derivatives too."""
    return jnp.where(below > 0, above / jnp.where(below > 0, below, 1), 0)
