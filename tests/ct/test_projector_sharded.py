"""Views over eight virtual devices: the same numbers as on one."""

import json

import jax
import numpy as np
import pytest

from physim import ct
from tests.command import process
from tests.ct.scanners import scanners

SCRIPT = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
import json, jax, jax.numpy as jnp, numpy as np
from physim import ct
from physim.ct.projector import backproject_sharded, project_sharded
from physim_phantoms import Grid
assert jax.device_count() == 8
mesh = jax.make_mesh((8,), ("view",))
grid, geometry = Grid((12, 11, 8), 2.0), ct.circular_cone(16, 100.0, 180.0, (9, 14), (2.0, 2.1))
rng = np.random.default_rng(0)
x = jnp.asarray(rng.standard_normal(grid.shape), jnp.float32)
y = jnp.asarray(rng.standard_normal(geometry.sinogram_shape), jnp.float32)
run = jax.jit(lambda x, y: (project_sharded(x, grid, geometry, mesh), backproject_sharded(y, grid, geometry, mesh)))
sino, volume = run(x, y)
slope = jax.grad(lambda x: jnp.vdot(project_sharded(x, grid, geometry, mesh), y))(x)
apart = lambda a, b: float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b)))
print(json.dumps({
    "devices": len(sino.sharding.device_set),
    "views_each": sino.addressable_shards[0].data.shape[0],
    "forward": apart(sino, ct.project(x, grid, geometry)),
    "transpose": apart(volume, ct.backproject(y, grid, geometry)),
    "gradient": apart(slope, ct.backproject(y, grid, geometry)),
}))
"""


def test_eight_devices_give_what_one_gives():
    made = process(SCRIPT)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout.splitlines()[-1])
    assert told["devices"] == 8
    assert told["views_each"] == 2
    assert max(told["forward"], told["transpose"], told["gradient"]) < 1e-5


def test_views_that_cannot_be_shared_are_refused():
    grid, geometry = scanners()["helix"]
    mesh = jax.make_mesh((1,), ("view",))
    assert np.asarray(ct.project_sharded(np.ones(grid.shape, np.float32), grid, geometry, mesh)).max() > 0
    two = jax.make_mesh((1, 1), ("a", "b"))
    with pytest.raises(ValueError, match="the mesh has axes"):
        ct.project_sharded(np.ones(grid.shape, np.float32), grid, geometry, two)


def test_what_project_refuses_is_refused_here():
    grid, geometry = scanners()["helix"]
    mesh = jax.make_mesh((1,), ("view",))
    volume, sino = (np.ones(shape, np.float32) for shape in (grid.shape, geometry.sinogram_shape))
    volume[0, 1, 2] = sino[0, 1, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"volume has 1 NaN .* the first at \[0, 1, 2\]; .* numpy.nan_to_num"
    ):
        ct.project_sharded(volume, grid, geometry, mesh)
    with pytest.raises(ValueError, match="sino has 1 NaN"):
        ct.backproject_sharded(sino, grid, geometry, mesh)
