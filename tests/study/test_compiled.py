"""Compiled programs are kept where they belong, and only if nobody decided otherwise."""

import os
import subprocess
import sys
import textwrap

import pytest

from physim.study.compiled import keep_compiled

FOLDER, SHORTEST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


@pytest.fixture
def clean(monkeypatch, tmp_path):
    """An environment in which nothing was decided; what the test sets is undone after it."""
    for name in (FOLDER, SHORTEST):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path / "cache"))
    return monkeypatch


def test_the_folder_lies_in_the_cache_and_is_the_same_every_time(clean, tmp_path):
    folder = keep_compiled()
    assert folder is not None
    assert folder.is_dir()
    assert folder.parent == tmp_path / "cache" / "compiled"
    assert os.environ[FOLDER] == str(folder)
    clean.delenv(FOLDER)
    assert keep_compiled() == folder


@pytest.mark.parametrize("given", ["", "/elsewhere"])
def test_a_decision_of_the_user_stands(clean, tmp_path, given):
    clean.setenv(FOLDER, given)
    assert keep_compiled() is None
    assert os.environ[FOLDER] == given
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_only_costs_time(clean):
    clean.setenv("PHYSIM_DATA", "/proc/physim")
    assert keep_compiled() is None
    assert FOLDER not in os.environ


def test_a_second_process_finds_what_the_first_compiled_and_gets_the_same_bits(clean, tmp_path):
    code = """
        import os
        from physim.study.compiled import keep_compiled
        folder = keep_compiled()
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        import jax, jax.numpy as jnp
        x = jax.random.normal(jax.random.key(0), (64, 64))
        before = len(list(folder.iterdir()))
        y = jax.jit(lambda x: jnp.sin(x @ x) + jnp.cumsum(x, 0))(x)
        print(before, len(list(folder.iterdir())), bytes(y.tobytes()).hex())
    """

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "loading what was kept must be silent"
        return done.stdout.split()

    first, second = run(), run()
    assert int(first[1]) > int(first[0]), "nothing was kept"
    assert second[0] == second[1] == first[1], "it was compiled again"
    assert first[2] == second[2]
