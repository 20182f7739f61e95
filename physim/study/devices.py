"""Which device JAX computes on, decided before JAX starts."""

from __future__ import annotations

import os
import subprocess
import sys

from physim_phantoms import InputError

_EXTRA = {"gpu": "cuda13", "tpu": "tpu"}


def use_device(name: str, *, apart: bool = False) -> None:
    """Makes JAX compute on the `cpu`, the `gpu` or the `tpu` in this process and in those it starts.

    - `apart`: look for the device in another process, so that this one holds none of its memory.

    Raises `InputError` if there is no such device, or if JAX has started on another one.
    """
    if name not in ("cpu", *_EXTRA):
        raise InputError(f"device is {name!r}; it must be 'cpu', 'gpu' or 'tpu'")
    before = os.environ.pop("JAX_PLATFORMS", None)
    if name == "cpu":
        os.environ["JAX_PLATFORMS"] = (
            "cpu"  # the accelerators are left to JAX's own choice: it fails on names it lacks
        )
    found = _found_apart() if apart else _found_here()
    if found == name:
        return
    os.environ.pop("JAX_PLATFORMS", None)
    if before is not None:
        os.environ["JAX_PLATFORMS"] = before
    if name == "cpu":
        raise InputError(
            f"device is 'cpu', but JAX has started on {found!r}; set JAX_PLATFORMS=cpu before it starts"
        )
    raise InputError(
        f"device is {name!r}, but JAX finds only {found!r} here; pip install 'physim-imaging[{_EXTRA[name]}]' "
        "on a machine that has one, or write --device cpu"
    )


def _found_here() -> str:
    import jax

    return jax.default_backend()


def _found_apart() -> str:
    """The device that a new process of this environment gets."""
    look = "import jax, sys; sys.stdout.write(jax.default_backend())"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    return done.stdout or "none"
