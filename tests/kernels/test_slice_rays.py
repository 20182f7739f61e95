"""Slices of one voxel: where tiles end, where shadows are wide, where several rows of pixels look at one slice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.projector.operator import PROJECTOR, prepare
from physim_kernels import availability
from physim_phantoms import Grid
from tests.helper import assert_adjoint, assert_same

SLICE = Grid((70, 37, 1), (1.0, 1.3, 2.0))
SCENES = {
    "fine fan": (SLICE, ct.fan_beam(5, 200.0, 320.0, 150, 1.1)),
    "wide pixels": (SLICE, ct.fan_beam(3, 200.0, 320.0, 3, 75.0)),
    "rows above one another": (SLICE, ct.circular_cone(4, 200.0, 320.0, (5, 90), (0.7, 2.0))),
    "parallel, out of the middle": (
        Grid((70, 37, 1), origin=(-30.0, -20.0, 0.3)),
        ct.parallel_beam(4, (3, 80), (0.4, 1.1)),
    ),
    "thin": (Grid((1, 40, 1)), ct.fan_beam(6, 200.0, 320.0, 60, 1.0)),
    "tilted": (SLICE, ct.misaligned(ct.circular_cone(3, 200.0, 320.0, (3, 90), (0.7, 2.0)), roll=0.2)),
}


CASES = [(name, ct.Joseph()) for name in SCENES] + [
    (name, ct.DistanceDriven()) for name in ("wide pixels", "rows above one another")
]


@pytest.mark.parametrize(
    ("name", "model"), CASES, ids=lambda v: v if isinstance(v, str) else type(v).__name__
)
def test_tiles_of_a_slice_give_what_the_reference_gives(name, model):
    grid, geometry = SCENES[name]
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.standard_normal(grid.shape))
        y = jnp.asarray(rng.standard_normal(geometry.sinogram_shape))
        scene, frame = prepare(grid, geometry, model, np.float64)
        both = lambda x, y: (PROJECTOR.apply(scene, frame, x), PROJECTOR.transpose(scene, frame, y))
        made = jax.jit(both)(x, y)
        with availability.disabled():
            expected = jax.jit(lambda x, y: both(x, y))(x, y)
        for ours, reference in zip(made, expected, strict=True):
            assert np.any(np.asarray(reference) != 0)
            assert_same(ours, reference, 1e-13)
        assert_adjoint(lambda _: made[0], lambda _: made[1], x, y, 1e-13)
