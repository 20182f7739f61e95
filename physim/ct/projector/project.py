"""Line integrals of a volume along a geometry's rays, and their exact transpose, under one of two models."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_shape

from ..coverage import require_between, require_meeting
from ..geometry import Geometry
from .models import Joseph, Model
from .operator import PROJECTOR, prepare


def project(
    volume: Float[Array | np.ndarray, "x y z"], grid: Grid, geometry: Geometry, model: Model = Joseph()
) -> Float[Array, "view row column"]:
    """Integrals of `volume` along the rays of `geometry`: p = ∫ f dl, in the volume's unit times mm.

    The volume is zero outside the grid. Linear in the volume with `backproject` as its exact transpose; differentiable in
    volume, geometry and grid, to any order (both models are piecewise smooth in the geometry: derivatives are those of
    the pieces). Memory is that of volume and sinogram.
    Raises `ValueError` for NaN, a volume that does not fit the grid, a grid that no ray meets between source
    and detector, and a source or detector inside the object.

    Good values: `Joseph()` for gradients and speed, `DistanceDriven()` where pixels or voxels are coarse.
    """
    require_volume(volume, grid, geometry)
    return line_integrals(volume, grid, geometry, model)


def require_volume(volume: object, grid: Grid, geometry: Geometry) -> None:
    """Refuses what `project` cannot project."""
    require_shape("volume", volume, grid.shape)
    _require_real("volume", volume, "project")
    require_finite("volume", volume)
    require_meeting(grid, geometry)
    if is_concrete(volume):
        require_between("volume", grid, geometry, lambda part: bool(np.any(np.asarray(volume)[part])))


def line_integrals(
    volume: Float[Array | np.ndarray, "x y z"], grid: Grid, geometry: Geometry, model: Model
) -> Float[Array, "view row column"]:
    """`project` without its checks: for some views of a scan, which need not meet the grid."""
    volume = _floating(volume)
    scene, frame = prepare(grid, geometry, model, volume.dtype)
    return _forward(scene, tuple(frame), volume)


def backproject(
    sino: Float[Array | np.ndarray, "view row column"],
    grid: Grid,
    geometry: Geometry,
    model: Model = Joseph(),
) -> Float[Array, "x y z"]:
    """The exact transpose of `project`: every voxel collects the rays that see it, with the same weights.

    Raises `ValueError` for NaN, a sinogram that does not fit the geometry and a grid that no ray meets between
    source and detector.
    """
    require_sinogram(sino, grid, geometry)
    sino = _floating(sino)
    scene, frame = prepare(grid, geometry, model, sino.dtype)
    return _transpose(scene, tuple(frame), sino)


def require_sinogram(sino: object, grid: Grid, geometry: Geometry) -> None:
    """Refuses what `backproject` cannot bring back."""
    require_shape("sino", sino, geometry.sinogram_shape)
    _require_real("sino", sino, "backproject")
    require_finite("sino", sino)
    require_meeting(grid, geometry)


def _require_real(name: str, values: object, verb: str) -> None:
    if jnp.iscomplexobj(values):
        raise InputError(f"{name} is complex; it must be real: {verb} {name}.real and {name}.imag one by one")


@partial(jax.jit, static_argnums=0)
def _forward(scene, frame, volume):
    return PROJECTOR.apply(scene, frame, volume)


@partial(jax.jit, static_argnums=0)
def _transpose(scene, frame, sino):
    return PROJECTOR.transpose(scene, frame, sino)


def _floating(values):
    values = jnp.asarray(values)
    return values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(jnp.float32)
