"""A patient that moves as a whole: in the patient's own frame it is the gradients that move.

    r(t) = R(t) (r − c) + c + u(t),        phase = ∫ G·r(t) dt = (∫ Rᵀ G dt)·r + ∫ G·(u + c − R c) dt

The first moment replaces k, the second is a phase that all spins share: spins need not be touched. Both are exact for
translations; rotation matrices are interpolated between angles no more than `step` apart, which is wrong by step²/8.
"""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial.transform import Rotation

from physim_phantoms._checks import InputError, require_finite, require_range

from ..gradients.eddy_currents import Three, three_numbers
from ..gradients.system import Played
from .motion import Motion, MovedGradients, require_concrete, require_plain, require_times
from .weighted import WeightedGradient, Weights

MOST_KNOTS = 1_000_000


class RigidMotion(Motion):
    """Rotation and translation of the patient, linear in time between `times` and at rest before and after.

    - `times`: s from the start of the sequence. - `rotations`: rotation vectors (axis times angle, rad, right-handed).
    - `translations`: mm. - `centre`: what the patient turns about, mm. - `step`: rad between which matrices are
      interpolated; places are wrong by step²/8 of the distance from the centre.

    Numbers act on the host and cannot be traced. Positions of spins are those where both are zero. Everything of a spin goes
    with it, its off-resonance and transmit field included; gradients, pulses and slices stay where the scanner is.
    Magnetisation is not dragged along by a turn: its axes remain those of the scanner.

    Good values: `RigidMotion(times=[0.0, 2.0], rotations=np.zeros((2, 3)), translations=[[0, 0, 0], [0, 3.0, 0]])`.
    """

    times: Float[np.ndarray, " knot"]
    rotations: Float[np.ndarray, "knot 3"]
    translations: Float[np.ndarray, "knot 3"]
    centre: Float[np.ndarray | Array, "3"]
    step: float = eqx.field(static=True)

    def __init__(self, times, rotations, translations, centre: Three = (0.0, 0.0, 0.0), step: float = 1e-3):
        require_times(times)
        self.times = np.asarray(times, float)
        self.rotations = _rows("rotations", rotations, len(self.times))
        self.translations = _rows("translations", translations, len(self.times))
        require_range("rotations", self.rotations, -10.0, 10.0, "rad")
        require_range("translations", self.translations, -1e4, 1e4, "mm")
        require_range("step", step, 1e-6, 1.0, "rad")
        require_concrete("centre", centre)
        require_range("centre", centre, -1e4, 1e4, "mm")
        self.centre, self.step = three_numbers("centre", centre), float(step)

    def seen(self, played: Played) -> TurnedGradients:
        """The gradients in the patient's frame."""
        require_plain(played)
        times, turns, shifts = self._fine()
        matrices = Rotation.from_rotvec(turns).as_matrix()
        centre = np.asarray(self.centre, float)
        offsets = shifts + centre - matrices @ centre
        rows = tuple(
            Weights.of(times, np.concatenate([matrices[:, axis], offsets[:, axis, None]], axis=1))
            for axis in range(3)
        )
        pairs = zip(played.axes, rows, strict=True)
        return TurnedGradients(played, tuple(WeightedGradient(one, row) for one, row in pairs))

    def places(self, position: Float[Array, "spin axis"]) -> Float[Array, "spin 0"]:
        """None: the gradients move instead."""
        return position[:, :0]

    def _fine(self):
        """Times so close together that no rotation between them exceeds `step`, and the motion there."""
        angles = np.linalg.norm(np.diff(self.rotations, axis=0), axis=1)
        counts = np.maximum(1, np.ceil(angles / self.step)).astype(int)
        if counts.sum() > MOST_KNOTS:
            raise InputError(
                f"step is {self.step:g} rad, which cuts this motion into {counts.sum()} pieces; at most {MOST_KNOTS} are "
                "allowed: write a larger step"
            )
        pieces = [
            np.linspace(first, last, count, endpoint=False)
            for first, last, count in zip(self.times[:-1], self.times[1:], counts, strict=True)
        ]
        times = np.concatenate([*pieces, self.times[-1:]])

        def there(values):
            return np.stack([np.interp(times, self.times, column) for column in values.T], axis=1)

        return times, there(self.rotations), there(self.translations)


@dataclass(frozen=True, eq=False)
class TurnedGradients(MovedGradients):
    """Gradients in the frame of a patient: for each axis of the scanner the row of R and the offset along it."""

    played: Played
    rows: tuple[WeightedGradient, ...]

    def rate(self, times) -> Float[np.ndarray, "... 3"]:
        """Hz/mm at `times` (ps)."""
        return np.sum(
            [row.gradient.at(times)[..., None] * row.weights.at(times)[..., :3] for row in self.rows], axis=0
        )

    def moment(self, times) -> Float[np.ndarray, "... 3"]:
        """The integral of `rate` up to `times` (ps), cycles/mm."""
        return self._integrals(times)[..., :3]

    def common(self, times) -> Float[np.ndarray, "..."]:
        """The phase that all spins have alike, cycles."""
        return self._integrals(times)[..., 3] + self.played.common(times)

    def _integrals(self, times):
        return np.sum([row.integral(times) for row in self.rows], axis=0)


def _rows(name: str, values, count: int) -> Float[np.ndarray, "knot 3"]:
    require_concrete(name, values)
    given = np.asarray(values, float)
    if given.shape != (count, 3):
        raise InputError(
            f"{name} has shape {given.shape}; it must have three numbers at each of {count} times"
        )
    require_finite(name, given)
    return given
