"""What can be played ahead of an excitation: inversion, saturation of fat."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

from physim_phantoms._checks import require_range

from ..sequence.blocks import Block
from ..sequence.events import Rf, Use
from ..units import picoseconds
from .limits import Limits
from .lines import Excitation, without_gradient
from .pulses import gaussian_pulse, hyperbolic_secant
from .repetition import Lobes
from .timing import require_raster, wait


class Preparation(abc.ABC):
    """What is played ahead of an excitation."""

    @abc.abstractmethod
    def blocks(self, to_centre: int, limits: Limits) -> list[Block]:
        """The blocks; the middle of the excitation comes `to_centre` ps after their end."""


@dataclass(frozen=True, eq=False)
class Inversion(Preparation):
    """An inversion `ti` s before the excitation, middle to middle: FLAIR with the null of fluid, STIR with that of fat.

    - `pulse`: None for `hyperbolic_secant()`, which inverts alike whatever B₁. - `spoiling`: cycles/mm along z after it.

    With ideal pulses a tissue is nulled at TI = T1 ln(2 / (1 + exp(−TR/T1))), TR from excitation to inversion's repetition.
    Good values: `Inversion(2.5)` with TR 9 s for FLAIR at 3 T, `Inversion(0.22)` for STIR.
    """

    ti: float
    pulse: Rf | None = None
    spoiling: float = 2.0

    def blocks(self, to_centre: int, limits: Limits) -> list[Block]:
        """Pulse, spoiler, pause."""
        require_raster("ti", self.ti, limits.raster)
        rf = hyperbolic_secant() if self.pulse is None else self.pulse
        pulse = without_gradient(rf, limits)
        spoiler = _spoiler(self.spoiling, limits)
        spent = pulse.after_centre + spoiler.duration + to_centre
        return [pulse.play(), spoiler, wait(picoseconds(self.ti) - spent, "ti", limits)]


@dataclass(frozen=True, eq=False)
class FatSaturation(Preparation):
    """A Gaussian pulse on the resonance of fat right before the excitation, and a spoiler.

    - `flip_angle`: rad. - `shift`: of fat, ppm. - `duration`: s. - `time_bandwidth`: of its full width at half maximum.
    - `spoiling`: cycles/mm along z after it.

    Good values: the defaults at 3 T; at 1.5 T twice the duration.
    """

    flip_angle: float = math.pi / 2
    shift: float = -3.45
    duration: float = 8e-3
    time_bandwidth: float = 3.0
    spoiling: float = 2.0

    def blocks(self, to_centre: int, limits: Limits) -> list[Block]:
        """Pulse and spoiler."""
        require_range("shift", self.shift, -1e4, 1e4, "ppm")
        rf = gaussian_pulse(
            self.flip_angle,
            self.duration,
            self.time_bandwidth,
            use=Use.SATURATION,
            frequency_ppm=self.shift,
        )
        pulse: Excitation = without_gradient(rf, limits)
        return [pulse.play(), _spoiler(self.spoiling, limits)]


def _spoiler(moment: float, limits: Limits) -> Block:
    """A gradient along z (cycles/mm)."""
    lobes = Lobes(limits)
    return lobes.block((0.0, 0.0, moment), lobes.length(moment))


def prepared(preparation: Preparation | None, to_centre: int, limits: Limits) -> list[Block]:
    """The blocks of a preparation, or none."""
    return [] if preparation is None else preparation.blocks(to_centre, limits)
