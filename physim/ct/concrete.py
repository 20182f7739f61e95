"""Work on numbers that can be looked at, kept that way inside jit."""

from collections.abc import Callable
from typing import TypeVar

import jax

from physim_phantoms._checks import is_concrete

T = TypeVar("T")


def worked_out(function: Callable[..., T], *arguments) -> T:
    """`function(*arguments)`, at once if no argument is traced: projectors look at geometries to see how far rays reach."""
    if all(is_concrete(leaf) for leaf in jax.tree.leaves(arguments)):
        with jax.ensure_compile_time_eval():
            return function(*arguments)
    return function(*arguments)
