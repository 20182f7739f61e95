"""The inversion in front of a train of pulses."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp

from physim_phantoms._checks import require_range

from .atoms import Atoms
from .states import Number, States


class IdealInversion(eqx.Module):
    """An inversion in front of a train; what it leaves transverse is crushed.

    - `delay`: s, from the inversion to the first pulse. - `efficiency`: 1 inverts wholly.

    Raises `ValueError` for a negative delay, or an efficiency outside −1 to 1 (−1 inverts nothing).

    Good values: `IdealInversion(delay=20e-3)`.
    """

    delay: Number = 0.0
    efficiency: Number = 1.0

    def __check_init__(self):
        require_range("delay", self.delay, 0.0, 100.0, "s")
        require_range("efficiency", self.efficiency, -1.0, 1.0)


def inverted(atoms: Atoms, orders: int, inversion: IdealInversion) -> States:
    """States of the atoms when the train begins."""
    rest = States.at_rest(atoms, orders)
    left = 1 - (1 + inversion.efficiency) * jnp.exp(-jnp.asarray(inversion.delay) / atoms.t1)
    return States(rest.plus, rest.minus, rest.along * left)
