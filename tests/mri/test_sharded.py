"""Spins over eight virtual devices: the same signals and derivatives as on one."""

import json

import jax
import numpy as np
import pytest

from physim import mri
from tests.command import process

SCRIPT = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
import json, jax, jax.numpy as jnp, numpy as np
import equinox as eqx
from physim import mri
assert jax.device_count() == 8
mesh = jax.make_mesh((8,), ("spin",))
rng = np.random.default_rng(0)
n, scanner = 101, mri.Scanner(receive=mri.head_array(2))
spins = mri.Isochromats(rng.uniform(-9, 9, (n, 3)), rng.uniform(0.5, 1, n), rng.uniform(0.5, 2, n), rng.uniform(0.05, 0.1, n))
sequence = mri.sequences.spoiled_gradient_echo((8, 8), (60.0, 60.0), tr=12e-3, te=6e-3, region=mri.sequences.Whole())
program = mri.compile_sequence(sequence)
one = lambda spins: mri.simulate(spins, program, scanner, mri.Direct())
eight = jax.jit(lambda spins: mri.simulate_sharded(spins, program, scanner, mesh))
truth, signal = one(spins), eight(spins)
loss = lambda run, t1: (jnp.abs(run(eqx.tree_at(lambda s: s.t1, spins, t1))) ** 2).sum()
slopes = [jax.grad(lambda t1, run=run: loss(run, t1))(spins.t1) for run in (one, eight)]
ready = mri.prepare_encoding(mri.Nonuniform(1e-5), spins, program)
fast = mri.simulate_sharded(spins, program, scanner, mesh, ready)
apart = lambda a, b: float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b)))
print(json.dumps({
    "devices": len(signal.sharding.device_set),
    "signal": apart(signal, truth), "gradient": apart(slopes[1], slopes[0]), "fast": apart(fast, truth),
}))
"""


def test_eight_devices_give_what_one_gives():
    made = process(SCRIPT)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout.splitlines()[-1])
    assert told["devices"] == 8
    assert max(told["signal"], told["gradient"]) < 1e-5
    assert told["fast"] < 1e-4


def test_two_pools_go_over_a_mesh_and_several_axes_are_refused():
    spins = mri.Pools(np.zeros((3, 3)), t1=1.3, t2=0.08, second=mri.Semisolid(), fraction=0.1, exchange=20.0)
    sequence = mri.sequences.free_induction_decay(4, 1e-3)
    mesh = jax.make_mesh((1,), ("spin",))
    got = np.asarray(mri.simulate_sharded(spins, sequence, mri.Scanner(), mesh))
    assert np.abs(got - np.asarray(mri.simulate(spins, sequence, mri.Scanner()))).max() < 1e-6
    with pytest.raises(ValueError, match="the mesh has axes"):
        mri.simulate_sharded(spins, sequence, mri.Scanner(), jax.make_mesh((1, 1), ("a", "b")))
