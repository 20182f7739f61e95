"""Pauses that make the timing what was asked for."""

from __future__ import annotations

from physim_phantoms._checks import InputError

from ..sequence.blocks import Block


def wait(duration: int, name: str) -> Block:
    """A block of nothing that lasts `duration` ps; `name` is the parameter to raise where that is negative."""
    if duration < 0:
        raise InputError(
            f"{name} is too short by {-duration / 1e9:.4g} ms for the pulses, gradients and read-outs in it; raise {name}"
        )
    return Block(duration)
