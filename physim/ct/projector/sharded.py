"""Views spread over devices: each projects its own, and the transpose adds up what all of them collect."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError

from ..geometry import Geometry, n_views
from .frame import RayFrame
from .models import Joseph, Model
from .operator import PROJECTOR, prepare
from .project import require_sinogram, require_volume


def project_sharded(
    volume: Float[Array | np.ndarray, "x y z"],
    grid: Grid,
    geometry: Geometry,
    mesh: Mesh,
    model: Model = Joseph(),
) -> Float[Array, "view row column"]:
    """`project` with the views divided over the only axis of `mesh`; the sinogram stays divided, the volume is on all.

    Linear and differentiable like `project`; its transpose is `backproject_sharded`.
    Raises `ValueError` as `project`, for a number of views that the devices do not share evenly, and a mesh of several axes.

    Good values: `project_sharded(volume, grid, geometry, jax.make_mesh((8,), ("view",)))`.
    """
    require_volume(volume, grid, geometry)
    volume = jnp.asarray(volume)
    mesh, scene, frame = _shared(grid, geometry, mesh, model, volume.dtype)
    local = partial(PROJECTOR.apply, scene)
    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(_by_view(mesh), PartitionSpec()),
        out_specs=PartitionSpec(*mesh.axis_names),
        check_vma=False,
    )
    return run(tuple(frame), volume)


def backproject_sharded(
    sino: Float[Array | np.ndarray, "view row column"],
    grid: Grid,
    geometry: Geometry,
    mesh: Mesh,
    model: Model = Joseph(),
) -> Float[Array, "x y z"]:
    """`backproject` with the views divided over the only axis of `mesh`; every device ends with the whole volume.

    Raises `ValueError` as `project_sharded`.
    """
    require_sinogram(sino, grid, geometry)
    sino = jnp.asarray(sino)
    mesh, scene, frame = _shared(grid, geometry, mesh, model, sino.dtype)
    run = jax.shard_map(
        lambda frame, values: jax.lax.psum(PROJECTOR.transpose(scene, frame, values), mesh.axis_names),
        mesh=mesh,
        in_specs=(_by_view(mesh), PartitionSpec(*mesh.axis_names)),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    return run(tuple(frame), sino)


def _shared(grid: Grid, geometry: Geometry, mesh: Mesh, model: Model, dtype):
    """The mesh, the scene of one device, and the rays of all."""
    if len(mesh.axis_names) != 1:
        raise InputError(f'the mesh has axes {mesh.axis_names}; write jax.make_mesh((devices,), ("view",))')
    devices, views = mesh.size, n_views(geometry)
    if views % devices:
        raise InputError(
            f"{views} views cannot be shared evenly by {devices} devices; take {views - views % devices or devices} views, "
            "or a mesh of fewer devices"
        )
    scene, frame = prepare(grid, geometry, model, dtype)
    # Of whichever kind the user's axes are: what is divided and what is not is said here.
    plain = Mesh(mesh.devices, mesh.axis_names)
    return plain, scene._replace(views=views // devices), frame


def _by_view(mesh: Mesh):
    """How each array of a `RayFrame` lies on the devices: everything that is there for every view is divided."""
    whole = {"spacing", "sound"}
    each = (() if name in whole else mesh.axis_names for name in RayFrame._fields)
    return tuple(PartitionSpec(*axes) for axes in each)
