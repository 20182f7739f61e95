"""A sequence: blocks played one after another, each with its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError

from ..units import seconds
from .events import Adc, Gradient, Rf
from .extensions import RfShim, SoftDelay, Trigger

AXES = ("gx", "gy", "gz")


@dataclass(frozen=True, eq=False)
class Block:
    """Events that start together; the next block starts `duration` (ps) later.

    - `gx`, `gy`, `gz`: gradients along the axes of the scanner, or of the block's own frame where `rotation` is given:
      a matrix from the block's axes to the scanner's.
    - `labels`: counters and flags that hold from this block's read-out on, as `(("SET" or "INC", name, value), ...)`.
    - `triggers`, `soft_delay`, `rf_shim`: what goes along for a scanner; simulation refuses a pulse with `rf_shim`.
    """

    duration: int
    rf: Rf | None = None
    gx: Gradient | None = None
    gy: Gradient | None = None
    gz: Gradient | None = None
    adc: Adc | None = None
    rotation: Float[np.ndarray, "3 3"] | None = None
    labels: tuple[tuple[str, str, int], ...] = ()
    triggers: tuple[Trigger, ...] = ()
    soft_delay: SoftDelay | None = None
    rf_shim: RfShim | None = None

    def __post_init__(self):
        for name, event in [*self.events(), *(("a trigger", trigger) for trigger in self.triggers)]:
            if event.end > self.duration:
                raise InputError(
                    f"{name} ends {event.end / 1e6:g} µs after its block began, but the block lasts {self.duration / 1e6:g} µs; "
                    "make the block longer: write block(...) without a duration, which fits it to the events"
                )
        if self.rf is not None and self.adc is not None and self._overlap(self.rf, self.adc):
            raise InputError(
                "a read-out overlaps a pulse in one block; samples during a pulse are not simulated: "
                "move the read-out behind the pulse"
            )
        if self.soft_delay is not None and self.events():
            raise InputError(
                f"a soft delay ({self.soft_delay.hint}) shares a block with {self.events()[0][0]}; its block changes its "
                "length and must be empty: give the soft delay a block of its own"
            )

    @staticmethod
    def _overlap(rf: Rf, adc: Adc) -> bool:
        return adc.delay < rf.end and rf.delay < adc.end

    def events(self) -> list[tuple[str, Rf | Gradient | Adc]]:
        """The events that are there, by name."""
        names = ("rf", *AXES, "adc")
        return [(name, getattr(self, name)) for name in names if getattr(self, name) is not None]


def block(
    *,
    rf: Rf | None = None,
    gx: Gradient | None = None,
    gy: Gradient | None = None,
    gz: Gradient | None = None,
    adc: Adc | None = None,
    duration: int = 0,
    raster: int = 10_000_000,
    **more,
) -> Block:
    """A block that lasts until its last event ends and at least `duration` ps, rounded up to `raster` ps (10 µs)."""
    last = max([duration, *(event.end for event in (rf, gx, gy, gz, adc) if event is not None)])
    return Block(-(-last // raster) * raster, rf, gx, gy, gz, adc, **more)


@dataclass(frozen=True, eq=False)
class Sequence:
    """Blocks in the order in which they are played, and what the file or the builder says about them.

        sequence = mri.Sequence([mri.block(rf=pulse), mri.block(adc=readout)])

    - `definitions`: names and values that go with the sequence, such as the field of view.
    """

    blocks: tuple[Block, ...]
    definitions: Mapping[str, object]

    def __init__(self, blocks: Iterable[Block], definitions: Mapping[str, object] | None = None):
        object.__setattr__(self, "blocks", tuple(blocks))
        object.__setattr__(self, "definitions", dict(definitions or {}))
        if not self.blocks:
            raise InputError("a sequence has no blocks; give it at least one: Sequence([block(rf=pulse)])")

    def __len__(self) -> int:
        return len(self.blocks)

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __add__(self, other: Sequence) -> Sequence:
        return Sequence(self.blocks + other.blocks, {**self.definitions, **other.definitions})

    def starts(self) -> list[int]:
        """When each block begins, ps; one more for the end of the sequence."""
        times = [0]
        for one in self.blocks:
            times.append(times[-1] + one.duration)
        return times

    @property
    def duration(self) -> float:
        """s."""
        return float(seconds(self.starts()[-1]))

    @property
    def samples(self) -> int:
        """Samples of all read-outs together."""
        return sum(one.adc.samples for one in self.blocks if one.adc is not None)
