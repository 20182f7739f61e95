"""Times that are what was asked for while every block keeps to the raster."""

from __future__ import annotations

from physim_phantoms._checks import InputError

from ..sequence.blocks import Block
from ..units import MICROSECOND, picoseconds
from .limits import Limits


def wait(duration: int, name: str, limits: Limits) -> Block:
    """A block of nothing that lasts `duration` ps, to the nearest raster; `name` is what to raise where that is negative."""
    whole = round(duration / limits.raster) * limits.raster
    if whole < 0:
        raise InputError(
            f"{name} is too short by {-duration / 1e9:.4g} ms for the pulses, gradients and read-outs in it; raise {name}"
        )
    return Block(whole)


def lateness(time: int, limits: Limits) -> int:
    """How much later than the raster allows a sample must be read for a time to be exact: ps, a whole number of µs.

    Blocks and gradients begin on the raster (10 µs), read-outs on whole µs: what is left of a time is at most half a µs.
    """
    return round(time % limits.raster / MICROSECOND) * MICROSECOND


def require_raster(name: str, time: float, raster: int) -> int:
    """A time in s as ps; refuses one that is no multiple of `raster` ps, because blocks last whole multiples of it."""
    given = picoseconds(time)
    if given % raster:
        below, above = given // raster * raster / 1e9, (given // raster + 1) * raster / 1e9
        raise InputError(
            f"{name} is {given / 1e9:.9g} ms; it must be a multiple of {raster / 1e6:g} µs, on which blocks begin: "
            f"write {below:.9g}e-3 or {above:.9g}e-3"
        )
    return given
