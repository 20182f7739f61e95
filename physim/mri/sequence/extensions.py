"""What a block can carry beside pulses, gradients and read-outs: triggers, adjustable pauses, transmit channels.

Times are whole picoseconds, phases rad. None of it changes what spins see of one transmit channel on time: a simulation
plays triggers as if they came at once and adjustable pauses at the length of their block, and refuses `RfShim`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from physim_phantoms._checks import InputError, require_finite


class TriggerKind(enum.Enum):
    """Whether the scanner sends a trigger or waits for one."""

    OUTPUT = 1
    INPUT = 2


@dataclass(frozen=True, eq=False)
class Trigger:
    """A pulse on a trigger line, sent or waited for: `channel` is the scanner's number of the line.

    - `delay`: ps after the block began. - `duration`: ps.
    """

    kind: TriggerKind
    channel: int
    delay: int = 0
    duration: int = 0

    def __post_init__(self):
        if min(self.channel, self.delay, self.duration) < 0:
            raise InputError(
                f"a trigger has channel {self.channel}, delay {self.delay} ps and duration {self.duration} ps; "
                "none may be negative"
            )

    @property
    def end(self) -> int:
        """When the trigger is over, ps after its block began."""
        return self.delay + self.duration


@dataclass(frozen=True, eq=False)
class SoftDelay:
    """A pause whose length is asked for at the scanner: block duration = value / factor + offset.

    - `number`, `hint`: which value, as a number and as the name shown to the operator, such as "TE".
    - `offset`: ps. - `factor`: not zero.
    """

    number: int
    hint: str
    offset: int = 0
    factor: float = 1.0

    def __post_init__(self):
        require_finite("factor", self.factor)
        if self.factor == 0 or not self.hint or any(letter.isspace() for letter in self.hint):
            raise InputError(
                f"a soft delay has hint {self.hint!r} and factor {self.factor:g}; the hint must be one word, like 'TE', "
                "and the factor must not be zero"
            )


@dataclass(frozen=True, eq=False)
class RfShim:
    """How strongly, and with which phase (rad), each transmit channel plays the pulse of its block."""

    magnitudes: Float[np.ndarray, " channel"]
    phases: Float[np.ndarray, " channel"]

    def __post_init__(self):
        if np.shape(self.magnitudes) != np.shape(self.phases) or not np.size(self.magnitudes):
            raise InputError(
                f"an RF shim has {np.size(self.magnitudes)} magnitudes and {np.size(self.phases)} phases; "
                "give one of each for every transmit channel"
            )
        require_finite("magnitudes", self.magnitudes)
        require_finite("phases", self.phases)
