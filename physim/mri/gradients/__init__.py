"""What real gradient systems do: delays, eddy currents, fields that are not linear in space, concomitant fields."""

from .concomitant import ConcomitantFields as ConcomitantFields
from .eddy_currents import EddyCurrent as EddyCurrent
from .nonlinearity import GradientNonlinearity as GradientNonlinearity
from .nonlinearity import unwarp as unwarp
from .system import GradientSystem as GradientSystem
from .system import Played as Played
