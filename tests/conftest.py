"""Policy of the suite: shapes are executed, warnings are errors, slow tests are asked for, keys are explicit."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# What JAX compiles is kept until the suite ends: a digital patient takes half a minute, and many files want one; of the
# small programs of operations outside jit a tenth come back in other files, and reading one takes a tenth of compiling it.
# The processes of the suite and what they start inherit the folder; a folder of one's own stays.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="physim-compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

from jaxtyping import install_import_hook

# Every jaxtyping annotation becomes a check while the suite runs; Numba must see its kernels undecorated.
install_import_hook(["physim", "physim_phantoms"], "beartype.beartype")

import jax  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture
def key():
    """A fixed PRNG key."""
    return jax.random.key(20261123)


@pytest.fixture
def x64():
    """Double precision for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module", autouse=True)
def _programs_of_one_file():
    """Lets go of a file's compiled programs: beside thousands of them each further one takes half as long again."""
    yield
    jax.clear_caches()


def pytest_collection_modifyitems(config, items):
    """`-m slow` asks for the slow tests; otherwise they are left out, with a reason."""
    if "slow" in (config.getoption("-m") or ""):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))
