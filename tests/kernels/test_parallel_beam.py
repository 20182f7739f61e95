"""The compiled parallel-beam kernels against their JAX references, their transposes, and misuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physim_kernels
from physim.ct import filtered, joseph
from physim_kernels import availability
from tests.helper import assert_adjoint, assert_same

SHAPE, RAYS, NZ = (9, 12), (7, 17), 3
PAIRS = {
    "joseph": (joseph._JOSEPH, (*SHAPE, NZ), (*RAYS, NZ)),
    "smear": (filtered._SMEAR, (*RAYS, NZ), (*SHAPE, NZ)),
}


def parameters(name, dtype):
    """Views of both main axes, rays that miss the grid, and rays through voxel centres."""
    rng = np.random.default_rng(1)
    if name == "joseph":
        main = np.array([0, 1, 0, 1, 1, 0, 0.0])
        start = np.sort(rng.uniform(-8, 20, RAYS), axis=1)
        start[0] = np.arange(RAYS[1]) - 3
        values = main, start, np.append(0.0, rng.uniform(-1, 1, 6)), rng.uniform(1, 1.5, 7)
    else:
        values = rng.uniform(-5, 10, 7), rng.uniform(-1, 1, 7), rng.uniform(-1, 1, 7)
    return tuple(jnp.asarray(v, dtype) for v in values)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"):
        yield np.dtype(request.param)


@pytest.mark.parametrize("name", PAIRS)
def test_kernels_equal_the_references_and_are_transposes(name, dtype):
    pair, given, made = PAIRS[name]
    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(rng.standard_normal(shape), dtype) for shape in (given, made))
    p = parameters(name, dtype)
    forward, transpose = (
        (lambda v: pair.apply((SHAPE, RAYS), p, v)),
        (lambda v: pair.transpose((SHAPE, RAYS), p, v)),
    )
    fast = jax.jit(lambda x, y: (forward(x), transpose(y)))
    assert "ffi_call" not in str(jax.make_jaxpr(forward)(x))  # the kernel hides in the primitive's lowering
    assert (
        f"physim_parallel_{'project' if name == 'joseph' else 'smear'}_{dtype}" in fast.lower(x, y).as_text()
    )
    with availability.disabled():
        slow = jax.jit(lambda x, y: (forward(x), transpose(y)))(x, y)
    tolerance = 3e-6 if dtype == np.float32 else 1e-14
    for ours, reference in zip(fast(x, y), slow, strict=True):
        assert_same(ours, reference, tolerance)
    assert_adjoint(jax.jit(forward), jax.jit(transpose), x, y, 1e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("name", PAIRS)
def test_same_bits_whatever_the_number_of_threads(name):
    import numba

    pair, given, made = PAIRS[name]
    rng = np.random.default_rng(2)
    x, y = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in (given, made))
    p = parameters(name, jnp.float32)
    run = lambda: [
        np.asarray(v) for v in (pair.apply((SHAPE, RAYS), p, x), pair.transpose((SHAPE, RAYS), p, y))
    ]
    many, threads = run(), numba.get_num_threads()
    from physim_kernels import parallel_beam

    one = [np.empty(made, np.float32), np.empty(given, np.float32)]
    arrays = [np.asarray(a) for a in p]
    numba.set_num_threads(1)
    try:
        for suffix, value, out in zip(("", "_transpose"), (x, y), one, strict=True):
            kernel = getattr(parallel_beam, ("project" if name == "joseph" else "smear") + suffix)
            kernel(np.asarray(value), *arrays, out)
    finally:
        numba.set_num_threads(threads)
    for a, b in zip(many, one, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: (a[0], a[1], a[2], a[3][:-1], a[4]), "do not belong together"),
        (lambda a: (a[0], a[1], a[2][:, :-1], a[3], a[4]), "do not belong together"),
        (lambda a: (a[0][0], *a[1:]), "3-D volume"),
        (lambda a: a[:4], "5 arguments"),
        (lambda a: (a[0][:, :1], *a[1:]), "do not belong together"),
    ],
)
def test_misuse_is_an_error_not_a_crash(change, message):
    target = physim_kernels.ensure("parallel_project", np.float32)
    assert target is not None
    arguments = (jnp.ones((*SHAPE, NZ), jnp.float32), *parameters("joseph", jnp.float32))
    made = jax.ShapeDtypeStruct((*RAYS, NZ), np.float32)
    with pytest.raises(Exception, match=message):
        jax.jit(lambda *a: jax.ffi.ffi_call(target, made)(*a))(*change(arguments)).block_until_ready()


def test_voxel_driven_misuse_is_an_error_not_a_crash():
    target = physim_kernels.ensure("parallel_smear", np.float32)
    assert target is not None
    made = jax.ShapeDtypeStruct((*SHAPE, NZ), np.float32)
    origin, along_x, along_y = parameters("smear", jnp.float32)
    lines = jnp.ones((*RAYS, NZ), jnp.float32)
    with pytest.raises(Exception, match="do not belong together"):
        jax.jit(lambda *a: jax.ffi.ffi_call(target, made)(*a))(
            lines, origin, along_x[:3], along_y
        ).block_until_ready()
