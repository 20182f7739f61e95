"""The bridge from Numba to XLA: under jit, grad, vmap and threads, cached on disk, refusing misuse."""

import importlib
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numba
import numpy as np
import pytest

import physim_kernels
from physim import core
from physim_kernels import availability, bridge

PATH = os.pathsep.join(sys.path)


def run(code: str, **environment: str) -> str:
    """Runs a script in a fresh process and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": PATH} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_kernel_is_live_here():
    rows = physim_kernels.status()
    assert {row.kernel for row in rows} >= {"sample", "sample_transpose", "diffusion", "diffusion_map"}
    assert not [f"{row.kernel} {row.precision}: {row.reason}" for row in rows if not row.live]


@pytest.mark.parametrize("kernel", availability._KERNELS)
def test_what_a_handler_closes_over_is_the_same_in_every_process(kernel, monkeypatch):
    """A compiled function has an identity of its own in each: the handler would be compiled anew in all of them."""
    monkeypatch.setattr(bridge, "handler", lambda function: function)
    name, arguments = availability._KERNELS[kernel]
    module = importlib.import_module(f"physim_kernels.{name}")
    handler = module.make_handler(numba.types.float32, bridge.FLOAT32, *arguments)
    held = [cell.cell_contents for cell in handler.__closure__ or ()]
    flat = [one for value in held for one in (value if isinstance(value, tuple) else (value,))]
    assert not [one for one in flat if isinstance(one, numba.core.dispatcher.Dispatcher)]


def test_openmp_serves_the_threads():
    physim_kernels.status()
    assert physim_kernels.availability.threading_layer() in {"omp", "tbb"}


def test_two_python_threads_at_once_get_the_same_bits():
    volume = jax.random.normal(jax.random.key(0), (24, 25, 26))
    points = jax.random.uniform(jax.random.key(1), (20_000, 3), maxval=25.0)
    expected = np.asarray(core.sample(volume, points))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: np.asarray(core.sample(volume, points)), range(24)))
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_switched_off_by_the_environment_and_says_so():
    out = run(
        """
        import physim_kernels
        print({(row.live, row.reason) for row in physim_kernels.status()})
        from physim import core
        import jax.numpy as jnp
        print(core.sample(jnp.ones((3, 3, 3)), jnp.ones((1, 3))))
        """,
        PHYSIM_KERNELS="off",
    )
    assert "{(False, 'PHYSIM_KERNELS=off')}" in out
    assert "[1.]" in out


def test_disabled_block_traces_the_reference(key):
    volume, points = jax.random.normal(key, (5, 6, 7)), jnp.full((3, 3), 2.25)

    def text():  # a fresh function each time: jit must not answer from its cache
        return jax.jit(lambda v, p: core.sample(v, p) + 0).lower(volume, points).as_text()

    assert "physim_sample_float32" in text()
    with physim_kernels.disabled():
        assert "physim_sample_float32" not in text()


def test_second_process_is_ready_within_a_second():
    code = """
        import time
        import jax, jax.numpy as jnp, numba
        import physim_kernels
        start = time.perf_counter()
        assert physim_kernels.ensure("sample", "float32")
        assert physim_kernels.ensure("diffusion", "float32")
        files = __import__("glob").glob(physim_kernels.__path__[0] + "/__pycache__/*.nbi")
        print(len(files), time.perf_counter() - start)
        """
    run(code)
    files, _ = run(code).split()
    # The time itself belongs to benchmarks/startup.py; here the cache must be there and restored without a crash.
    assert int(files) > 0


@pytest.mark.slow
def test_processes_that_compile_at_once_do_not_mix_up_precisions(tmp_path):
    """Numba's disk cache alone does mix them up, now and then."""
    code = """
        import sys
        import jax, jax.numpy as jnp
        from physim import core
        for name in sys.argv[1].split():
            with jax.enable_x64(name == "float64"):
                volume = jnp.arange(27.0, dtype=name).reshape(3, 3, 3)
                assert float(core.sample(volume, jnp.full((1, 3), 0.5, name))[0]) == 6.5
        """
    environment = os.environ | {"PYTHONPATH": PATH, "NUMBA_CACHE_DIR": str(tmp_path)}
    start = lambda names: subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), names], env=environment
    )
    together = [start(names) for names in ("float32", "float64", "float64 float32")]
    assert [process.wait() for process in together] == [0, 0, 0]
    assert start("float32 float64").wait() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((jnp.ones((2, 2)), jnp.ones((1, 3)), jnp.zeros(3, jnp.int32)), "3-D volume"),
        ((jnp.ones((2, 2, 2)), jnp.ones((1, 2)), jnp.zeros(3, jnp.int32)), "3-D volume"),
        ((jnp.ones((2, 2, 2)), jnp.ones((1, 3)), jnp.zeros(3, jnp.float32)), "3-D volume"),
        ((jnp.ones((2, 2, 2)), jnp.ones((1, 3))), "3 arguments"),
    ],
    ids=["rank", "width", "dtype", "count"],
)
def test_misuse_is_an_error_and_no_crash(arguments, message):
    target = physim_kernels.ensure("sample", "float32")
    assert target is not None
    call = jax.ffi.ffi_call(target, jax.ShapeDtypeStruct((1,), jnp.float32))
    with pytest.raises(jax.errors.JaxRuntimeError, match=message):
        jax.block_until_ready(call(*arguments))


def test_unknown_kernels_and_precisions_fall_back():
    assert physim_kernels.ensure("no such kernel", "float32") is None
    assert physim_kernels.ensure("sample", "float16") is None


def test_bandwidth_is_a_plausible_number():
    assert 0.5 < physim_kernels.measure_bandwidth(megabytes=24, repeats=1) < 5000
